import {
  add,
  averagePool,
  batchNorm,
  concat,
  conv,
  dense,
  dropout,
  globalAveragePool,
  globalMaxPool,
  l2Loss,
  lrn,
  maxPool,
  relu,
  sigmoid,
  slice,
  softmax,
  softmaxLoss,
  tanh,
} from '../../src/layers/index.ts'
import { defineNetwork, type Network } from '../../src/networks/network.ts'
import type { Pass } from '../../src/plan/plan.ts'

/** Of an image; what float32 can't square, and what it can hardly hold. */
export const EXTREMES = [Number.NaN, Infinity, -Infinity, 1e24, -1e24, 2e38, 1e-38, -1e-38] as const

const SHAPE = [6, 5, 7] as const

export interface NetworkOfExtremes {
  readonly network: Network
  /** `forward-backward` by default. */
  readonly pass?: Pass
  /** From this size on sums or squares may be beyond float32: what comes out is then not finite, and never a wrong number. */
  readonly overflowsFrom?: number
}

const alone = (name: string, ...layers: Parameters<typeof defineNetwork>[1]['layers'][number][]): Network =>
  defineNetwork(name, { inputs: { images: SHAPE }, layers: [...layers, l2Loss('loss')] })

/** Every layer, and every way in which its kernels compute: each with nothing before it that would change what it is given. */
const networks: readonly Network[] = [
  alone('relu', relu('a')),
  alone('sigmoid', sigmoid('a')),
  alone('tanh', tanh('a')),
  alone('max-pool of 1', maxPool('a', { kernel: 1 })),
  alone('max-pool of 2, padded', maxPool('a', { kernel: 2, padding: 'same' })),
  alone('max-pool of 3, overlapping', maxPool('a', { kernel: 3, stride: 2 })),
  ...[0, 0.25, 0.5, 0.6, 0.75, 1].map((beta) =>
    alone(`lrn, beta ${beta}`, lrn('a', { beta, radius: 2, alpha: 0.1 })),
  ),
  alone('lrn over all channels', lrn('a', { radius: 100_000 })),
  alone('dropout', dropout('a', { rate: 0.3 })),
  alone('conv', conv('a', { filters: 5, kernel: 3, padding: 'same' })),
  alone('conv and relu', conv('a', { filters: 17, kernel: 3, stride: 2, activation: 'relu' })),
  alone('conv and tanh', conv('a', { filters: 3, kernel: 2, activation: 'tanh' })),
  alone('conv, dilated, without biases', conv('a', { filters: 5, kernel: 2, dilation: 2, biases: false })),
  alone('dense without biases', dense('a', { units: 5, biases: false })),
  alone('max-pool of 3 in ceil mode', maxPool('a', { kernel: 3, stride: 3, ceilMode: true })),
  alone('max-pool of all', globalMaxPool('a')),
  alone('average-pool of 2', averagePool('a', { kernel: 2 })),
  alone('average-pool of 2, padded', averagePool('a', { kernel: 2, padding: 1, countPadding: true })),
  alone('add', add('a', { inputs: ['images', 'images'] })),
  alone('add and tanh', add('a', { inputs: ['images', 'images', 'images'], activation: 'tanh' })),
  alone('concat', concat('a', { inputs: ['images', 'images'] })),
  alone('slice', slice('a', { begin: 2, end: 7 })),
  alone('softmax of pixels', softmax('a')),
  alone('dense', dense('a', { units: 9, activation: 'relu' })),
  defineNetwork('softmax', {
    inputs: { images: [1, 1, 21], labels: [] },
    layers: [maxPool('a', { kernel: 1 }), softmaxLoss('loss', { inputs: ['a', 'labels'] })],
  }),
]

export const NETWORKS_OF_EXTREMES: readonly NetworkOfExtremes[] = [
  ...networks.map((network) => ({ network })),
  { network: alone('batch-norm by running statistics', batchNorm('a')), pass: 'forward' },
  {
    network: alone('batch-norm and sigmoid by running statistics', batchNorm('a', { activation: 'sigmoid' })),
    pass: 'forward',
  },
  // Variances are squares
  { network: alone('batch-norm by the batch', batchNorm('a')), overflowsFrom: 1e19 },
  { network: alone('average-pool of all', globalAveragePool('a')), overflowsFrom: 1e38 },
]

/** Where extremes are put: few, so that some windows have none, one in the last channel. */
export function plant(images: Float32Array, extreme: number, channels: number): void {
  for (const pixel of [0, 7, 13]) {
    const at = pixel * channels + ((3 * pixel) % channels)
    if (at < images.length) images[at] = extreme
  }
  images[channels - 1] = extreme
}

/** Null where they agree: both NaN, the same infinity, or near each other. `mayOverflow`: or what was found is not finite. */
export function firstDifference(
  found: Float32Array,
  expected: ArrayLike<number>,
  mayOverflow = false,
): string | null {
  for (const [i, value] of found.entries()) {
    const truth = Math.fround(expected[i]!)
    if (mayOverflow && !Number.isFinite(value)) continue
    const isSame = Object.is(value, truth) || value === truth
    const isNear = Number.isFinite(truth) && Math.abs(value - truth) <= 1e-5 * Math.abs(truth) + 1e-6
    if (isSame || isNear) continue
    return `value ${i} is ${value}, not ${truth}`
  }
  return null
}
