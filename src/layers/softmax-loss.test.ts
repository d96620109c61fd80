import { expect, it } from 'vitest'
import { gradientErrors } from '../../test/support/finite-differences.ts'
import { backwardOf, forwardOf } from '../../test/support/layers.ts'
import { softmaxLossDefinition as definition } from './softmax-loss.ts'

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

it('backward against finite differences', () => {
  for (const inputShape of [[5], [1, 1, 7], [1]]) {
    const { input } = gradientErrors({
      definition,
      options: {},
      inputShape,
      batch: 3,
      labels: [0, 0, inputShape.at(-1)! - 1],
    })
    expect(input).toBeLessThan(1e-8)
  }
})
