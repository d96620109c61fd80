import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { DamagedImageError, FormatError, UsageError } from '../errors.ts'
import type { Augmentation } from './augmentation.ts'
import type { Split } from './dataset.ts'
import { type Batch, openPipeline, type PipelineOptions } from './pipeline.ts'
import { syntheticDataset } from './synthetic.ts'

// Images in memory; images in files are in test/data.test.ts, since their workers are part of the build.

const SD = 1 / 255
const augmentation: Augmentation = {
  flip: true,
  crop: true,
  colour: {
    eigenvalues: [0.1, 0.01, 0.001],
    eigenvectors: [
      [0.6, 0.8, 0],
      [0.8, -0.6, 0],
      [0, 0, 1],
    ],
  },
}
const options = (more: Partial<PipelineOptions> = {}): PipelineOptions => ({
  batch: 4,
  preprocessing: {
    size: 6,
    channels: 3,
    resize: null,
    normalise: { kind: 'channels', mean: [0, 0, 0], sd: [SD, SD, SD] },
  },
  ...more,
})
const { train } = syntheticDataset({ size: 8, trainCount: 22 })

/** Copies, since a batch's memory is reused. */
const copyOf = ({ images, labels, indexes }: Batch) => ({
  images: [...images],
  labels: [...labels],
  indexes: [...indexes],
})

async function read(split: Split, how: PipelineOptions, epoch = 0, fromBatch = 0) {
  await using pipeline = await openPipeline(split, how)
  const batches: ReturnType<typeof copyOf>[] = []
  for await (const batch of pipeline.epoch(epoch, fromBatch)) batches.push(copyOf(batch))
  return { batches, skipped: pipeline.skipped }
}

/** `count` images of 6 x 6 whose pixels are their index; those in `bad` are damaged. */
const numbered = (count: number, bad: readonly number[] = []): Split => ({
  count,
  label: (index) => index % 3,
  image: async (index) => {
    if (bad.includes(index)) throw new DamagedImageError(`${index}.jpg`, 'is cut short')
    return { width: 6, height: 6, channels: 1, pixels: new Uint8Array(36).fill(index % 256) }
  },
})

describe('an epoch', () => {
  it('goes through all images once, in full batches', async () => {
    const { batches } = await read(train, options({ augmentation }))
    expect(batches.map(({ indexes }) => indexes.length)).toEqual([4, 4, 4, 4, 4])
    expect(new Set(batches.flatMap(({ indexes }) => indexes)).size).toBe(20)
    for (const { images, labels, indexes } of batches) {
      expect(images).toHaveLength(4 * 6 * 6 * 3)
      expect(labels).toEqual(indexes.map(train.label))
    }
  })

  it('is the same in any order of asking, and from the middle', async () => {
    const whole = await read(train, options({ augmentation }), 3)
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: 5 }), fc.integer({ min: 1, max: 6 }), async (fromBatch, prefetch) => {
        const part = await read(train, options({ augmentation, prefetch }), 3, fromBatch)
        expect(part.batches).toEqual(whole.batches.slice(fromBatch))
      }),
      { numRuns: 12 },
    )
  })

  it('differs from the next, and by seed', async () => {
    const [a, b, c] = await Promise.all([
      read(train, options({ augmentation })),
      read(train, options({ augmentation }), 1),
      read(train, options({ augmentation, seed: 8 })),
    ])
    expect(a.batches).not.toEqual(b.batches)
    expect(a.batches).not.toEqual(c.batches)
  })

  it('in stored order ends with a short batch', async () => {
    const { batches } = await read(numbered(6), options({ shuffle: false }))
    expect(batches.map(({ indexes }) => indexes)).toEqual([
      [0, 1, 2, 3],
      [4, 5],
    ])
    expect(batches[1]!.images).toHaveLength(2 * 6 * 6 * 3)
    expect(batches[1]!.images.every((value, i) => Math.abs(value - (i < 108 ? 4 : 5)) < 1e-5)).toBe(true)
  })

  it('of ten crops has ten of each image', async () => {
    const { batches } = await read(numbered(5), options({ shuffle: false, tenCrop: true }))
    expect(batches[0]!.images).toHaveLength(4 * 10 * 108)
    expect(batches[0]!.images[3 * 1080]).toBeCloseTo(3, 5)
  })

  it('can be left half-way, and read beside another', async () => {
    await using pipeline = await openPipeline(train, options({ augmentation }))
    for await (const _ of pipeline.epoch(0)) break
    const [a, b] = [pipeline.epoch(1), pipeline.epoch(1)]
    const [first, second] = [await a.next(), await b.next()]
    expect(copyOf(first.value as Batch)).toEqual(copyOf(second.value as Batch))
    await a.return()
    await b.return()
  })

  it('prepares the first batches of the next one while it ends, up to the last epoch', async () => {
    const made: number[] = []
    const counting = numbered(12)
    const split: Split = {
      ...counting,
      image: (index) => {
        made.push(index)
        return counting.image!(index)
      },
    }
    const how = options({ prefetch: 2, epochs: 2 })
    await using pipeline = await openPipeline(split, how)
    for await (const _ of pipeline.epoch(1));
    await vi.waitFor(() => expect(made).toHaveLength(12 + 2 * 4))
    const second: ReturnType<typeof copyOf>[] = []
    for await (const batch of pipeline.epoch(2)) second.push(copyOf(batch))
    expect(second).toEqual((await read(counting, options(), 2)).batches)
    expect(made).toHaveLength(24)
  })

  it('that follows another than was expected is the same as without', async () => {
    const how = options({ augmentation, epochs: 9 })
    await using pipeline = await openPipeline(train, how)
    for await (const _ of pipeline.epoch(1));
    for (const [epoch, fromBatch] of [
      [5, 0],
      [2, 3],
      [2, 0],
      [1, 0],
    ] as const) {
      const batches: ReturnType<typeof copyOf>[] = []
      for await (const batch of pipeline.epoch(epoch, fromBatch)) batches.push(copyOf(batch))
      expect(batches).toEqual((await read(train, options({ augmentation }), epoch, fromBatch)).batches)
    }
  })

  // dmlc/dgl#7083: a loader that was left early could not be read again. apache/mxnet#19738: the batches made ahead were of
  // the epoch before.
  it('can be left while the next one is prepared, and read again', async () => {
    await using pipeline = await openPipeline(train, options({ augmentation, epochs: 3 }))
    const expected = await Promise.all([1, 2].map((epoch) => read(train, options({ augmentation }), epoch)))
    for (let time = 0; time < 2; time++) {
      let left = pipeline.batchesPerEpoch - 1
      for await (const _ of pipeline.epoch(1)) if (--left === 0) break
      for (const [i, { batches }] of expected.entries()) {
        const again: ReturnType<typeof copyOf>[] = []
        for await (const batch of pipeline.epoch(i + 1)) again.push(copyOf(batch))
        expect(again).toEqual(batches)
      }
    }
  })

  it('says how long the consumer waited', async () => {
    await using pipeline = await openPipeline(train, options())
    for await (const { waitedMs } of pipeline.epoch(0)) expect(waitedMs).toBeGreaterThanOrEqual(0)
  })
})

