import { describe, expect, it } from 'vitest'
import { relativeError } from '../../test/support/finite-differences.ts'
import { runPlainly } from '../../test/support/plain-network.ts'
import { batchNorm, conv, dense, l2Loss, lrn, maxPool, relu, softmaxLoss } from '../layers/index.ts'
import { initialize, initializeImages } from '../networks/initialize.ts'
import { defineNetwork } from '../networks/network.ts'
import { gradientsGivenActivations, lossesGivenActivations } from './own-decisions.ts'

const only = (...values: number[]) => Float32Array.from(values)

it("gives float64's own gradients for its own activations, float32 or not", () => {
  const network = defineNetwork('branched', {
    inputs: { images: [7, 6, 2] },
    layers: [
      conv('a', { filters: 4, kernel: 3, padding: 'same', activation: 'relu' }),
      lrn('b', { radius: 1, alpha: 0.1 }),
      maxPool('c', { kernel: 3, stride: 2 }),
      dense('d', { units: 3 }),
      l2Loss('loss'),
      relu('side', { inputs: ['b'] }),
      l2Loss('sideLoss'),
    ],
  })
  const parameters = initialize(network, { seed: 7, sd: 1 })
  const truth = runPlainly(network, 2, initializeImages(network, 2, { seed: 7, sd: 1 }), parameters)
  const gradients = gradientsGivenActivations(network, 2, truth)
  expect(Object.keys(gradients)).toEqual(Object.keys(parameters).map((name) => `${name}.gradient`))
  for (const [name, values] of Object.entries(gradients)) expect(values, name).toEqual(truth[name])
})

describe('of a network with batch norm', () => {
  const network = defineNetwork('normalized', {
    inputs: { images: [5, 4, 2] },
    layers: [
      conv('a', { filters: 3, kernel: 3, biases: false }),
      batchNorm('b', { activation: 'relu' }),
      l2Loss('loss'),
    ],
  })
  const parameters = initialize(network, { seed: 7, sd: 1 })
  const truth = runPlainly(network, 3, initializeImages(network, 3, { seed: 7, sd: 1 }), parameters)

  it('takes the statistics of the batch that it is given, and none are trained', () => {
    const { images, a, b } = truth
    const gradients = gradientsGivenActivations(network, 3, { images: images!, a: a!, b: b!, ...parameters })
    expect(Object.keys(gradients)).toEqual(['a/weights.gradient', 'b/scale.gradient', 'b/shift.gradient'])
    for (const [name, values] of Object.entries(gradients)) expect(values, name).toEqual(truth[name])
  })

  it.each([{ of: 4 }, { copies: 2 }])('takes no share of a batch: %j', (share) =>
    expect(() => gradientsGivenActivations(network, 3, truth, share)).toThrow(
      'b mixes the images of a batch: its gradients need all of them',
    ),
  )
})

describe('of a batch with a sum and a mean for losses', () => {
  const network = defineNetwork('classifier', {
    inputs: { images: [4, 3, 2], labels: [] },
    layers: [
      conv('a', { filters: 3, kernel: 3, activation: 'relu' }),
      dense('b', { units: 4 }),
      l2Loss('sum'),
      softmaxLoss('mean', { inputs: ['b', 'labels'] }),
    ],
  })
  const parameters = initialize(network, { seed: 7, sd: 1 })
  const inputs = initializeImages(network, 5, { seed: 7, sd: 1 })
  // The last three images are the same, and so are their labels
  for (const values of Object.values(inputs)) {
    const length = values.length / 5
    for (const image of [3, 4]) values.copyWithin(image * length, 2 * length, 3 * length)
  }
  const truth = runPlainly(network, 5, inputs, parameters)

  it('adds up from parts of it, one of them once for three', () => {
    const part = (from: number, to: number) =>
      Object.fromEntries(
        ['images', 'labels', 'a', 'b'].map((name) => {
          const length = truth[name]!.length / 5
          return [name, truth[name]!.subarray(from * length, to * length)]
        }),
      )
    const first = gradientsGivenActivations(network, 2, { ...parameters, ...part(0, 2) }, { of: 5 })
    const others = gradientsGivenActivations(
      network,
      1,
      { ...parameters, ...part(2, 3) },
      { copies: 3, of: 5 },
    )
    for (const [name, values] of Object.entries(first)) {
      const sum = values.map((value, i) => value + others[name]![i]!)
      expect(relativeError(sum, truth[name]!), name).toBeLessThan(1e-14)
    }
  })

  it('gives the losses of what they read', () => {
    const { labels, b } = truth
    expect(lossesGivenActivations(network, 5, { labels: labels!, b: b! })).toEqual({
      sum: truth.sum,
      mean: truth.mean,
    })
    expect(() => lossesGivenActivations(network, 5, { b: b! })).toThrow(
      "'labels' has no values, it must have 5",
    )
  })
})

