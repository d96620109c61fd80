// Thousands of damaged files: each is read or refused in one line that names it, and what was read can be shown.
import fc from 'fast-check'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { parseResult } from '../../src/bench/result.ts'
import { ConvmarkError } from '../../src/errors.ts'
import { parseTrainingLog } from '../../src/records/read-training-log.ts'
import { renderCurves } from '../../src/report/html/curves.ts'
import { reportHtml } from '../../src/report/html/report.ts'
import { PLAIN } from '../../src/report/palette.ts'
import { summaryLines } from '../../src/report/summary.ts'
import { trainingLines } from '../../src/report/training.ts'
import { decodeCheckpoint, decodeModel, encodeCheckpoint, encodeModel } from '../../src/train/model-file.ts'
import { damagedSafetensors, damagedText } from '../support/damage.ts'
import { exampleCheckpoint } from '../support/model.ts'
import { exampleBackward, exampleResult, exampleRun } from '../support/run.ts'
import { exampleRecords, logText } from '../support/training.ts'

const { model, checkpoint } = exampleCheckpoint(6)

const FILE = 'their file.x'

/** How many of a test's files were read, or refused: of both kinds there should be some. */
const counts = { read: 0, refused: 0 }
beforeEach(() => {
  counts.read = 0
  counts.refused = 0
})
afterEach(() => {
  // Some 30 of 1,000 checkpoints are, by chance
  expect(counts.read).toBeGreaterThan(0)
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
