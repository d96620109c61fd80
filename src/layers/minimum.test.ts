import { expect, it } from 'vitest'
import { gradientErrors } from '../../test/support/finite-differences.ts'
import { backwardOf, forwardOf } from '../../test/support/layers.ts'
import { defineNetwork } from '../networks/network.ts'
import { minimum, minimumDefinition } from './minimum.ts'

const layer = {
  definition: minimumDefinition,
  options: {},
  inputShape: [1, 2, 2],
  input: [1, -2, 3, 4],
  others: [
    { shape: [1, 2, 2], values: [2, -3, 3, Number.NaN] },
    { shape: [2], values: [0, -1] },
  ],
}

it('is the smallest of the values that meet, and NaN where one is NaN', () => {
  expect(forwardOf(layer)).toEqual({ shape: [1, 2, 2], values: [0, -3, 0, Number.NaN] })
})

it('passes the gradient on to the first that is the smallest', () => {
  expect(backwardOf(layer, [10, 20, 30, 0])).toEqual({
    input: [0, 0, 0, 0],
    input1: [0, 20, 0, 0],
    input2: [10 + 30, 0],
  })
})

it('has the gradients of finite differences', () => {
  const errors = gradientErrors({
    definition: minimumDefinition,
    options: { activation: 'tanh' },
    inputShape: [1, 1, 3],
    otherShapes: [[2, 3, 3], [1], [2, 3, 3]],
  })
  for (const [name, error] of Object.entries(errors)) expect(error, name).toBeLessThan(1e-7)
})

it('has two to eight inputs', () => {
  const networkOf = (count: number) =>
    defineNetwork('n', {
      inputs: { images: [2, 2, 3] },
      layers: [minimum('m', { inputs: Array.from({ length: count }, () => 'images') })],
    })
  expect(() => networkOf(1)).toThrow('m: a layer of the kind minimum has at least 2 inputs, not 1')
  expect(() => networkOf(9)).toThrow('m: a layer of the kind minimum has at most 8 inputs, not 9')
  expect(networkOf(8).layers[0]!.outputShape).toEqual([2, 2, 3])
})
