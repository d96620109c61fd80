import { describe, expect, it } from 'vitest'
import {
  exampleEnd,
  exampleEpoch,
  exampleEvaluation,
  exampleRecords,
  logText,
} from '../../test/support/training.ts'
import { parseTrainingLog } from '../records/read-training-log.ts'
import type { LogRecord } from '../records/training-log.ts'
import { accuracyInterval } from './confusion.ts'
import { formatDuration, formatImageRate, formatLoss } from './format.ts'
import { PLAIN } from './palette.ts'
import { epochLine, evaluationLines, trainingLines } from './training.ts'

describe('an epoch', () => {
  it('is a line', () => {
    expect(epochLine(exampleEpoch(2, { imagesPerSecond: 12_345.4 }), 10)).toBe(
      'epoch  2/10  loss 0.0312  train 99.1%  test 98.7% (top-5 100.0%)  12,345 images/s  waited 0.3%',
    )
  })

  it('may be tried on the validation set', () => {
    expect(epochLine(exampleEpoch(2), 10, 'validation')).toContain('  validation 98.7% (top-5 100.0%)  ')
  })

  it('has what there is', () => {
    const untested = { testLoss: null, testTop1: null, testTop5: null }
    expect(
      epochLine(exampleEpoch(2, { ...untested, trainLoss: null, trainMs: 0, skippedImages: 3 }), 2),
    ).toBe('epoch 2/2  loss not finite  train 99.1%  1,000 images/s  skipped 3 images')
  })
})

describe('a run', () => {
  const linesOf = (records: readonly LogRecord[]) => {
    const [run] = parseTrainingLog(logText(records), 'run.jsonl').runs
    return trainingLines({ name: 'run.jsonl', run: run! }, PLAIN)
  }

  it('has its epochs and its end', () => {
    expect(linesOf(exampleRecords())).toEqual([
      'run.jsonl: lenet on mnist, wasm simd128, 2 threads',
      'epoch 1/2  loss 0.0312  train 99.1%  test 98.2% (top-5 100.0%)  1,000 images/s  waited 0.3%',
      'epoch 2/2  loss 0.0312  train 99.1%  test 98.7% (top-5 100.0%)  1,000 images/s  waited 0.3%',
      'done, after 2 of 2 epochs, 2.0 s',
    ])
  })

  it('says what stopped it', () => {
    const begin = exampleRecords().slice(0, 12)
    expect(linesOf(begin).at(-1)).toBe('no end: killed, or still going on, after 1 of 2 epochs, 1.0 s')
    const nan = exampleEnd({ reason: 'nan', message: 'conv2 was the first', elapsedMs: 1500 })
    expect(linesOf([...begin, nan]).at(-1)).toBe(
      'loss is NaN: conv2 was the first, after 1 of 2 epochs, 1.5 s',
    )
  })
})

describe('an evaluation', () => {
  it('is a table of accuracies, worst classes and confused pairs', () => {
    expect(evaluationLines(exampleEvaluation(), PLAIN)).toEqual([
      'animals.safetensors on folder:animals: 100 images, one crop each, 2.0 s',
      'top-1   90.0%  90 of 100, 95% interval 82.6% to 94.5%',
      'loss   0.3100',
      '',
      'worst classes  images  right  top-1',
      'cat                50     43  86.0%',
      'dog                50     47  94.0%',
      '',
      'most confused  taken for  images  of the class',
      'cat            dog             6         12.0%',
      'dog            cat             3          6.0%',
      'cat            owl             1          2.0%',
    ])
  })

  it('has no table of nothing, and says what was skipped', () => {
    const lines = evaluationLines(
      exampleEvaluation({
        top1: 1,
        count: 2,
        perClass: [{ name: 'cat', count: 2, correct: 2, top1: 1 }],
        confusion: [[2]],
        skipped: ['a.jpg: cut short', 'b.jpg: no image'],
        tenCrop: true,
      }),
      PLAIN,
    )
    expect(lines[0]).toContain('2 images, ten crops each')
    expect(lines).not.toContainEqual(expect.stringContaining('most confused'))
    expect(lines.at(-1)).toBe('warning: damaged images skipped: 2')
  })
})

describe('the lines of an evaluation', () => {
  const linesOf = (changes: Parameters<typeof exampleEvaluation>[0]) =>
    evaluationLines(exampleEvaluation(changes), PLAIN)

  it('has top-5 of six classes, but not of five', () => {
    const perClass = (count: number) =>
      Array.from({ length: count }, (_, i) => ({ name: String(i), count: 10, correct: 9, top1: 0.9 }))
    const confusion: number[][] = []
    expect(linesOf({ perClass: perClass(6), confusion })[2]).toMatch(/^top-5 +100.0%/)
    expect(linesOf({ perClass: perClass(5), confusion })[2]).toMatch(/^loss/)
  })

  it('says which split of the data it is of, what nothing is predicted of, and what makes it doubtful', () => {
    const lines = linesOf({ split: 'val', unpredicted: [2, 0, 1], warnings: ['old'] })
    expect(lines[0]).toContain('animals.safetensors on folder:animals (val): 100 images')
    expect(lines).toContain('no prediction       3  images, whose logits are NaN or infinite')
    expect(lines.at(-1)).toBe('warning: old')
    expect(linesOf({ split: 'all' })[0]).toContain('on folder:animals: 100 images')
  })
})

it("Wilson's interval is that of his formula, and stays within 0 and 1", () => {
  // (p + z^2/2n -+ z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n) by hand for 90 of 100
  expect(accuracyInterval(0.9, 100)[0]).toBeCloseTo(0.82563, 5)
  expect(accuracyInterval(0.9, 100)[1]).toBeCloseTo(0.94477, 5)
  expect(accuracyInterval(1, 10)[1]).toBeCloseTo(1, 12)
  expect(accuracyInterval(1, 10)[1]).toBeLessThanOrEqual(1)
  expect(accuracyInterval(0, 10)[0]).toBe(0)
})

it('numbers', () => {
  expect([0.0312, 2.5, 0, 2.1e-5, null].map(formatLoss)).toEqual([
    '0.0312',
    '2.5000',
    '0.0000',
    '2.10e-5',
    'not finite',
  ])
  expect([12_345.4, 61.23, 1.234].map(formatImageRate)).toEqual(['12,345', '61.2', '1.23'])
  expect([45_200, 59_949, 59_960, 200_000, 3_599_600, 3_720_000].map(formatDuration)).toEqual([
    '45.2 s',
    '59.9 s',
    '1 min 00 s',
    '3 min 20 s',
    '1 h 00 min',
    '1 h 02 min',
  ])
})
