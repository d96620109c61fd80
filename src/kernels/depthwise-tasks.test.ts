import { describe, expect, it } from 'vitest'
import { cutImages, cutInUnits, type ImagesToCut } from './depthwise-tasks.ts'

const countOf = (pieces: readonly { readonly count: number }[]): number =>
  pieces.reduce((total, { count }) => total + count, 0)

const lengthOf = (pieces: readonly { readonly size: number; readonly count: number }[]): number =>
  pieces.reduce((total, { size, count }) => total + size * count, 0)

describe('tasks of a depthwise convolution', () => {
  const image = (size: number, channels: number): ImagesToCut => ({
    images: 1,
    height: size,
    rowValues: size * channels,
    vectors: channels / 16,
    unit: 1,
    splitsChannels: true,
  })

  it('are enough for many threads with one image', () => {
    const cuts = cutImages(image(7, 960))
    expect(countOf(cuts.bands) * countOf(cuts.blocks)).toBeGreaterThanOrEqual(8)
    expect(lengthOf(cuts.bands)).toBe(7)
    expect(lengthOf(cuts.blocks)).toBe(60)
  })

  it('are whole bands, of all channels, where there are many images', () => {
    const cuts = cutImages({ ...image(112, 96), images: 16 })
    expect(cuts.blocks).toEqual([{ first: 0, size: 6, count: 1 }])
    expect(countOf(cuts.bands)).toBe(Math.ceil((112 * 112 * 96) / 65536))
    expect(lengthOf(cuts.bands)).toBe(112)
  })

  it('never divide channels if a task needs all of them in its scratch', () => {
    const cuts = cutImages({ ...image(7, 960), splitsChannels: false })
    expect(countOf(cuts.blocks)).toBe(1)
    expect(countOf(cuts.bands)).toBe(7)
  })

  it('begin at whole units; the last unit may be cut short', () => {
    expect(cutInUnits(11, 3, 2)).toEqual([6, 5])
    expect(cutInUnits(2, 3, 2)).toEqual([2])
    const { bands } = cutImages({ ...image(31, 96), unit: 2 })
    for (const { first } of bands) expect(first % 2).toBe(0)
    expect(lengthOf(bands)).toBe(31)
  })
})
