import { describe, expect, it } from 'vitest'
import { gradientErrors } from '../../test/support/finite-differences.ts'
import { backwardOf, forwardOf } from '../../test/support/layers.ts'
import { NetworkError } from '../errors.ts'
import { denseGrid } from '../tensor.ts'
import { type BatchNormOptions, batchNorm, batchNormDefinition } from './batch-norm.ts'

const definition = batchNormDefinition
const options: BatchNormOptions = { epsilon: 1, momentum: 0.25 }

/**
 * Two images of one row of two pixels. Channel 0 has 1, 3, 5, 7: mean 4, distances -3 -1 1 3, variance 20 / 4 = 5. Channel 1
 * has 10 everywhere: variance 0.
 */
const layer = {
  definition,
  options: { ...options, epsilon: 4 },
  batch: 2,
  inputShape: [1, 2, 2],
  input: [1, 10, 3, 10, 5, 10, 7, 10],
  parameters: { scale: [6, 8], shift: [100, -1], mean: [2, 8], variance: [5, 12] },
}

describe('by running statistics, as in forward and where it is frozen', () => {
  it('scale * (x - mean) / sqrt(variance + epsilon) + shift', () => {
    // 6 / sqrt(5 + 4) = 2 and 8 / sqrt(12 + 4) = 2
    expect(forwardOf(layer)).toEqual({
      shape: [1, 2, 2],
      values: [98, 3, 102, 3, 106, 3, 110, 3],
    })
  })

  it('backward: each gradient by its channel’s factor alone', () => {
    const gradients = backwardOf(layer, [1, 10, 2, 0, 0, 0, 0, -10], 5)
    expect(gradients.input).toEqual([7, 25, 9, 5, 5, 5, 5, -15])
    // Sums of the gradient, and of its products with (x - 2) / 3 and (x - 8) / 4
    expect(gradients.shift).toEqual([3, 0])
    expect(gradients.scale![0]).toBeCloseTo(1 * (-1 / 3) + 2 * (1 / 3), 15)
    expect(gradients.scale![1]).toBe(0)
  })

  it('the activation comes last, and its gradient first', () => {
    const activated = { ...layer, options: { ...layer.options, activation: 'relu' as const } }
    const low = { ...activated, parameters: { ...layer.parameters, shift: [-4, -1] } }
    expect(forwardOf(low).values).toEqual([0, 3, 0, 3, 2, 3, 6, 3])
    const gradients = backwardOf(low, [1, 0, 1, 0, 1, 0, 1, 0])
    expect(gradients.shift).toEqual([2, 0])
    expect(gradients.input).toEqual([0, 0, 0, 0, 2, 0, 2, 0])
  })
})

describe('by the batch, as in training', () => {
  const trained = { ...layer, isOfBatch: true }

  it('takes mean and biased variance over images, rows and columns', () => {
    const inputs = [denseGrid(Float64Array.from(layer.input), 2, layer.inputShape)]
    const { mean, variance } = definition.batchStatistics!({ options, inputs })
    expect([...mean!]).toEqual([4, 10])
    expect([...variance!]).toEqual([5, 0])
  })

  it('loses no digits where the mean is large beside the deviation', () => {
    const inputs = [denseGrid(Float64Array.of(1e9, 1e9 + 2), 2, [1])]
    const { variance } = definition.batchStatistics!({ options, inputs })
    expect([...variance!]).toEqual([1])
  })

  it('goes by them, whatever the running ones are', () => {
    // 6 / 3 and 8 / sqrt(0 + 4)
    expect(forwardOf(trained).values).toEqual([94, -1, 98, -1, 102, -1, 106, -1])
    const other = { ...trained, parameters: { ...layer.parameters, mean: [9, 9], variance: [9, 9] } }
    expect(forwardOf(other).values).toEqual(forwardOf(trained).values)
  })

  it('backward: less the gradient’s mean, and less its part along the normalized values', () => {
    // Normalized: -1, -1/3, 1/3, 1. g = (9, 0, 0, 0): mean 9/4, mean of g * normalized -9/4.
    const { input, scale, shift } = backwardOf(trained, [9, 0, 0, 0, 0, 0, 0, 0])
    expect(shift).toEqual([9, 0])
    expect(scale).toEqual([-9, 0])
    const expected = [9 - 9 / 4 - 9 / 4, -9 / 4 - 3 / 4, -9 / 4 + 3 / 4, -9 / 4 + 9 / 4].map((g) => 2 * g)
    expected.forEach((value, i) => {
      expect(input![2 * i]).toBeCloseTo(value, 14)
    })
    expect(input!.filter((_, i) => i % 2 === 1)).toEqual([0, 0, 0, 0])
  })
})

