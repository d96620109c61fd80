// Thousands of damaged files: each is read or refused in one line that names it, and what was read can be shown.
import fc from 'fast-check'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { parseResult } from '../../src/bench/result.ts'
import { ConvmarkError } from '../../src/errors.ts'
import { conv, dense, softmaxLoss } from '../../src/layers/index.ts'
import { defineNetwork, initialize } from '../../src/networks/index.ts'
import { parseTrainingLog } from '../../src/records/read-training-log.ts'
import { renderCurves } from '../../src/report/html/curves.ts'
import { reportHtml } from '../../src/report/html/report.ts'
import { PLAIN } from '../../src/report/palette.ts'
import { summaryLines } from '../../src/report/summary.ts'
import { trainingLines } from '../../src/report/training.ts'
import {
  type Checkpoint,
  decodeCheckpoint,
  decodeModel,
  encodeCheckpoint,
  encodeModel,
} from '../../src/train/model-file.ts'
import { damagedSafetensors, damagedText } from '../support/damage.ts'
import { exampleBackward, exampleResult, exampleRun } from '../support/run.ts'
import { exampleRecords, logText } from '../support/training.ts'

const network = defineNetwork('small', {
  inputs: { images: [6, 6, 1], labels: [] },
  layers: [
    conv('conv1', { filters: 2, kernel: 3, activation: 'relu' }),
    dense('fc', { units: 2 }),
    softmaxLoss('loss', { inputs: ['fc', 'labels'] }),
  ],
})
const parameters = initialize(network, { seed: 1 })
const model = {
  network,
  parameters,
  classNames: ['cat', 'dog'],
  preprocessing: { size: 6, channels: 1, resize: null, normalise: { kind: 'per-image' } },
} as const
const checkpoint: Checkpoint = {
  model,
  state: {
    step: 3,
    epoch: 1,
    batch: 3,
    parameters,
    states: { 'fc/biases.momentum': new Float32Array(2) },
    tuning: { version: 1, processor: 'p', engine: 'e', choices: {} },
    sums: { images: 3, loss: 0.5, correct: null, elapsedMs: 1, waitedMs: 0 },
  },
  settings: { rate: 0.1 },
}

const FILE = 'their file.x'

/** How many of a test's files were read, or refused: of both kinds there should be some. */
const counts = { read: 0, refused: 0 }
beforeEach(() => {
  counts.read = 0
  counts.refused = 0
})
afterEach(() => {
  expect(counts.read).toBeGreaterThan(20)
  expect(counts.refused).toBeGreaterThan(200)
})

/** What was read, or null where it was refused as it should be. */
function readOrRefused<T>(read: () => T): T | null {
  try {
    const content = read()
    counts.read++
    return content
  } catch (error) {
    if (!(error instanceof ConvmarkError)) throw error
    expect(error.message).toMatch(/^their file\.x/)
    expect(error.message).not.toMatch(/\p{Cc}/u)
    counts.refused++
    return null
  }
}

it.each([
  ['models', 3000, damagedSafetensors(encodeModel(model)), (bytes: Uint8Array) => decodeModel(bytes, FILE)],
  [
    'checkpoints',
    1000,
    damagedSafetensors(encodeCheckpoint(checkpoint)),
    (bytes: Uint8Array) => decodeCheckpoint(bytes, FILE),
  ],
])('%s: %i of them', (_, numRuns, damaged, decode) => {
  fc.assert(
    fc.property(damaged, (bytes) => {
      readOrRefused(() => decode(bytes))
    }),
    { numRuns },
  )
})

it('results: 3000 of them', () => {
  const whole = JSON.stringify(exampleResult({ runs: [exampleRun({ rounds: [2, 2] }), exampleBackward] }))
  fc.assert(
    fc.property(damagedText(whole), (text) => {
      const result = readOrRefused(() => parseResult(text, FILE))
      if (!result) return
      summaryLines(result.runs, PLAIN)
      reportHtml([{ name: FILE, result }], { command: 'convmark report' })
    }),
    { numRuns: 3000 },
  )
})

it('logs: 1000 of them', () => {
  fc.assert(
    fc.property(damagedText(logText(exampleRecords())), (text) => {
      const log = readOrRefused(() => parseTrainingLog(text, FILE))
      if (!log) return
      for (const run of log.runs) trainingLines({ name: FILE, run }, PLAIN)
      renderCurves([{ name: FILE, log }], { command: 'convmark report' })
    }),
    { numRuns: 1000 },
  )
})
