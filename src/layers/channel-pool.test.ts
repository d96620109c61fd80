import { describe, expect, it } from 'vitest'
import { gradientErrors } from '../../test/support/finite-differences.ts'
import { backwardOf, forwardOf } from '../../test/support/layers.ts'
import { NetworkError, ShapeError } from '../errors.ts'
import { channelPool, channelPoolDefinition } from './channel-pool.ts'

const definition = channelPoolDefinition
const MODES = ['mean', 'max', 'sum', 'l2'] as const

/** Two images of one row of two pixels, with two channels. */
const layer = {
  definition,
  batch: 2,
  inputShape: [1, 2, 2],
  input: [3, 4, 8, -6, 0, 0, -5, -5],
}

describe('by hand', () => {
  it.each([
    ['mean', [3.5, 1, 0, -5], [5, 5, 10, 10, 20, 20, 40, 40]],
    ['sum', [7, 2, 0, -10], [10, 10, 20, 20, 40, 40, 80, 80]],
    // The first of equal values
    ['max', [4, 8, 0, -5], [0, 10, 20, 0, 40, 0, 80, 0]],
    ['l2', [5, 10, 0, Math.sqrt(50)], [6, 8, 16, -12, 0, 0, -80 / Math.sqrt(2), -80 / Math.sqrt(2)]],
  ] as const)('%s of the channels of each pixel, and its gradient', (mode, pools, gradients) => {
    const pooled = { ...layer, options: { mode } }
    expect(forwardOf(pooled)).toEqual({ shape: [1, 2, 1], values: pools })
    const { input } = backwardOf(pooled, [10, 20, 40, 80], 1000)
    for (const [i, gradient] of gradients.entries()) expect(input![i]).toBeCloseTo(1000 + gradient, 10)
  })

  it('a vector has one', () => {
    const vector = { definition, options: { mode: 'sum' as const }, inputShape: [3], input: [1, 2, 4] }
    expect(forwardOf(vector)).toEqual({ shape: [1], values: [7] })
    expect(backwardOf(vector, [5]).input).toEqual([5, 5, 5])
  })

  it.each(MODES)('%s: a NaN stays in its pixel', (mode) => {
    const [first, second] = forwardOf({
      ...layer,
      options: { mode },
      input: [1, NaN, 2, 2, 0, 0, 0, 0],
    }).values
    expect(first).toBeNaN()
    expect(second).toBeGreaterThan(0)
  })

  it('a NaN takes the gradient of its maximum', () => {
    const nan = { ...layer, options: { mode: 'max' as const }, input: [1, NaN, 2, 1, 0, 0, 0, 1] }
    expect(backwardOf(nan, [1, 1, 1, 1]).input).toEqual([0, 1, 1, 0, 1, 0, 0, 1])
  })

  it('squares beyond float32 are infinite', () => {
    const large = { ...layer, options: { mode: 'l2' as const }, input: [1e20, 0, 1e18, 0, 0, 0, 0, 0] }
    expect(forwardOf(large).values).toEqual([Infinity, 1e18, 0, 0])
  })
})

it.each(MODES)('finite differences: %s', (mode) => {
  for (const inputShape of [[2, 3, 5], [7], [2, 2, 1]]) {
    const errors = gradientErrors({ definition, options: { mode }, inputShape, seed: 3 })
    expect(errors.input).toBeLessThan(1e-7)
  }
})

it('refuses numbers, which have no channels, and other modes', () => {
  expect(() => definition.outputShape('a', { mode: 'max' }, [[]])).toThrow(
    new ShapeError('a: its input is one number an image, and has no channels'),
  )
  expect(() => channelPool('a', { mode: 'median' as never })).toThrow(NetworkError)
  expect(() => channelPool('a', {} as never)).toThrow('a: mode is missing')
})
