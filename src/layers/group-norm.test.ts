import { describe, expect, it } from 'vitest'
import { gradientErrors } from '../../test/support/finite-differences.ts'
import { backwardOf, forwardOf } from '../../test/support/layers.ts'
import { NetworkError, ShapeError } from '../errors.ts'
import { groupNorm, groupNormDefinition } from './group-norm.ts'
import { instanceNorm, instanceNormDefinition } from './instance-norm.ts'

/** One row of two pixels with four channels. */
const image = {
  inputShape: [1, 2, 4],
  input: [1, 3, 10, 10, 5, 7, 10, 10],
  parameters: { scale: [3, 6, 9, 12], shift: [0, 1, 2, 3] },
}

describe('by groups', () => {
  const definition = groupNormDefinition
  // 1, 3, 5, 7: mean 4, variance 5, and with epsilon 4 the deviation is 3; the other group has none, and the deviation is 2
  const layer = { ...image, definition, options: { groups: 2, epsilon: 4 } }

  it('is scale * (x - mean) / sqrt(variance + epsilon) + shift over each group of an image', () => {
    expect(forwardOf(layer)).toEqual({ shape: [1, 2, 4], values: [-3, -1, 2, 3, 1, 7, 2, 3] })
  })

  it('normalizes each image alone', () => {
    const other = image.input.map((value) => 2 - value)
    const both = { ...layer, batch: 2, input: [...image.input, ...other] }
    expect(forwardOf(both).values).toEqual([-3, -1, 2, 3, 1, 7, 2, 3, 3, 3, 2, 3, -1, -5, 2, 3])
  })

  it('gives shift the gradient, and scale the gradient times the normalized value', () => {
    const { scale, shift } = backwardOf(layer, [3, 0, 1, 0, 0, 5, 1, 0])
    expect(shift).toEqual([3, 5, 2, 0])
    expect(scale).toEqual([-3, 5, 0, 0])
  })

  it('gives the input the gradient less the group’s mean, and less its part along the normalized values', () => {
    // As in the test of layer norm: h = 12, 0, 0, 0
    const { input } = backwardOf(layer, [4, 0, 0, 0, 0, 0, 0, 0], 100)
    const expected = [12 - 3 - 3, -3 - 1, 0, 0, -3 + 1, -3 + 3, 0, 0].map((value) => 100 + value / 3)
    for (const [i, value] of expected.entries()) expect(input![i]).toBeCloseTo(value, 12)
  })

  it.each([
    { groups: 1, inputShape: [2, 3, 4] },
    { groups: 3, inputShape: [3, 2, 6] },
    { groups: 2, inputShape: [6] },
  ])('finite differences: %o', ({ groups, inputShape }) => {
    const errors = gradientErrors({ definition, options: { groups, epsilon: 0.01 }, inputShape })
    expect(Object.keys(errors)).toEqual(['input', 'scale', 'shift'])
    for (const [name, error] of Object.entries(errors)) expect(error, name).toBeLessThan(1e-7)
  })

  it('refuses groups that do not divide the channels', () => {
    expect(() => definition.outputShape('a', { groups: 4, epsilon: 1 }, [[2, 3, 6]])).toThrow(
      new ShapeError('a: groups 4 must divide the 6 channels of its input [2, 3, 6]'),
    )
  })

  it.each<[object, string]>([
    [{}, 'a: groups is missing; it must be a positive integer'],
    [{ groups: 2, epsilon: 0 }, 'a: epsilon is 0; it must be a finite number over 0'],
    [{ groups: 2, decay: -1 }, 'a: decay is -1; it must be a finite number from 0'],
  ])('refuses %o', (options, message) => {
    expect(() => groupNorm('a', options as never)).toThrow(NetworkError)
    expect(() => groupNorm('a', options as never)).toThrow(message)
  })
})

describe('by instances', () => {
  const definition = instanceNormDefinition

  it('is a group norm with as many groups as channels', () => {
    const { inputShape, input } = image
    const layer = { ...image, definition, options: { epsilon: 5 } }
    // 1, 5 and 3, 7: variance 4, and the deviation is 3
    expect(forwardOf(layer).values).toEqual([-2, -3, 2, 3, 2, 5, 2, 3])
    const grouped = { ...image, definition: groupNormDefinition, options: { groups: 4, epsilon: 5 } }
    expect(forwardOf(layer)).toEqual(forwardOf(grouped))
    const gradient = input.map((value, i) => value + i)
    expect(backwardOf(layer, gradient)).toEqual(backwardOf(grouped, gradient))
    expect(inputShape).toEqual(forwardOf(layer).shape)
  })

  it('finite differences', () => {
    const errors = gradientErrors({ definition, options: { epsilon: 0.01 }, inputShape: [3, 2, 4] })
    for (const [name, error] of Object.entries(errors)) expect(error, name).toBeLessThan(1e-7)
  })

  it('needs images, and has scale and shift, which are trained', () => {
    expect(() => definition.outputShape('a', { epsilon: 1 }, [[5]])).toThrow(
      new ShapeError('a: its input is [5]; it needs images, (H, W, C)'),
    )
    expect(definition.parameters({ epsilon: 1 }, [[4, 5, 7]])).toEqual({
      scale: { shape: [7], role: 'scale' },
      shift: { shape: [7], role: 'shift' },
    })
    expect(instanceNorm('a').options).toEqual({ epsilon: 1e-5 })
    expect(() => instanceNorm('a', { groups: 2 } as never)).toThrow("a: unknown option 'groups'")
  })
})
