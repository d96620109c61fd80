import { expect, it } from 'vitest'
import { exampleEvaluation } from '../../test/support/training.ts'
import { accuracyInterval, confusedPairs, worstClasses } from './confusion.ts'

const evaluation = exampleEvaluation({
  perClass: [
    { name: 'cat', count: 50, correct: 43, top1: 0.86 },
    { name: 'dog', count: 20, correct: 14, top1: 0.7 },
    { name: 'owl', count: 0, correct: 0, top1: null },
    { name: 'elk', count: 12, correct: 6, top1: 0.5 },
  ],
  confusion: [
    [43, 6, 1, 0],
    [3, 14, 0, 3],
    [0, 0, 0, 0],
    [0, 6, 0, 6],
  ],
})

it('pairs are ordered by their count, then by their share of the actual class', () => {
  const all = [
    { actual: 'elk', predicted: 'dog', count: 6, fraction: 0.5 },
    { actual: 'cat', predicted: 'dog', count: 6, fraction: 0.12 },
    { actual: 'dog', predicted: 'cat', count: 3, fraction: 0.15 },
    { actual: 'dog', predicted: 'elk', count: 3, fraction: 0.15 },
    { actual: 'cat', predicted: 'owl', count: 1, fraction: 0.02 },
  ]
  expect(confusedPairs(evaluation, 10)).toEqual(all)
  expect(confusedPairs(evaluation, 2)).toEqual(all.slice(0, 2))
})

it('the worst classes come first, none without an image', () => {
  expect(worstClasses(evaluation, 10).map(({ name }) => name)).toEqual(['elk', 'dog', 'cat'])
  expect(worstClasses(evaluation, 1).map(({ name }) => name)).toEqual(['elk'])
})

it.each([
  // By Wilson's formula, to 4 digits
  [0.9, 100, 0.8256, 0.9448],
  [0.5, 10, 0.2366, 0.7634],
  [0, 10, 0, 0.2775],
  [1, 10, 0.7225, 1],
])('the interval of %d in %i', (fraction, count, low, high) => {
  const interval = accuracyInterval(fraction, count)
  expect(interval[0]).toBeCloseTo(low, 4)
  expect(interval[1]).toBeCloseTo(high, 4)
})
