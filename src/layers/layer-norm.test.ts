import { expect, it } from 'vitest'
import { gradientErrors } from '../../test/support/finite-differences.ts'
import { backwardOf, forwardOf } from '../../test/support/layers.ts'
import { NetworkError, ShapeError } from '../errors.ts'
import { layerNorm, layerNormDefinition } from './layer-norm.ts'

const definition = layerNormDefinition

/**
 * Two images of one pixel. The first has 1, 3, 5, 7: mean 4, variance 20 / 4 = 5; with epsilon 4 the deviation is 3. The second
 * has one value, and no variance: the deviation is 2.
 */
const layer = {
  definition,
  options: { epsilon: 4 },
  batch: 2,
  inputShape: [1, 1, 4],
  input: [1, 3, 5, 7, 10, 10, 10, 10],
  parameters: { scale: [3, 6, 9, 12], shift: [0, 1, 2, 3] },
}

it('is scale * (x - mean) / sqrt(variance + epsilon) + shift over the channels of a pixel', () => {
  expect(forwardOf(layer)).toEqual({ shape: [1, 1, 4], values: [-3, -1, 5, 15, 0, 1, 2, 3] })
  const vectors = { ...layer, inputShape: [4] }
  expect(forwardOf(vectors)).toEqual({ shape: [4], values: [-3, -1, 5, 15, 0, 1, 2, 3] })
})

it('gives shift the gradient, and scale the gradient times the normalized value', () => {
  const { scale, shift } = backwardOf(layer, [1, 0, 0, 2, 5, 5, 5, 5])
  expect(shift).toEqual([6, 5, 5, 7])
  expect(scale).toEqual([-1, 0, 0, 2])
})

it('gives the input the gradient less its mean, and less its part along the normalized values', () => {
  // h = 3 * (4, 0, 0, 0): its mean is 3; normalized -1, -1/3, 1/3, 1, and the mean of h * normalized is -3
  const { input } = backwardOf(layer, [4, 0, 0, 0, 0, 0, 0, 0], 100)
  const expected = [12 - 3 - 3, -3 - 1, -3 + 1, -3 + 3].map((value) => 100 + value / 3)
  for (const [i, value] of expected.entries()) expect(input![i]).toBeCloseTo(value, 12)
  expect(input!.slice(4)).toEqual([100, 100, 100, 100])
})

it('loses no digits where the mean is large beside the deviation', () => {
  const large = { ...layer, batch: 1, options: { epsilon: 1e-9 }, inputShape: [2], input: [1e9, 1e9 + 2] }
  const { values } = forwardOf({ ...large, parameters: { scale: [1, 1], shift: [0, 0] } })
  expect(values[0]).toBeCloseTo(-1, 8)
  expect(values[1]).toBeCloseTo(1, 8)
})

it.each([[[2, 3, 4]], [[5]], [[2, 2, 1]]])('finite differences: %o', (inputShape) => {
  const errors = gradientErrors({ definition, options: { epsilon: 0.01 }, inputShape })
  expect(Object.keys(errors)).toEqual(['input', 'scale', 'shift'])
  if (inputShape.at(-1) !== 1) expect(errors.input).toBeLessThan(1e-7)
  expect(errors.shift).toBeLessThan(1e-8)
  if (inputShape.at(-1) !== 1) expect(errors.scale).toBeLessThan(1e-8)
})

it('has scale and shift, which are trained', () => {
  expect(definition.parameters({ epsilon: 1 }, [[4, 5, 7]])).toEqual({
    scale: { shape: [7], role: 'scale' },
    shift: { shape: [7], role: 'shift' },
  })
  expect(layerNorm('a').options).toEqual({ epsilon: 1e-5 })
  expect(() => definition.outputShape('a', { epsilon: 1 }, [[]])).toThrow(
    new ShapeError('a: its input is one number an image, and has no channels'),
  )
})

it.each<[object, string]>([
  [{ epsilon: 0 }, 'a: epsilon is 0; it must be a finite number over 0'],
  [{ decay: -1 }, 'a: decay is -1; it must be a finite number from 0'],
  [{ momentum: 0.1 }, "a: unknown option 'momentum'"],
])('refuses %o', (options, message) => {
  expect(() => layerNorm('a', options as never)).toThrow(NetworkError)
  expect(() => layerNorm('a', options as never)).toThrow(message)
})
