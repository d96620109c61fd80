import { describe, expect, it } from 'vitest'
import {
  add,
  batchNorm,
  concat,
  conv,
  convTranspose,
  dense,
  globalAveragePool,
  relu,
  softmaxLoss,
} from '../layers/index.ts'
import { initialize, initializeForTraining, weightDecays } from './initialize.ts'
import { defineNetwork } from './network.ts'

const network = defineNetwork('initialized', {
  inputs: { images: [8, 8, 3], labels: [] },
  layers: [
    conv('behindNorm', { filters: 40, kernel: 3, biases: false }),
    batchNorm('bn', { activation: 'relu' }),
    conv('behindSum', { filters: 40, kernel: 3, padding: 1 }),
    batchNorm('bare'),
    add('sum', { inputs: ['bare', 'bn'], activation: 'tanh' }),
    convTranspose('up', { filters: 20, kernel: 4, stride: 2, activation: 'relu' }),
    conv('joined', { filters: 40, kernel: 3 }),
    concat('concat', { inputs: ['joined', 'joined'] }),
    relu('relu'),
    globalAveragePool('mean'),
    dense('fc', { units: 7, initial: { weightsSd: 0.25, biases: 3 } }),
    softmaxLoss('loss', { inputs: ['fc', 'labels'] }),
  ],
})

const deviation = (values: Float32Array): number =>
  Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length)

describe.each([
  ['initialize', initialize],
  ['initializeForTraining', initializeForTraining],
])('%s', (_name, make) => {
  const made = make(network, { seed: 7 })

  it('batch norm: scale 1, shift 0, mean 0, variance 1', () => {
    for (const layer of ['bn', 'bare']) {
      for (const [parameter, value] of Object.entries({ scale: 1, shift: 0, mean: 0, variance: 1 })) {
        expect([...new Set(made[`${layer}/${parameter}`])], `${layer}/${parameter}`).toEqual([value])
        expect(made[`${layer}/${parameter}`]).toHaveLength(40)
      }
    }
  })

  it('has nothing of biases that are not there', () => {
    expect(Object.keys(made)).not.toContain('behindNorm/biases')
    expect(made['behindSum/biases']!.every((value) => value === 0)).toBe(true)
  })
})

describe('initializeForTraining', () => {
  const made = initializeForTraining(network, { seed: 7 })

  it.each<[string, number, string]>([
    ['behindNorm', 2 / (9 * 3), 'ReLU is in the batch norm behind it'],
    ['behindSum', 2 / (9 * 40 + 9 * 40), 'tanh is in the sum two layers behind it'],
    ['up', 2 / (16 * 20), 'a transposed convolution has the fan-in of its convolution, as in PyTorch'],
    ['joined', 2 / (9 * 20), 'ReLU is behind a concatenation'],
  ])('%s has the variance %d: %s', (layer, variance) => {
    const sd = Math.sqrt(variance)
    const found = deviation(made[`${layer}/weights`]!)
    expect(found).toBeGreaterThan(0.9 * sd)
    expect(found).toBeLessThan(1.1 * sd)
  })

  it('looks at each layer once, however many ways lead to it', () => {
    const sums = Array.from({ length: 60 }, (_, i) => {
      const before = i === 0 ? 'stem' : `sum${i - 1}`
      return [batchNorm(`bn${i}`, { inputs: [before] }), add(`sum${i}`, { inputs: [before, `bn${i}`] })]
    })
    const linear = defineNetwork('linear', {
      inputs: { images: [2, 2, 1] },
      layers: [conv('stem', { filters: 2, kernel: 1 }), ...sums.flat()],
    })
    expect(initializeForTraining(linear, { seed: 7 })['stem/weights']).toHaveLength(2)
  })

  it('goes by what a layer says itself', () => {
    expect([...new Set(made['fc/biases'])]).toEqual([3])
    const largest = Math.max(...made['fc/weights']!.map(Math.abs))
    expect(largest).toBeGreaterThan(0.25)
    expect(largest).toBeLessThanOrEqual(0.5)
  })
})

describe('weight decays', () => {
  const names = (decays: Record<string, number>) => Object.keys(decays)

  it('are of weights and biases; a batch norm’s scale and shift have none (LBANN/lbann#809)', () => {
    const decays = weightDecays(network, 0.25)
    expect(decays['fc/weights']).toBe(0.25)
    expect(decays['fc/biases']).toBe(0.25)
    expect(decays['bn/scale']).toBe(0)
    expect(decays['bn/shift']).toBe(0)
    expect(names(decays)).not.toContain('bn/mean')
    expect(names(decays)).not.toContain('bn/variance')
    expect(new Set(Object.values(weightDecays(network)))).toEqual(new Set([5e-4, 0]))
  })

  const own = (norm: { readonly decay?: number }, convolution: { readonly decay?: number } = {}) =>
    defineNetwork('own', {
      inputs: { images: [4, 4, 3] },
      layers: [
        conv('a', { filters: 2, kernel: 1, ...convolution }),
        batchNorm('bn', norm),
        dense('b', { units: 2 }),
      ],
    })

  // marvis/pytorch-mobilenet#1, shicai/MobileNet-Caffe#56, open-mmlab/mmdetection#2063
  it('a depthwise convolution is decayed as any other, and may be left out', () => {
    const decaysOf = (decay?: number) =>
      weightDecays(
        defineNetwork('depthwise', {
          inputs: { images: [4, 4, 3] },
          layers: [
            conv('a', {
              filters: 3,
              kernel: 3,
              groups: 3,
              biases: false,
              ...(decay !== undefined && { decay }),
            }),
            dense('b', { units: 2, biases: false }),
          ],
        }),
        0.25,
      )
    expect(decaysOf()).toEqual({ 'a/weights': 0.25, 'b/weights': 0.25 })
    expect(decaysOf(0)).toEqual({ 'a/weights': 0, 'b/weights': 0.25 })
  })

  it('a layer’s own is of its weights alone, and leaves the others none where nothing is asked for', () => {
    const network = own({}, { decay: 0.125 })
    expect(weightDecays(network, 0.25)).toEqual({
      'a/weights': 0.125,
      'a/biases': 0,
      'bn/scale': 0,
      'bn/shift': 0,
      'b/weights': 0.25,
      'b/biases': 0.25,
    })
    expect(weightDecays(network)).toEqual({
      'a/weights': 0.125,
      'a/biases': 0,
      'bn/scale': 0,
      'bn/shift': 0,
      'b/weights': 0,
      'b/biases': 0,
    })
  })

  it('a batch norm’s own is of scale and shift, and leaves other layers theirs', () => {
    expect(weightDecays(own({ decay: 0.5 }))).toEqual({
      'a/weights': 5e-4,
      'a/biases': 5e-4,
      'bn/scale': 0.5,
      'bn/shift': 0.5,
      'b/weights': 5e-4,
      'b/biases': 5e-4,
    })
    expect(weightDecays(own({ decay: 0 }))).toEqual(weightDecays(own({})))
  })
})
