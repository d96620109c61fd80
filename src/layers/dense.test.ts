import { expect, it } from 'vitest'
import { gradientErrors } from '../../test/support/finite-differences.ts'
import { backwardOf, forwardOf } from '../../test/support/layers.ts'
import { NetworkError } from '../errors.ts'
import { type DenseOptions, denseDefinition as definition, dense } from './dense.ts'

const layer = {
  definition,
  options: { units: 2 } as DenseOptions,
  inputShape: [1, 2, 2],
  // Two images; a row of weights belongs to a value in H, W, C order.
  input: [1, 2, 3, 4, 0, 0, 0, -1],
  batch: 2,
  parameters: { weights: [1, -1, 10, 0, 100, 0, 1000, 1], biases: [0.5, -0.5] },
}

it('is the weighted sum of the input, flattened in H, W, C order, and a bias', () => {
  // 1 + 20 + 300 + 4000 + 0.5; -1 + 4 - 0.5; -1000 + 0.5; -1 - 0.5
  expect(forwardOf(layer)).toEqual({ shape: [2], values: [4321.5, 2.5, -999.5, -1.5] })
  const activated = { ...layer, options: { units: 2, activation: 'relu' as const } }
  expect(forwardOf(activated).values).toEqual([4321.5, 2.5, 0, 0])
})

it('has sums over the batch as gradients of the parameters, and of each image its own input gradient', () => {
  const gradients = backwardOf(layer, [1, 2, 3, 4])
  expect(gradients.biases).toEqual([4, 6])
  // 1 * 1 + 0 * 3, 1 * 2 + 0 * 4, ..., 4 * 1 - 1 * 3, 4 * 2 - 1 * 4
  expect(gradients.weights).toEqual([1, 2, 2, 4, 3, 6, 1, 4])
  // 1 * 1 - 1 * 2, 10, 100, 1000 + 2; 3 - 4, 30, 300, 3000 + 4
  expect(gradients.input).toEqual([-1, 10, 100, 1002, -1, 30, 300, 3004])
})

it('masks the gradient where ReLU let nothing through, and adds to what is there', () => {
  const activated = { ...layer, options: { units: 2, activation: 'relu' as const } }
  const gradients = backwardOf(activated, [1, 2, 3, 4], 5)
  expect(gradients.biases).toEqual([1, 2])
  expect(gradients.input).toEqual([4, 15, 105, 1007, 5, 5, 5, 5])
})

it('has sums and nothing else without biases', () => {
  const options = { units: 2, biases: false }
  expect(Object.keys(definition.parameters(options, [[2, 2, 1]]))).toEqual(['weights'])
  const bare = { ...layer, options, parameters: { weights: layer.parameters.weights } }
  expect(forwardOf(bare).values).toEqual([4321, 3, -1000, -1])
  expect(Object.keys(backwardOf(bare, [1, 2, 3, 4]))).toEqual(['input', 'weights'])
  expect(backwardOf(bare, [1, 2, 3, 4]).weights).toEqual([1, 2, 2, 4, 3, 6, 1, 4])
})

it('takes a tensor without height and width too', () => {
  expect(definition.parameters({ units: 3 }, [[7]]).weights!.shape).toEqual([7, 3])
  expect(definition.flops({ units: 3 }, [[2, 2, 5]], [3]).forward).toBe(2 * 20 * 3)
})

it.each<[Partial<DenseOptions>, string]>([
  [{ units: 0 }, 'fc: units is 0; it must be a positive integer'],
  [
    { activation: 'maxout' as never },
    "fc: unknown activation 'maxout' (relu, relu6, leaky-relu, elu, sigmoid, hard-sigmoid, hard-swish, silu, gelu, tanh, softplus, mish, abs, exp, erf)",
  ],
  [{ biases: 0 as never }, 'fc: biases is 0; it must be true or false'],
  [{ decay: -1 }, 'fc: decay is -1; it must be a finite number from 0'],
  [{ initial: { weightsSd: 0, biases: 0 } }, 'fc: initial.weightsSd is 0; it must be a finite number over 0'],
  [{ initial: { weightsSd: 1 } as never }, 'fc: initial.biases is missing; it must be a finite number'],
])('refuses %o', (options, message) => {
  expect(() => dense('fc', { units: 4, ...options })).toThrow(new NetworkError(message))
})

it.each<[string, DenseOptions]>([
  ['linear', { units: 5 }],
  ['relu', { units: 5, activation: 'relu' }],
  ['sigmoid', { units: 5, activation: 'sigmoid' }],
  ['tanh', { units: 5, activation: 'tanh' }],
  ['without biases', { units: 5, activation: 'tanh', biases: false }],
])('backward against finite differences: %s', (_name, options) => {
  for (const inputShape of [[3, 4, 5], [6]]) {
    for (const error of Object.values(gradientErrors({ definition, options, inputShape })))
      expect(error).toBeLessThan(1e-8)
  }
})
