import { expect, it } from 'vitest'
import {
  exampleEpoch,
  exampleRecords,
  exampleStep,
  exampleTraining,
  logText,
} from '../../test/support/training.ts'
import { parseTrainingLog } from '../records/read-training-log.ts'
import type { LogRecord } from '../records/training-log.ts'
import { outcomeOf } from './outcome.ts'

const outcome = (...records: readonly LogRecord[]) =>
  outcomeOf(parseTrainingLog(logText(records), 'run.jsonl').runs[0]!)

it('rates are over the time of all epochs, not means of means', () => {
  // 1000 images in 1 s, then 600 in 3 s; 100 ms of 4 s were spent waiting
  const found = outcome(
    exampleTraining(),
    exampleEpoch(1, { trainMs: 1000, imagesPerSecond: 1000, waitedMs: 40, skippedImages: 3 }),
    exampleEpoch(2, { trainMs: 3000, imagesPerSecond: 200, waitedMs: 60, skippedImages: 3 }),
  )
  expect(found.imagesPerSecond).toBeCloseTo(400, 9)
  expect(found.waitedFraction).toBeCloseTo(0.025, 9)
  expect(found.skippedImages).toBe(3)
})

it('the best epoch is the first with the highest accuracy, the last one the last', () => {
  const epochs = [0.9, 0.97, 0.95, 0.97, null].map((testTop1, i) => exampleEpoch(i + 1, { testTop1 }))
  const found = outcome(exampleTraining(), ...epochs)
  expect([found.best!.epoch, found.last!.epoch]).toEqual([2, 5])
})

it('before an epoch has ended, there is the speed of the last step', () => {
  expect(outcome(exampleTraining(), exampleStep(1), exampleStep(2, { imagesPerSecond: 900 }))).toMatchObject({
    last: null,
    best: null,
    imagesPerSecond: 900,
    waitedFraction: null,
    isDone: false,
  })
  expect(outcome(...exampleRecords())).toMatchObject({ isDone: true, ending: 'done' })
})
