import {
  conv,
  dense,
  dropout,
  l2Loss,
  lrn,
  maxPool,
  relu,
  sigmoid,
  softmaxLoss,
  tanh,
} from '../../src/layers/index.ts'
import { defineNetwork, type Network } from '../../src/networks/network.ts'

/** Of an image; what float32 can't square, and what it can hardly hold. */
export const EXTREMES = [Number.NaN, Infinity, -Infinity, 1e24, -1e24, 2e38, 1e-38, -1e-38] as const

const SHAPE = [6, 5, 7] as const

const alone = (name: string, ...layers: Parameters<typeof defineNetwork>[1]['layers'][number][]): Network =>
  defineNetwork(name, { inputs: { images: SHAPE }, layers: [...layers, l2Loss('loss')] })

/** Every layer, and every way in which its kernels compute: each with nothing before it that would change what it is given. */
export const NETWORKS_OF_EXTREMES: readonly Network[] = [
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
  alone('dense', dense('a', { units: 9, activation: 'relu' })),
  defineNetwork('softmax', {
    inputs: { images: [1, 1, 21], labels: [] },
    layers: [maxPool('a', { kernel: 1 }), softmaxLoss('loss', { inputs: ['a', 'labels'] })],
  }),
]

/** Where extremes are put: few, so that some windows have none, one in the last channel. */
export function plant(images: Float32Array, extreme: number, channels: number): void {
  for (const pixel of [0, 7, 13]) {
    const at = pixel * channels + ((3 * pixel) % channels)
    if (at < images.length) images[at] = extreme
  }
  images[channels - 1] = extreme
}

/** Null where they agree: both NaN, the same infinity, or near each other. */
export function firstDifference(found: Float32Array, expected: ArrayLike<number>): string | null {
  for (const [i, value] of found.entries()) {
    const truth = Math.fround(expected[i]!)
    const isSame = Object.is(value, truth) || value === truth
    const isNear = Number.isFinite(truth) && Math.abs(value - truth) <= 1e-5 * Math.abs(truth) + 1e-6
    if (isSame || isNear) continue
    return `value ${i} is ${value}, not ${truth}`
  }
  return null
}