describe('running statistics', () => {
  const follow = (count: number, momentum: number) => {
    const parameters = { mean: Float32Array.of(8, 0), variance: Float32Array.of(16, 1) }
    const statistics = { mean: Float64Array.of(4, 2), variance: Float64Array.of(6, 0) }
    definition.followStatistics!({ ...options, momentum }, parameters, statistics, count)
    return { mean: [...parameters.mean], variance: [...parameters.variance] }
  }

  it('follow the batch’s by the momentum, of the variance the unbiased one', () => {
    // 0.75 * 8 + 0.25 * 4; 0.75 * 16 + 0.25 * 6 * 4/3
    expect(follow(4, 0.25)).toEqual({ mean: [7, 0.5], variance: [14, 0.75] })
  })

  it('stay with momentum 0, and are the batch’s with momentum 1', () => {
    expect(follow(2, 0)).toEqual({ mean: [8, 0], variance: [16, 1] })
    expect(follow(2, 1)).toEqual({ mean: [4, 2], variance: [12, 0] })
  })
})

describe('backward against finite differences', () => {
  it.each<[string, Partial<BatchNormOptions>, number[]]>([
    ['images', {}, [3, 2, 4]],
    ['vectors', {}, [5]],
    ['relu', { activation: 'relu' }, [2, 3, 4]],
    ['sigmoid', { activation: 'sigmoid' }, [2, 3, 4]],
    ['tanh', { activation: 'tanh' }, [2, 3, 4]],
  ])('%s', (_what, given, inputShape) => {
    for (const isOfBatch of [false, true]) {
      const layerOptions = { epsilon: 0.01, momentum: 0.1, ...given }
      const errors = gradientErrors({
        definition,
        options: layerOptions,
        inputShape,
        isOfBatch,
        batch: 3,
        seed: 5,
      })
      expect(Object.keys(errors)).toEqual(['input', 'scale', 'shift'])
      for (const [name, error] of Object.entries(errors)) expect(error, name).toBeLessThan(1e-7)
    }
  })
})

it('has scale and shift that are trained, and statistics that are not; a variance begins at 1', () => {
  expect(definition.parameters(options, [[4, 5, 7]])).toEqual({
    scale: { shape: [7], role: 'scale' },
    shift: { shape: [7], role: 'shift' },
    mean: { shape: [7], role: 'statistic' },
    variance: { shape: [7], role: 'statistic', initial: 1 },
  })
  expect(definition.outputShape('bn', options, [[4, 5, 7]])).toEqual([4, 5, 7])
  expect(batchNorm('bn').options).toEqual({ epsilon: 1e-5, momentum: 0.1 })
  expect(batchNorm('bn', { momentum: 0 }).options.momentum).toBe(0)
})

it.each<[Partial<BatchNormOptions>, string]>([
  [{ epsilon: 0 }, 'bn: epsilon is 0; it must be a finite number over 0'],
  [{ epsilon: Number.NaN }, 'bn: epsilon is NaN; it must be a finite number over 0'],
  [{ momentum: 1.5 }, 'bn: momentum is 1.5; it must be'],
  [{ momentum: -0.1 }, 'bn: momentum is -0.1; it must be'],
  [{ decay: -1 }, 'bn: decay is -1; it must be a finite number from 0'],
  [
    { activation: 'maxout' as never },
    "bn: unknown activation 'maxout' (relu, relu6, leaky-relu, elu, sigmoid, hard-sigmoid, hard-swish, silu, gelu, tanh, softplus, mish, abs, exp, erf)",
  ],
  [{ initial: { weightsSd: 1, biases: 0 } } as never, "bn: unknown option 'initial'"],
])('refuses %o', (given, message) => {
  expect(() => batchNorm('bn', given)).toThrow(NetworkError)
  expect(() => batchNorm('bn', given)).toThrow(message)
})
