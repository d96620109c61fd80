import { expect, it } from 'vitest'
import { gradientErrors } from '../../test/support/finite-differences.ts'
import { backwardOf, forwardOf } from '../../test/support/layers.ts'
import { defineNetwork } from '../networks/network.ts'
import { divide, divideDefinition } from './divide.ts'

const definition = divideDefinition
const layer = {
  definition,
  options: {},
  inputShape: [2],
  input: [12, 1],
  others: [{ shape: [1, 2, 2], values: [1, 2, -3, 0] }],
}

it('divides the first by the second, whichever is broadcast', () => {
  expect(forwardOf(layer)).toEqual({ shape: [1, 2, 2], values: [12, 0.5, -4, Infinity] })
  expect(forwardOf({ ...layer, input: [12, 0] }).values).toEqual([12, 0, -4, Number.NaN])
})

it('has the gradients of a quotient', () => {
  expect(backwardOf(layer, [1, 2, 3, 0])).toEqual({
    input: [1 - 1, Number.NaN],
    input1: [-12, -0.5, -4, Number.NaN],
  })
  // Far enough from a division by 0
  for (const [seed, otherShape] of [
    [1, [3]],
    [7, [2, 2, 3]],
  ] as const) {
    const errors = gradientErrors({
      definition,
      options: { activation: 'sigmoid' },
      inputShape: [2, 2, 3],
      otherShapes: [otherShape],
      seed,
    })
    for (const [name, error] of Object.entries(errors)) expect(error, name).toBeLessThan(1e-5)
  }
})

it('has exactly two inputs', () => {
  const inputs = ['images', 'images', 'images']
  expect(() =>
    defineNetwork('n', { inputs: { images: [2, 2, 3] }, layers: [divide('q', { inputs })] }),
  ).toThrow('q: a layer of the kind divide has 2 inputs, not 3')
})