describe("takes the engine's decision where float32 and float64 differ", () => {
  it('of ReLU: a value near zero lets the gradient through, or not', () => {
    const network = defineNetwork('near zero', {
      inputs: { images: [1, 2, 1] },
      layers: [
        conv('a', { filters: 1, kernel: 1, activation: 'relu' }),
        conv('b', { filters: 1, kernel: [1, 2] }),
        l2Loss('loss'),
      ],
    })
    const biasGradient = (a: Float32Array) =>
      gradientsGivenActivations(network, 1, {
        images: only(1e-9, 2),
        'a/weights': only(1),
        'a/biases': only(0),
        'b/weights': only(3, 1),
        'b/biases': only(0),
        a,
        b: only(2),
      })['a/biases.gradient']
    // d loss / d b = 2; through b's weights 6 and 2
    expect(biasGradient(only(1e-9, 2))).toEqual(Float64Array.of(8))
    expect(biasGradient(only(0, 2))).toEqual(Float64Array.of(2))
  })

  it('of pooling: the larger of two that nearly tie gets the gradient', () => {
    const network = defineNetwork('near tie', {
      inputs: { images: [1, 2, 2] },
      layers: [conv('a', { filters: 1, kernel: 1 }), maxPool('b', { kernel: [1, 2] }), l2Loss('loss')],
    })
    const weightsGradient = (a: Float32Array) =>
      gradientsGivenActivations(network, 1, {
        images: only(1, 0, 0, 1),
        'a/weights': only(1, 1),
        'a/biases': only(0),
        a,
        b: only(1),
      })['a/weights.gradient']
    expect(weightsGradient(only(1.0000001, 1))).toEqual(Float64Array.of(1, 0))
    expect(weightsGradient(only(1, 1.0000001))).toEqual(Float64Array.of(0, 1))
  })
})

it('says what is missing, or of another size', () => {
  const network = defineNetwork('small', {
    inputs: { images: [2, 2, 1] },
    layers: [conv('a', { filters: 1, kernel: 1 }), l2Loss('loss')],
  })
  const given = { images: new Float32Array(8), 'a/weights': only(1), 'a/biases': only(0) }
  expect(() => gradientsGivenActivations(network, 2, given)).toThrow("'a' has no values, it must have 8")
  expect(() => gradientsGivenActivations(network, 2, { ...given, a: new Float32Array(4) })).toThrow(
    "'a' has 4 values, it must have 8",
  )
})

it('keeps NaN, so that no comparison passes', () => {
  const network = defineNetwork('small', {
    inputs: { images: [1, 1, 1] },
    layers: [conv('a', { filters: 1, kernel: 1 }), l2Loss('loss')],
  })
  const gradients = gradientsGivenActivations(network, 1, {
    images: only(1),
    'a/weights': only(1),
    'a/biases': only(0),
    a: only(Number.NaN),
  })
  expect(gradients['a/weights.gradient']).toEqual(Float64Array.of(Number.NaN))
})
