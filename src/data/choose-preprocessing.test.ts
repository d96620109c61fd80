import { describe, expect, it } from 'vitest'
import { choosePreprocessing, chooseResize } from './choose-preprocessing.ts'
import { checkPreprocessing } from './preprocessing.ts'
import { syntheticDataset } from './synthetic.ts'

describe('preprocessing is chosen by the data set', () => {
  const dataset = syntheticDataset({ size: 32, trainCount: 20 })
  const inFiles = { ...dataset, train: { ...dataset.train, files: ['0.png'] } }

  it('images in memory that are little larger than the network’s stay as they are', async () => {
    const chosen = await choosePreprocessing(dataset, { size: 24, channels: 3 })
    expect(chosen).toMatchObject({ resize: null, normalise: { kind: 'channels' } })
    checkPreprocessing(chosen)
    expect(await chooseResize(dataset, 24, true)).toBeNull()
    expect(await chooseResize(dataset, 32, false)).toBeNull()
  })

  it('others are resized to just its size, for random crops to 8/7 of it', async () => {
    for (const [set, size] of [
      [dataset, 224],
      [inFiles, 32],
      [inFiles, 224],
    ] as const) {
      expect(await chooseResize(set, size, false)).toBe(size)
      expect(await chooseResize(set, size, true)).toBe(Math.round((size * 8) / 7))
    }
    // Otherwise a crop would be the whole image
    expect(await chooseResize(dataset, 32, true)).toBe(37)
    expect(await chooseResize(inFiles, 2, true)).toBe(3)
  })

  it('mean and sd are those of what the network sees: the central square, resized', async () => {
    // White in the middle and black on either side, which is cropped away
    const pixels = Uint8Array.from({ length: 12 * 4 }, (_, i) => (i % 12 >= 4 && i % 12 < 8 ? 255 : 0))
    const image = { width: 12, height: 4, channels: 1 as const, pixels }
    const train = { count: 1, label: () => 0, image: () => image }
    const { normalise } = await choosePreprocessing({ ...dataset, train }, { size: 4, channels: 1 })
    expect(normalise).toEqual({ kind: 'channels', mean: [1], sd: [1] })
  })

  it('cifar10 is standardised image by image', async () => {
    const chosen = await choosePreprocessing({ ...dataset, name: 'cifar10:x' }, { size: 24, channels: 3 })
    expect(chosen).toEqual({ size: 24, channels: 3, resize: null, normalise: { kind: 'per-image' } })
  })
})