describe('a damaged image', () => {
  const bad = [17, 250]

  it('is left out of a batch where batches may be short', async () => {
    const { batches, skipped } = await read(numbered(300, bad), options({ shuffle: false }))
    expect(batches[4]!.indexes).toEqual([16, 18, 19])
    expect(batches[4]!.images[108]).toBeCloseTo(18, 4)
    expect(batches.flatMap(({ indexes }) => indexes)).toHaveLength(298)
    expect(skipped).toEqual([
      { index: 17, file: '17.jpg', reason: 'is cut short' },
      { index: 250, file: '250.jpg', reason: 'is cut short' },
    ])
  })

  it('gives its place to the next good one where they are full, always the same', async () => {
    const whole = await read(numbered(300, bad), options(), 2)
    for (const { indexes, images } of whole.batches) {
      expect(indexes).toHaveLength(4)
      for (const index of bad) expect(indexes).not.toContain(index)
      indexes.forEach((index, position) => {
        expect(images[position * 108]).toBeCloseTo(index % 256, 4)
      })
    }
    const late = await read(numbered(300, bad), options({ prefetch: 5 }), 2, 40)
    expect(late.batches).toEqual(whole.batches.slice(40))
  })

  it('of many ends it, with a list', async () => {
    const split = numbered(100, [3, 5])
    await expect(read(split, options({ shuffle: false }))).rejects.toThrow(FormatError)
    await expect(read(split, options({ shuffle: false }))).rejects.toThrow(
      '2 of 100 images are damaged, over 1%; repair or remove them; 2 of 100: 3.jpg (is cut short), 5.jpg',
    )
    await expect(read(numbered(4, [0, 1, 2, 3]), options())).rejects.toThrow('4 of 4 images are damaged')
  })

  it('is not any error', async () => {
    const split: Split = { ...numbered(4), image: () => Promise.reject(new TypeError('a bug')) }
    await expect(read(split, options())).rejects.toThrow('a bug')
  })
})

it.each([
  [{ batch: 0 }, 'openPipeline: batch is 0; it must be a positive integer'],
  [{ batch: 23 }, '22 images are fewer than a batch of 23'],
  [{ workers: 1.5 }, 'workers is 1.5'],
  [{ prefetch: 0 }, 'prefetch is 0'],
  [{ tenCrop: true, augmentation }, 'ten crops are always the same'],
])('refuses %o', async (more, message) => {
  await expect(openPipeline(train, options(more))).rejects.toThrow(UsageError)
  await expect(openPipeline(train, options(more))).rejects.toThrow(message)
})

it('refuses images smaller than the crops', async () => {
  const { preprocessing } = options()
  const split = read(train, options({ preprocessing: { ...preprocessing, size: 9 } }))
  await expect(split).rejects.toThrow('image')
})
