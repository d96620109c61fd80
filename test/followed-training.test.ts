import { describe, expect, it } from 'vitest'
import type { Job } from '../src/cli/training/follow.ts'
import type { TrainEvent, TrainingState } from '../src/train/index.ts'
import { built } from './support/built.ts'
import { ownCache } from './support/own-cache.ts'

ownCache()

// What the command does with a training's events, as it is shipped: tests need engines.

const { initializeForTraining, lenet } = await built<typeof import('../src/index.ts')>('index.js')
const { syntheticDataset } = await built<typeof import('../src/data/index.ts')>('data/index.js')
const { FollowedTraining } =
  await built<typeof import('../src/cli/training/follow.ts')>('cli/training/follow.js')

const SIZE = 12
const network = lenet({ imageSize: SIZE })
const parameters = initializeForTraining(network, { seed: 7 })

interface Followed extends Pick<Job['setup'], 'dataset' | 'network'> {
  /** Where a checkpoint was written; null where it could not be. */
  readonly checkpoint: string | null
  readonly skipped: Job['pipeline']['skipped']
  /** Since the command began. */
  elapsedMs(): number
}

function followed(given: Partial<Followed> = {}) {
  const { checkpoint = 'm.checkpoint.safetensors', skipped = [], elapsedMs = () => 1, ...more } = given
  const saved: number[] = []
  const lastSaved: number[] = []
  const records: { readonly kind: string }[] = []
  const lines: string[] = []
  const bars: unknown[][] = []
  let isBarDrawn = false
  const job = {
    networkName: 'lenet',
    settings: { batch: 16, microBatch: null, epochs: 3 },
    options: { data: 'synthetic', engine: 'wasm@1' },
    setup: {
      network,
      dataset: syntheticDataset({ size: SIZE, channels: 1, testCount: 20 }),
      preprocessing: { size: SIZE, channels: 1, resize: null, normalise: { kind: 'per-image' } },
      trainedOn: null,
      ...more,
    },
    resumed: null,
    kept: null,
    files: {
      record: async (...given: typeof records) => void records.push(...given),
      saveCheckpoint: async (_: unknown, { step }: TrainingState) => {
        saved.push(step)
        return checkpoint
      },
      saveLastCheckpoint: async (_: unknown, { step }: TrainingState) => {
        lastSaved.push(step)
        return 'elsewhere'
      },
    },
    output: {
      lines: (...given: string[]) => {
        expect(isBarDrawn).toBe(false)
        lines.push(...given)
      },
      palette: { yellow: (text: string) => text },
    },
    progress: {
      update: (...bar: unknown[]) => {
        isBarDrawn = true
        bars.push(bar)
      },
      clear: () => {
        isBarDrawn = false
      },
    },
    pipeline: { batchesPerEpoch: 4, skipped },
    signal: new AbortController().signal,
    elapsedMs,
  }
  return { training: new FollowedTraining(job as unknown as Job), saved, lastSaved, records, lines, bars }
}

function epochEvent(
  epoch: number,
  given: TrainingState['parameters'],
  sums: TrainingState['sums'] = { images: 64, loss: 64, correct: 32, elapsedMs: 1, waitedMs: 0 },
): TrainEvent {
  const step = 4 * epoch
  const state = { step, epoch: epoch + 1, batch: 0, parameters: given, states: {}, tuning: null, sums }
  return { kind: 'epoch', epoch, step, sums, state: () => state }
}

describe('a step', () => {
  const step = (number: number, given: Partial<Extract<TrainEvent, { kind: 'step' }>> = {}): TrainEvent => ({
    kind: 'step',
    epoch: 1,
    step: number,
    loss: 2,
    rate: 0.1,
    images: 16,
    correct: 4,
    elapsedMs: 50,
    waitedMs: 0,
    gradientNorm: null,
    state: () => {
      throw new Error('nobody asks')
    },
    ...given,
  })

  it('is drawn: means of the epoch so far, images a second of all so far, and what is left', async () => {
    const { training, bars } = followed()
    await training.take(step(1))
    await training.take(step(2, { loss: 1, correct: 16, elapsedMs: 150 }))
    expect(bars).toEqual([
      // 11 steps of 50 ms are left
      [
        'epoch 1/3',
        1,
        4,
        expect.stringMatching(/^loss 2\.0+ {2}train 25\.0% {2}320(\.0+)? images\/s {2}.*0\.\d+ s left$/),
      ],
      [
        'epoch 1/3',
        2,
        4,
        expect.stringMatching(/^loss 1\.50* {2}train 62\.5% {2}160(\.0+)? images\/s {2}.*1\.0 s left$/),
      ],
    ])
  })

  it('is logged: its own images a second, at the end of an epoch and every so often', async () => {
    let now = 1000
    const { training, records } = followed({ elapsedMs: () => now })
    await training.take(step(1))
    now += 10
    await training.take(step(2)) // too soon
    now += 200
    await training.take(step(3, { elapsedMs: 8, gradientNorm: 0.5 }))
    now += 10
    await training.take(step(4, { elapsedMs: 160, epoch: 1 })) // the epoch's last
    const common = { kind: 'step', epoch: 1, loss: 2, rate: 0.1 }
    expect(records).toEqual([
      { ...common, step: 1, imagesPerSecond: 320, elapsedMs: 1000 },
      { ...common, step: 3, imagesPerSecond: 2000, elapsedMs: 1210, gradientNorm: 0.5 },
      { ...common, step: 4, imagesPerSecond: 100, elapsedMs: 1220 },
    ])
  })
})

