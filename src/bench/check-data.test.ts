import { describe, expect, it } from 'vitest'
import {
  add,
  batchNorm,
  concat,
  conv,
  dense,
  globalAveragePool,
  type Layer,
  l2Loss,
  lrn,
  relu,
  softmax,
  softmaxLoss,
} from '../layers/index.ts'
import { defineNetwork } from '../networks/network.ts'
import { elementCount } from '../tensor.ts'
import { checkActivations, checkTensors } from './check-data.ts'

/** The root mean square of each layer's outputs in the check's own data. */
function sizesOf(...layers: readonly Layer[]): Record<string, number> {
  const network = defineNetwork('checked', { inputs: { images: [9, 8, 3], labels: [] }, layers })
  const given = Object.fromEntries(
    checkTensors({ network, batch: 2, seed: 7 }).map(({ name, length, fill }) => {
      const values = new Float32Array(length)
      fill(values, 0)
      return [name, values]
    }),
  )
  const sizes = Object.entries(checkActivations(network, given)).map(([name, values]) => [
    name,
    Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / elementCount([values.length])),
  ])
  return Object.fromEntries(sizes)
}

/** Powers of two are near what is wanted, by 1.5 at most. */
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
    // Not saturated: scale 1 of what is normalized
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
    ['a convolution with a sigmoid', conv('next', { filters: 3, kernel: 1, activation: 'sigmoid' })],
  ])('is 1 before %s', (_what, ...layers) => {
    expect(isNear(sizesOf(stem, ...layers, ...classes).stem!, 1)).toBe(true)
  })
})

it('looks at each tensor once, however many ways lead to it', () => {
  const diamonds = Array.from({ length: 60 }, (_, i) => {
    const before = i === 0 ? 'stem' : `sum${i - 1}`
    return [relu(`relu${i}`, { inputs: [before] }), add(`sum${i}`, { inputs: [before, `relu${i}`] })]
  })
  expect(isNear(sizesOf(stem, ...diamonds.flat(), ...classes).stem!, 30)).toBe(true)
})
