import { describe, expect, it } from 'vitest'
import { gradientErrors } from '../../test/support/finite-differences.ts'
import { backwardOf, forwardOf } from '../../test/support/layers.ts'
import { NetworkError } from '../errors.ts'
import { type AddOptions, add, addDefinition } from './add.ts'

const definition = addDefinition

describe('by hand', () => {
  const layer = {
    definition,
    options: {} as AddOptions,
    inputShape: [1, 2, 2],
    input: [1, 2, 3, -4],
    others: [
      { shape: [1, 2, 2], values: [10, -20, 30, 40] },
      { shape: [1, 2, 2], values: [100, 0, 0, -50] },
    ],
  }

  it('sums value by value', () => {
    expect(forwardOf(layer)).toEqual({ shape: [1, 2, 2], values: [111, -18, 33, -14] })
  })

  it('gives each input the gradient of the sum, beside what is there', () => {
    const gradients = backwardOf(layer, [1, 2, 3, 4], 5)
    expect(gradients).toEqual({ input: [6, 7, 8, 9], input1: [6, 7, 8, 9], input2: [6, 7, 8, 9] })
  })

  it('ReLU comes after the sum, and stops the gradient of all inputs', () => {
    const activated = { ...layer, options: { activation: 'relu' as const } }
    expect(forwardOf(activated).values).toEqual([111, 0, 33, 0])
    const gradients = backwardOf(activated, [1, 2, 3, 4])
    expect(gradients).toEqual({ input: [1, 0, 3, 0], input1: [1, 0, 3, 0], input2: [1, 0, 3, 0] })
  })

  it('takes vectors too', () => {
    const vectors = { ...layer, inputShape: [2], input: [1, 2], others: [{ shape: [2], values: [5, 5] }] }
    expect(forwardOf(vectors)).toEqual({ shape: [2], values: [6, 7] })
  })
})

it.each(['relu', 'sigmoid', 'tanh', undefined] as const)(
  'finite differences: activation %s',
  (activation) => {
    const inputShape = [2, 3, 5]
    const errors = gradientErrors({
      definition,
      options: { activation },
      inputShape,
      otherShapes: [inputShape, inputShape],
    })
    expect(Object.keys(errors)).toEqual(['input', 'input1', 'input2'])
    for (const [name, error] of Object.entries(errors)) expect(error, name).toBeLessThan(1e-8)
  },
)

it('refuses options that it has not, and inputs that are no names', () => {
  const inputs = ['a', 'b']
  expect(add('sum', { inputs, activation: 'relu' }).options).toEqual({ activation: 'relu' })
  expect(() => add('sum', { inputs, activation: 'maxout' as never })).toThrow(
    new NetworkError(
      "sum: unknown activation 'maxout' (relu, relu6, leaky-relu, elu, sigmoid, hard-sigmoid, hard-swish, silu, gelu, tanh, softplus, mish, abs, exp, erf)",
    ),
  )
  expect(() => add('sum', { inputs, activatiom: 'relu' } as never)).toThrow(
    /^sum: unknown option 'activatiom'/,
  )
  expect(() => add('sum', { inputs: [1] as never })).toThrow(/^sum: inputs/)
})
