import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { View } from '../plan/views.ts'
import { denseGrid } from '../tensor.ts'
import { channelsOfShare, cutGrid, denseImage, imagesOfShare, Scratch } from './comparison.ts'

const viewOf = (shape: View['shape'], tensor = 'a'): View => ({ tensor, shape }) as View
const shares = (count: number) => Array.from({ length: count }, (_, index) => ({ index, count }))

describe('what is compared of a large tensor, by all workers together', () => {
  const shape = fc.tuple(
    fc.integer({ min: 1, max: 40 }),
    fc.integer({ min: 1, max: 300 }),
    fc.integer({ min: 1, max: 300 }),
    fc.integer({ min: 1, max: 600 }),
  )

  it('has each channel once', () => {
    const property = fc.property(shape, fc.integer({ min: 1, max: 5 }), (of, count) => {
      const channels = shares(count).flatMap((share) => {
        const { first, count } = channelsOfShare(viewOf(of), share)
        return Array.from({ length: count }, (_, i) => first + i)
      })
      expect(channels).toEqual([...Array(of[3]).keys()])
    })
    fc.assert(property)
  })

  it('has four images, the first and the last, each computed by one worker', () => {
    const property = fc.property(shape, fc.integer({ min: 1, max: 5 }), (of, count) => {
      const images = shares(count).flatMap((share) => imagesOfShare(viewOf(of), share))
      expect(new Set(images).size).toBe(images.length)
      expect(images.length).toBeGreaterThanOrEqual(Math.min(of[0], 4))
      expect(images).toEqual(expect.arrayContaining([0, of[0] - 1]))
      for (const image of images) expect(image).toBeLessThan(of[0])
    })
    fc.assert(property)
  })

  it('has other images in other tensors, so that a network has all', () => {
    const tensors = Array.from({ length: 40 }, (_, i) => viewOf([16, 112, 112, 64], `conv${i}`))
    const images = tensors.flatMap((view) => imagesOfShare(view, { index: 0, count: 1 }))
    expect(new Set(images).size).toBe(16)
  })
})

/** Two images of 2 x 3 pixels with 5 channels, with room around rows, pixels and images. */
const grid = {
  values: new Float32Array(200).map((_, i) => i),
  offset: 7,
  shape: [2, 2, 3, 5],
  imagePitch: 90,
  rowPitch: 30,
  pixelPitch: 8,
} as const

it('an image is made dense', () => {
  const dense = denseImage(grid, 1, new Scratch())
  const rowFrom = (at: number) => [0, 8, 16].flatMap((pixel) => [0, 1, 2, 3, 4].map((c) => at + pixel + c))
  expect([...dense.values]).toEqual([...rowFrom(97), ...rowFrom(127)])
  const packed = denseImage(denseGrid(grid.values, 2, [4, 5, 5]), 1, new Scratch())
  expect([...packed.values]).toEqual([...grid.values.subarray(100, 200)])
})

it('some channels of an image are made dense', () => {
  const dense = denseImage(cutGrid(grid, { first: 1, count: 2 }), 0, new Scratch())
  expect(dense.shape).toEqual([1, 2, 3, 2])
  expect([...dense.values.slice(0, 6)]).toEqual([8, 9, 16, 17, 24, 25])
})

it('what a scratch gave stays as it is when more is taken', () => {
  const scratch = new Scratch()
  const first = scratch.take(3).fill(1)
  const second = scratch.take(1000).fill(2)
  const third = scratch.take(5).fill(3)
  expect([...first, second[0], second[999], ...third]).toEqual([1, 1, 1, 2, 2, 3, 3, 3, 3, 3])
  scratch.clear()
  expect(scratch.take(5)).toHaveLength(5)
})
