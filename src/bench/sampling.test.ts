import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { samplePositions } from './sampling.ts'

describe('sampled positions', () => {
  it('have every place of a tile, however large an image is', () => {
    for (const size of [13, 28, 56, 112, 224]) {
      const positions = samplePositions([16, size, size, 8], 400).slice(0, -16)
      for (const tile of [4, 5]) {
        const places = new Set(positions.map(([, y, x]) => (y! % tile) * tile + (x! % tile)))
        expect(places.size, `${tile} x ${tile} of ${size} x ${size}`).toBe(tile ** 2)
      }
      for (const tile of [6, 7]) {
        const places = new Set(positions.map(([, y, x]) => (y! % tile) * tile + (x! % tile)))
        expect(places.size, `${tile} x ${tile} of ${size} x ${size}`).toBeGreaterThanOrEqual(tile ** 2 - 1)
      }
    }
  })

  const extents = fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 4 })

  it('have every index of every axis, and every corner, however few are wanted', () => {
    const property = fc.property(extents, (shape) => {
      const positions = samplePositions(shape, 0)
      // The last positions are the corners: an index that occurs only in them would be compared only at the edges
      const withoutCorners = positions.slice(0, -(2 ** shape.length))
      shape.forEach((extent, axis) => {
        const seen = new Set(withoutCorners.map((position) => position[axis]))
        expect([...seen].sort((a, b) => a! - b!)).toEqual([...Array(extent).keys()])
      })
      const texts = new Set(positions.map((position) => position.join()))
      for (let corner = 0; corner < 2 ** shape.length; corner++) {
        const at = shape.map((extent, axis) => (corner & (2 ** axis) ? extent - 1 : 0))
        expect(texts).toContain(at.join())
      }
    })
    fc.assert(property, { numRuns: 20 })
  })

  it('beyond that are anywhere, no index less often than another', () => {
    const shape = [7, 5, 3]
    const positions = samplePositions(shape, 21_000)
    shape.forEach((extent, axis) => {
      const counts = new Array<number>(extent).fill(0)
      for (const position of positions) counts[position[axis]!]!++
      expect(Math.min(...counts)).toBeGreaterThan((0.8 * 21_000) / extent)
    })
  })

  it('are 2,000 at least, or as many as are wanted', () => {
    expect(samplePositions([3, 5]).length).toBeGreaterThanOrEqual(2000)
    expect(samplePositions([3, 5], 77)).toHaveLength(77)
  })
})
