import { describe, expect, it } from 'vitest'
import { gradientErrors } from '../../test/support/finite-differences.ts'
import { backwardOf, forwardOf } from '../../test/support/layers.ts'
import { NetworkError } from '../errors.ts'
import { ALEXNET_LRN, type LrnOptions, lrn, lrnDefinition } from './lrn.ts'

const definition = lrnDefinition

describe('by hand', () => {
  // channels 1 2 3, radius 1: sums of squares 1+4 = 5, 1+4+9 = 14, 4+9 = 13, clipped at both ends
  const options: LrnOptions = { radius: 1, bias: 2, alpha: 1, beta: 1 }
  const layer = { definition, options, inputShape: [1, 1, 3], input: [1, 2, 3] }

  it('x * (bias + alpha * sum)^-beta; alpha is not divided by the window', () => {
    expect(forwardOf(layer).values).toEqual([1 * 7 ** -1, 2 * 16 ** -1, 3 * 15 ** -1])
    // bias 4, alpha 3, beta 1/2 and radius 0: 1 / sqrt(4 + 3), 2 / sqrt(4 + 12), 3 / sqrt(4 + 27)
    const alone = { ...layer, options: { radius: 0, bias: 4, alpha: 3, beta: 0.5 } }
    expect(forwardOf(alone).values).toEqual([7 ** -0.5, 2 * 16 ** -0.5, 3 * 31 ** -0.5])
  })

  it('reaches one channel further up if the window is even', () => {
    // radius 0: sums of squares 1+4, 4+9, 9
    const even = { ...layer, options: { ...options, radius: 0, even: true } }
    expect(forwardOf(even).values).toEqual([1 * 7 ** -1, 2 * 15 ** -1, 3 * 11 ** -1])
    // dy = (0, 1, 0) reaches channels 1 and 2 through y_1 = x_1 / (2 + x_1^2 + x_2^2)
    const { input } = backwardOf(even, [0, 1, 0])
    expect(input![0]).toBe(0)
    expect(input![1]).toBeCloseTo(1 / 15 - (2 * 2 * 2) / 225, 15)
    expect(input![2]).toBeCloseTo((-2 * 3 * 2) / 225, 15)
  })

  it('backward: dy_c / scale_c, less 2 x_c times the window’s sum of dy_j x_j / scale_j^2', () => {
    // dy = (1, 0, 0) reaches channels 0 and 1 through y_0 = x_0 / (2 + x_0^2 + x_1^2)
    const { input } = backwardOf(layer, [1, 0, 0])
    expect(input![0]).toBeCloseTo(1 / 7 - (2 * 1 * 1) / 49, 15)
    expect(input![1]).toBeCloseTo((-2 * 2 * 1) / 49, 15)
    expect(input![2]).toBe(0)
    expect(backwardOf(layer, [0, 0, 0], 5).input).toEqual([5, 5, 5])
  })

  it('pixels and images stay apart', () => {
    const two = {
      definition,
      options,
      inputShape: [1, 2, 3],
      input: [1, 2, 3, 0, 0, 0, 0, 0, 0, 1, 2, 3],
      batch: 2,
    }
    expect(forwardOf(two).values).toEqual([1 / 7, 2 / 16, 3 / 15, 0, 0, 0, 0, 0, 0, 1 / 7, 2 / 16, 3 / 15])
  })
})

describe('backward against finite differences', () => {
  it.each<[string, LrnOptions]>([
    ['the article’s', ALEXNET_LRN],
    ['alpha that acts', { radius: 4, bias: 1, alpha: 0.5, beta: 0.75 }],
    ['radius 0', { radius: 0, bias: 1, alpha: 2, beta: 0.75 }],
    ['an even window', { radius: 2, even: true, bias: 1, alpha: 2, beta: 0.75 }],
    ['radius past the channels', { radius: 20, bias: 0.5, alpha: 1, beta: 0.5 }],
    ['beta 0', { radius: 2, bias: 3, alpha: 1, beta: 0 }],
    ['beta 2', { radius: 2, bias: 3, alpha: 1, beta: 2 }],
    ['negative beta', { radius: 1, bias: 3, alpha: 1, beta: -1.5 }],
    ['alpha 0', { radius: 2, bias: 3, alpha: 0, beta: 0.75 }],
  ])('%s', (_what, options) => {
    const { input } = gradientErrors({ definition, options, inputShape: [2, 3, 11] })
    expect(input).toBeLessThan(1e-8)
  })
})

it('the article’s constants unless given', () => {
  expect(lrn('lrn1').options).toEqual({ radius: 4, bias: 1, alpha: 0.001 / 9, beta: 0.75 })
  expect(lrn('lrn1', { radius: 2 }).options).toEqual({ ...ALEXNET_LRN, radius: 2 })
})

it.each<[Partial<LrnOptions>, string]>([
  [{ radius: -1 }, 'lrn1: radius is -1; it must be an integer from 0 to 2^53 - 1'],
  [{ radius: 0.5 }, 'lrn1: radius is 0.5; it must be an integer from 0 to 2^53 - 1'],
  [{ even: 1 as unknown as boolean }, 'lrn1: even is 1; it must be true or false'],
  [{ bias: 0 }, 'lrn1: bias is 0; it must be a finite number over 0'],
  [{ alpha: -1 }, 'lrn1: alpha is -1; it must be a finite number from 0'],
  [{ beta: '1' as unknown as number }, "lrn1: beta is '1'; it must be a finite number"],
])('%o is refused', (options, message) => {
  expect(() => lrn('lrn1', options)).toThrow(new NetworkError(message))
})
