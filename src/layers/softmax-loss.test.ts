import { expect, it } from 'vitest'
import { gradientErrors } from '../../test/support/finite-differences.ts'
import { backwardOf, forwardOf } from '../../test/support/layers.ts'
import { softmaxLossDefinition as definition, softmaxLoss } from './softmax-loss.ts'

const { log } = Math
// Probabilities 1/4, 1/2, 1/4 and 1/5, 1/5, 3/5.
const input = [log(1), log(2), log(1), log(7), log(7), log(21)]
const layer = { definition, options: {}, inputShape: [3], input, labels: [1, 0], batch: 2 }

it('is the mean of -log(probability of the label)', () => {
  const { shape, values } = forwardOf(layer)
  expect(shape).toEqual([])
  expect(values[0]).toBeCloseTo((log(2) + log(5)) / 2, 14)
})

it('has probability - 1 at the label as gradient, over the batch, added', () => {
  const expected = [1 / 4, -1 / 2, 1 / 4, -4 / 5, 1 / 5, 3 / 5].map((value) => 5 + (3 * value) / 2)
  const { input: gradient } = backwardOf(layer, [3], 5)
  for (const [i, value] of gradient!.entries()) expect(value).toBeCloseTo(expected[i]!, 14)
})

const smoothed = { ...layer, options: { labelSmoothing: 0.3 } }

it('with label smoothing takes a share of the loss of every class', () => {
  const everyClass = [(log(4) + log(2) + log(4)) / 3, (log(5) + log(5) + log(5 / 3)) / 3]
  const expected = [0.7 * log(2) + 0.3 * everyClass[0]!, 0.7 * log(5) + 0.3 * everyClass[1]!]
  expect(forwardOf(smoothed).values[0]).toBeCloseTo((expected[0]! + expected[1]!) / 2, 14)
})

it('with label smoothing has probability - target as gradient: 0.8 at the label, 0.1 elsewhere', () => {
  const expected = [1 / 4 - 0.1, 1 / 2 - 0.8, 1 / 4 - 0.1, 1 / 5 - 0.8, 1 / 5 - 0.1, 3 / 5 - 0.1]
  const { input: gradient } = backwardOf(smoothed, [3], 5)
  for (const [i, value] of gradient!.entries()) expect(value).toBeCloseTo(5 + (3 * expected[i]!) / 2, 14)
})

it('refuses a label smoothing that is not from 0 to 1', () => {
  const inputs = ['logits', 'labels'] as const
  expect(() => softmaxLoss('loss', { inputs, labelSmoothing: 1.1 })).toThrow(
    'loss: labelSmoothing is 1.1; it must be a number from 0 to 1',
  )
})

it('is stable: logits as large as floats, and a label that is nearly sure', () => {
  const huge = { ...layer, input: [1e30, -1e30, 0, 1000, 1000, 0], labels: [0, 1] }
  expect(forwardOf(huge).values[0]).toBeCloseTo(log(2) / 2, 14)
  const sure = { ...layer, input: [40, 0, 0], labels: [0], batch: 1 }
  expect(backwardOf(sure, [1]).input![0]! / (-2 * Math.exp(-40))).toBeCloseTo(1, 12)
})

it('refuses logits and labels of other shapes', () => {
  expect(() => definition.outputShape('loss', {}, [[2, 1, 5], []])).toThrow(
    'loss: its logits are [2, 1, 5]; they must be (classes)',
  )
  expect(() => definition.outputShape('loss', {}, [[5], [5]])).toThrow('loss: its labels are [5]; an image')
  expect(definition.outputShape('loss', {}, [[1, 1, 5], []])).toEqual([])
})

it.each([undefined, 0.1, 1])('backward against finite differences, label smoothing %s', (labelSmoothing) => {
  for (const inputShape of [[5], [1, 1, 7], [1]]) {
    const { input } = gradientErrors({
      definition,
      options: { labelSmoothing },
      inputShape,
      batch: 3,
      labels: [0, 0, inputShape.at(-1)! - 1],
    })
    expect(input).toBeLessThan(1e-8)
  }
})
