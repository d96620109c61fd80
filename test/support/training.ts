import type { Evaluation } from '../../src/records/evaluation.ts'
import {
  type EndRecord,
  type EpochRecord,
  type LogRecord,
  logLine,
  type RunRecord,
  type StepRecord,
  type TrainingSettings,
} from '../../src/records/training-log.ts'
import { exampleResult } from './run.ts'

/** A run's first line, of a machine that tells little. */
export function exampleTraining(
  settings: Partial<TrainingSettings> = {},
  changes: Partial<RunRecord> = {},
): RunRecord {
  return {
    kind: 'run',
    schemaVersion: 1,
    tool: { name: 'convmark', version: '0.1.0' },
    network: 'lenet',
    data: 'mnist',
    engine: { name: 'wasm', target: 'simd128', threads: 2, reason: 'asked for', v8Flags: [] },
    settings: {
      batch: 100,
      microBatch: null,
      optimizer: 'sgd',
      rate: 0.1,
      momentum: 0.9,
      decay: 0.0005,
      schedule: 'constant',
      augment: 'none',
      activation: null,
      without: [],
      seed: 7,
      epochs: 2,
      init: 'he',
      clip: null,
      ...settings,
    },
    parameters: 1_663_370,
    trainCount: 1000,
    testCount: 500,
    startedAt: '2026-01-31T12:00:00.000Z',
    ...changes,
  }
}

/** A step of a run with 10 steps an epoch and 100 ms a step, its loss 2 over its number. */
export function exampleStep(step: number, changes: Partial<StepRecord> = {}): StepRecord {
  return {
    kind: 'step',
    epoch: Math.ceil(step / 10),
    step,
    loss: 2 / step,
    rate: 0.1,
    imagesPerSecond: 1000,
    elapsedMs: 100 * step,
    ...changes,
  }
}

/** The end of such a run's epoch; its test took no time. */
export function exampleEpoch(epoch: number, changes: Partial<EpochRecord> = {}): EpochRecord {
  return {
    kind: 'epoch',
    epoch,
    step: 10 * epoch,
    trainLoss: 0.0312,
    trainAccuracy: 0.991,
    testLoss: 0.04,
    testTop1: 0.977 + 0.005 * epoch,
    testTop5: 1,
    elapsedMs: 1000 * epoch,
    trainMs: 1000,
    waitedMs: 3,
    imagesPerSecond: 1000,
    skippedImages: 0,
    ...changes,
  }
}

export const exampleEnd = (changes: Partial<EndRecord> = {}): EndRecord => ({
  kind: 'end',
  reason: 'done',
  elapsedMs: 2000,
  ...changes,
})

const steps = (from: number, to: number): StepRecord[] =>
  Array.from({ length: to - from + 1 }, (_, i) => exampleStep(from + i))

/** The records of a whole run of two epochs. */
export function exampleRecords(
  settings: Partial<TrainingSettings> = {},
  { run = {}, epoch = {} }: { readonly run?: Partial<RunRecord>; readonly epoch?: Partial<EpochRecord> } = {},
): LogRecord[] {
  return [
    exampleTraining(settings, run),
    ...steps(1, 10),
    exampleEpoch(1, epoch),
    ...steps(11, 20),
    exampleEpoch(2, epoch),
    exampleEnd(),
  ]
}

export const logText = (records: readonly LogRecord[]): string => records.map(logLine).join('')

/** Of three classes: 90 of 100 images right, 6 cats taken for dogs. */
export function exampleEvaluation(changes: Partial<Evaluation> = {}): Evaluation {
  const { tool, environment } = exampleResult()
  return {
    kind: 'evaluation',
    schemaVersion: 1,
    tool,
    environment,
    network: 'alexnet-full',
    model: 'animals.safetensors',
    data: 'folder:animals',
    count: 100,
    top1: 0.9,
    top5: 1,
    loss: 0.31,
    perClass: [
      { name: 'cat', count: 50, correct: 43, top1: 0.86 },
      { name: 'dog', count: 50, correct: 47, top1: 0.94 },
      { name: 'owl', count: 0, correct: 0, top1: null },
    ],
    confusion: [
      [43, 6, 1],
      [3, 47, 0],
      [0, 0, 0],
    ],
    tenCrop: false,
    elapsedMs: 2000,
    skipped: [],
    ...changes,
  }
}

/** A command's words. Half a second: 16 steps an epoch. */
export const SMALL_TRAINING = [
  'train',
  'lenet',
  '--data',
  'synthetic',
  '--image-size',
  '12',
  '--batch',
  '64',
  '--rate',
  '0.02',
  '--engine',
  'wasm@2',
]
