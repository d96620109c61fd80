import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Job } from '../src/cli/training/follow.ts'
import type { TrainEvent, TrainingState } from '../src/train/index.ts'
import { built } from './support/built.ts'

// What the command does with a training's events, as it is shipped: tests need engines.

process.env.CONVMARK_CACHE = mkdtempSync(join(tmpdir(), 'convmark-'))

const { initializeForTraining, lenet } = await built<typeof import('../src/index.ts')>('index.js')
const { syntheticDataset } = await built<typeof import('../src/data/index.ts')>('data/index.js')
const { FollowedTraining } =
  await built<typeof import('../src/cli/training/follow.ts')>('cli/training/follow.js')

const SIZE = 12
const network = lenet({ imageSize: SIZE })
const parameters = initializeForTraining(network, { seed: 7 })

function followed(more: Partial<Pick<Job['setup'], 'dataset' | 'network'>> = {}) {
  const saved: number[] = []
  const records: { readonly kind: string }[] = []
  const lines: string[] = []
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
      checkpointPath: 'm.checkpoint.safetensors',
      record: async (...given: typeof records) => void records.push(...given),
      saveCheckpoint: async (_: unknown, { step }: TrainingState) => void saved.push(step),
    },
    output: {
      lines: (...given: string[]) => lines.push(...given),
      palette: { yellow: (text: string) => text },
    },
    progress: { update: () => {}, clear: () => {} },
    pipeline: { batchesPerEpoch: 4, skipped: [] },
    signal: new AbortController().signal,
    elapsedMs: () => 1,
  }
  return { training: new FollowedTraining(job as unknown as Job), saved, records, lines }
}

function epochEvent(epoch: number, given: TrainingState['parameters']): TrainEvent {
  const sums = { images: 64, loss: 64, correct: 32, elapsedMs: 1, waitedMs: 0 }
  const step = 4 * epoch
  const state = { step, epoch: epoch + 1, batch: 0, parameters: given, states: {}, tuning: null, sums }
  return { kind: 'epoch', epoch, step, sums, state: () => state }
}

describe('an epoch', () => {
  it('whose logits are NaN in the test alone is no success: the checkpoint before it is kept', async () => {
    const { training, saved, records, lines } = followed()
    await training.take(epochEvent(1, parameters))
    const huge = Object.fromEntries(
      Object.entries(parameters).map(([name, values]) => [name, values.map((value) => 1e25 * value)]),
    )
    const ruined = training.take(epochEvent(2, huge))
    await expect(ruined).rejects.toMatchObject({ name: 'DivergedError' })
    await expect(ruined).rejects.toThrow(
      /^after epoch 2 nothing is predicted of 20 of 20 images of the test set, since their logits are NaN or infinite/,
    )
    expect(saved).toEqual([4])
    expect(training.lastSaved).toEqual({ file: 'm.checkpoint.safetensors', step: 4 })
    expect(records.map(({ kind }) => kind)).toEqual(['epoch'])
    expect(lines).toHaveLength(1)
  })

  it('is saved, whatever becomes of its test', async () => {
    const dataset = syntheticDataset({ size: SIZE, channels: 1, testCount: 20 })
    const image = () => Promise.reject(new Error('the disk is gone'))
    const { training, saved } = followed({ dataset: { ...dataset, test: { ...dataset.test!, image } } })
    await expect(training.take(epochEvent(1, parameters))).rejects.toThrow('the disk is gone')
    expect(saved).toEqual([4])
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
