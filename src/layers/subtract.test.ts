import { expect, it } from 'vitest'
import { gradientErrors } from '../../test/support/finite-differences.ts'
import { backwardOf, forwardOf } from '../../test/support/layers.ts'
import { defineNetwork } from '../networks/network.ts'
import { subtract, subtractDefinition } from './subtract.ts'

const definition = subtractDefinition
const layer = {
  definition,
  options: {},
  inputShape: [2],
  input: [10, 20],
  others: [{ shape: [1, 2, 2], values: [1, 2, 3, 4] }],
}

it('subtracts the second from the first, whichever is broadcast', () => {
  expect(forwardOf(layer)).toEqual({ shape: [1, 2, 2], values: [9, 18, 7, 16] })
})

it('turns the gradient of the second, and sums that of the first over the pixels', () => {
  expect(backwardOf(layer, [1, 2, 3, 4])).toEqual({ input: [4, 6], input1: [-1, -2, -3, -4] })
  const errors = gradientErrors({
    definition,
    options: { activation: 'silu' },
    inputShape: [2, 3, 4],
    otherShapes: [[1]],
  })
  for (const [name, error] of Object.entries(errors)) expect(error, name).toBeLessThan(1e-7)
})

it('has exactly two inputs', () => {
  const inputs = ['images', 'images', 'images']
  expect(() =>
    defineNetwork('n', { inputs: { images: [2, 2, 3] }, layers: [subtract('s', { inputs })] }),
  ).toThrow('s: a layer of the kind subtract has 2 inputs, not 3')
})
