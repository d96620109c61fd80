import { describe, expect, it } from 'vitest'
import {
  add,
  batchNorm,
  clip,
  concat,
  conv,
  dense,
  globalAveragePool,
  hardSwish,
  type Layer,
  l2Loss,
  lrn,
  relu,
  relu6,
  softmax,
  softmaxLoss,
} from '../layers/index.ts'
import { defineNetwork } from '../networks/network.ts'
import { checkTensors, lengthsInForward, makeActivations } from './check-data.ts'

/** The layers' activations for the first image of the check's own data. */
function activationsOf(...layers: readonly Layer[]): Readonly<Record<string, Float64Array>> {
  const network = defineNetwork('checked', { inputs: { images: [9, 8, 3], labels: [] }, layers })
  const given = Object.fromEntries(
    checkTensors({ network, batch: 2, seed: 7, hasParameters: false }).map(({ name, length, fill }) => {
      const values = new Float32Array(length)
      fill(values, 0)
      return [name, values]
    }),
  )
  const activations = Object.fromEntries(
    Object.entries(lengthsInForward(network)).map(([name, length]) => [name, new Float64Array(length)]),
  )
  makeActivations(network, given, activations)
  return activations
}

/** The root mean square of each layer's outputs. */
function sizesOf(...layers: readonly Layer[]): Record<string, number> {
  const sizes = Object.entries(activationsOf(...layers)).map(([name, values]) => [
    name,
    Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length),
  ])
  return Object.fromEntries(sizes)
}

/** The share of a layer's outputs for which `holds` is true. */
const share = (values: Float64Array | undefined, holds: (value: number) => boolean): number =>
  values!.filter(holds).length / values!.length

/** Powers of two within a factor of 1.5 of the wanted size. */
const isNear = (size: number, wanted: number): boolean => size > wanted / 1.5 && size < wanted * 1.5

const classes = [dense('fc', { units: 5 }), softmaxLoss('loss', { inputs: ['fc', 'labels'] })]
const stem = conv('stem', { filters: 6, kernel: 3, padding: 'same' })

describe('the size of what the check goes through', () => {
  it('is 30 where LRN and ReLU are to act, and 1 before a softmax', () => {
    const { stem: first, fc } = sizesOf(stem, lrn('lrn'), relu('relu'), ...classes)
    expect(isNear(first!, 30)).toBe(true)
    expect(isNear(fc!, 1)).toBe(true)
  })

  it('is 30 behind batch norm, and before it', () => {
    const sizes = sizesOf(stem, batchNorm('bn'), ...classes)
    expect(isNear(sizes.stem!, 30)).toBe(true)
    expect(isNear(sizes.bn!, 30)).toBe(true)
    const tanh = sizesOf(stem, batchNorm('bn', { activation: 'tanh' }), ...classes)
    expect(isNear(tanh.stem!, 30)).toBe(true)
    // Not saturated: scale 1 for normalized values
    expect(tanh.bn!).toBeLessThan(0.9)
  })

  it.each<[string, ...Layer[]]>([
    ['a softmax behind a pooling', globalAveragePool('mean'), softmax('end'), l2Loss('endLoss')],
    [
      'a softmax behind a concatenation of it',
      concat('twice', { inputs: ['stem', 'stem'] }),
      relu('relu'),
      softmax('end'),
      l2Loss('endLoss'),
    ],
    ['the tanh of a sum', add('sum', { inputs: ['stem', 'stem'], activation: 'tanh' }), l2Loss('endLoss')],
  ])('is 1 before %s', (_what, ...layers) => {
    expect(isNear(sizesOf(stem, ...layers, ...classes).stem!, 1)).toBe(true)
  })
})

describe("the check's data and an activation's bounds", () => {
  const activatedBy = (activation: 'relu6' | 'hard-sigmoid' | 'sigmoid') => [
    stem,
    conv('first', { filters: 6, kernel: 3, activation }),
    conv('second', { filters: 6, kernel: 3, activation }),
    conv('linear', { filters: 6, kernel: 1 }),
    batchNorm('norm', { activation }),
    add('sum', { inputs: ['linear', 'linear'], activation }),
  ]

  it.each(['first', 'second', 'norm', 'sum'])(
    'reach both bounds of relu6 in %s, and the values between',
    (name) => {
      const values = activationsOf(...activatedBy('relu6'), ...classes)[name]
      expect(share(values, (value) => value === 6)).toBeGreaterThan(0.02)
      expect(share(values, (value) => value === 0)).toBeGreaterThan(0.02)
      expect(share(values, (value) => value > 0 && value < 6)).toBeGreaterThan(0.15)
    },
  )

  it.each(['first', 'second', 'norm', 'sum'])('reach both bounds of hardSigmoid in %s', (name) => {
    const values = activationsOf(...activatedBy('hard-sigmoid'), ...classes)[name]
    expect(share(values, (value) => value === 1)).toBeGreaterThan(0.02)
    expect(share(values, (value) => value === 0)).toBeGreaterThan(0.02)
  })

  it.each(['first', 'second', 'norm', 'sum'])('stay away from the bounds of sigmoid in %s', (name) => {
    const values = activationsOf(...activatedBy('sigmoid'), ...classes)[name]
    expect(share(values, (value) => value > 0.02 && value < 0.98)).toBeGreaterThan(0.9)
  })

  it('have the size of the bounds before a layer that is an activation, but not of bounds that nothing is meant to reach', () => {
    const { stem: before } = sizesOf(stem, relu6('bounded'), ...classes)
    expect(isNear(before!, 6)).toBe(true)
    expect(isNear(sizesOf(stem, hardSwish('bounded'), ...classes).stem!, 3)).toBe(true)
    expect(isNear(sizesOf(stem, clip('bounded', { min: 0, max: 3e38 }), ...classes).stem!, 30)).toBe(true)
    expect(isNear(sizesOf(stem, clip('bounded', { min: -100, max: 3e38 }), ...classes).stem!, 100)).toBe(true)
  })
})

it('looks at each tensor once, however many ways lead to it', () => {
  const diamonds = Array.from({ length: 60 }, (_, i) => {
    const before = i === 0 ? 'stem' : `sum${i - 1}`
    return [relu(`relu${i}`, { inputs: [before] }), add(`sum${i}`, { inputs: [before, `relu${i}`] })]
  })
  expect(isNear(sizesOf(stem, ...diamonds.flat(), ...classes).stem!, 30)).toBe(true)
})
