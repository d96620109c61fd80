import { describe, expect, it } from 'vitest'
import { parametersOf, shapeOf } from '../src/networks/index.ts'
import { goldenCase } from './support/goldens.ts'
import { runPlainly } from './support/plain-network.ts'

describe('the plain loops against PyTorch, in float64', () => {
  const { network, batch, images, parameters, expected, compare } = goldenCase('small')
  const tensors = runPlainly(network, batch, { images }, parameters)

  // What is left, up to 5e-9, is the goldens' rounding to 9 digits
  it.each(Object.keys(expected))('%s', (name) => {
    expect(compare(name, tensors[name]!)).toBeLessThan(1e-8)
  })
})

it.each(['small', 'full'] as const)('%s: the goldens are of every result, and every layer acts', (name) => {
  const { network, batch, parameters, expected, float32GradientError } = goldenCase(name)
  const gradients = Object.keys(parametersOf(network)).map((parameter) => `${parameter}.gradient`)
  expect(Object.keys(expected)).toEqual([...network.printed, 'loss', ...gradients])
  for (const tensor of network.printed)
    expect(expected[tensor]!.shape).toEqual([batch, ...shapeOf(network, tensor)])
  for (const [parameter, { shape }] of Object.entries(parametersOf(network))) {
    expect(expected[`${parameter}.gradient`]!.shape).toEqual(shape)
    expect(parameters[parameter]!.some((value) => value !== 0)).toBe(true)
  }
  // Below about 10, LRN changes too little for a wrong one to be seen
  const { norm, shape } = expected.conv1!
  expect(norm / Math.sqrt(shape.reduce((product, extent) => product * extent))).toBeGreaterThan(10)
  // The seed is one at which float32 decides every ReLU and maximum as float64 does
  expect(float32GradientError).toBeLessThan(1e-5)
})