describe('an epoch', () => {
  it('is logged with its means, its images a second and its times', async () => {
    const { training, records, lines } = followed({ elapsedMs: () => 12_345 })
    await training.take(
      epochEvent(2, parameters, { images: 64, loss: 96, correct: 16, elapsedMs: 640, waitedMs: 32 }),
    )
    expect(records).toEqual([
      {
        kind: 'epoch',
        epoch: 2,
        step: 8,
        trainLoss: 1.5,
        trainAccuracy: 0.25,
        testLoss: expect.any(Number),
        testTop1: expect.any(Number),
        testTop5: expect.any(Number),
        elapsedMs: 12_345,
        trainMs: 640,
        waitedMs: 32,
        imagesPerSecond: 100,
        skippedImages: 0,
      },
    ])
    expect(lines).toEqual([expect.stringMatching(/^epoch 2\/3 .* 100(\.0+)? images\/s/)])
  })

  it('whose logits are NaN in the test alone is no success: the checkpoint before it is kept', async () => {
    const { training, saved, records, lines } = followed()
    await training.take(epochEvent(1, parameters))
    const huge = Object.fromEntries(
      Object.entries(parameters).map(([name, values]) => [name, values.map((value) => 1e25 * value)]),
    )
    const ruined = training.take(epochEvent(2, huge))
    await expect(ruined).rejects.toMatchObject({ name: 'DivergedError' })
    await expect(ruined).rejects.toThrow(
      /^after epoch 2, 20 of 20 images of the test set have no prediction, since their logits are NaN or infinite/,
    )
    expect(saved).toEqual([4])
    expect(training.lastSaved).toEqual({ file: 'm.checkpoint.safetensors', step: 4 })
    expect(records.map(({ kind }) => kind)).toEqual(['epoch'])
    expect(lines).toHaveLength(1)
  })

  it('is saved, whatever becomes of its test', async () => {
    const dataset = syntheticDataset({ size: SIZE, channels: 1, testCount: 20 })
    const image = () => Promise.reject(new Error('the disk is gone'))
    const test = { ...dataset.test!, image }
    const { training, saved, lastSaved } = followed({ dataset: { ...dataset, test } })
    await expect(training.take(epochEvent(1, parameters))).rejects.toThrow('the disk is gone')
    expect({ saved, lastSaved }).toEqual({ saved: [], lastSaved: [4] }) // no other follows
  })

  it('that can not be saved leaves the checkpoint before it', async () => {
    const { training, saved } = followed({ checkpoint: null })
    await training.take(epochEvent(1, parameters))
    expect(saved).toEqual([4])
    expect(training.lastSaved).toBe(null)
  })

  it('is saved wherever that is possible if it is the last', async () => {
    const { training, saved, lastSaved } = followed()
    for (const epoch of [1, 2, 3]) await training.take(epochEvent(epoch, parameters))
    expect({ saved, lastSaved }).toEqual({ saved: [4, 8], lastSaved: [12] })
    expect(training.lastSaved).toEqual({ file: 'elsewhere', step: 12 })
  })

  it('names the images that it skipped, in lines of their own', async () => {
    const skipped = [{ index: 3, file: 'cat/3.jpg', reason: 'it is empty' }]
    const { training, lines } = followed({ skipped })
    await training.take(epochEvent(1, parameters))
    expect(lines).toEqual(['skipped cat/3.jpg: it is empty', expect.stringMatching(/^epoch 1\/3 /)])
  })

  it('is tried on the validation set, and its line says so', async () => {
    const { train, ...dataset } = syntheticDataset({ size: SIZE, channels: 1, testCount: 20 })
    const seen: number[] = []
    const image = (index: number) => {
      seen.push(index)
      return train.image(index)
    }
    const validation = { ...train, count: 7, image }
    const { training, records, lines } = followed({ dataset: { ...dataset, train, validation } })
    await training.take(epochEvent(1, parameters))
    expect(seen).toEqual([0, 1, 2, 3, 4, 5, 6])
    expect(lines[0]).toMatch(/ {2}validation [\d.]+% \(top-5 [\d.]+%\) {2}/)
    expect(records).toMatchObject([{ kind: 'epoch', testTop1: expect.any(Number) }])
  })

  it('of five classes or fewer has no top-5', async () => {
    const dataset = syntheticDataset({ size: SIZE, channels: 1, classes: 5, testCount: 20 })
    const few = lenet({ imageSize: SIZE, classes: 5 })
    const { training, records, lines } = followed({ dataset, network: few })
    await training.take(epochEvent(1, initializeForTraining(few, { seed: 7 })))
    expect(lines[0]).toMatch(/ {2}test [\d.]+% {2}[\d.,]+ images/)
    expect(records).toMatchObject([{ testTop1: expect.any(Number), testTop5: null }])
  })
})
