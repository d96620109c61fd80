import {
  abs,
  add,
  averagePool,
  batchNorm,
  channelPool,
  channelShuffle,
  clip,
  concat,
  conv,
  convTranspose,
  crop,
  dense,
  depthToSpace,
  divide,
  dropout,
  elu,
  erf,
  exp,
  flatten,
  gelu,
  globalAveragePool,
  globalMaxPool,
  groupNorm,
  hardSigmoid,
  hardSwish,
  instanceNorm,
  type Layer,
  l2Loss,
  layerNorm,
  leakyRelu,
  lrn,
  maximum,
  maxPool,
  minimum,
  mish,
  multiply,
  pad,
  power,
  prelu,
  relu,
  relu6,
  resize,
  scale,
  sigmoid,
  silu,
  slice,
  softmax,
  softmaxLoss,
  softplus,
  spaceToDepth,
  subtract,
  tanh,
  unflatten,
} from '../../src/layers/index.ts'
import { defineNetwork, type Network } from '../../src/networks/network.ts'
import type { Pass } from '../../src/plan/plan.ts'

/** For an image: values that float32 can't square, and values that it can hardly represent. */
export const EXTREMES = [Number.NaN, Infinity, -Infinity, 1e24, -1e24, 2e38, 1e-38, -1e-38] as const

/** Of float32: smaller numbers are denormal. */
export const SMALLEST_NORMAL = 2 ** -126

const SHAPE = [6, 5, 7] as const

export interface NetworkOfExtremes {
  readonly network: Network
  /** `forward-backward` by default. */
  readonly pass?: Pass
  /** Compared too. */
  readonly gradient?: string
  /** From this size on sums or squares may exceed float32: the result is then not finite, but never a wrong number. */
  readonly overflowsFrom?: number
}

const activations: readonly (readonly [name: string, layer: Layer])[] = [
  ['relu', relu('a')],
  ['relu6', relu6('a')],
  ['clip', clip('a', { min: 0.5, max: 2 })],
  ['leaky relu', leakyRelu('a', { slope: 0.3 })],
  ['elu', elu('a', { alpha: 0.5 })],
  ['sigmoid', sigmoid('a')],
  ['hard sigmoid', hardSigmoid('a')],
  ['hard swish', hardSwish('a')],
  ['silu', silu('a')],
  ['gelu', gelu('a')],
  ['gelu by tanh', gelu('a', { approximate: 'tanh' })],
  ['tanh', tanh('a')],
  ['softplus', softplus('a')],
  ['mish', mish('a')],
  ['abs', abs('a')],
  ['exp', exp('a')],
  ['erf', erf('a')],
  ['square root', power('a', { exponent: 0.5 })],
  ['prelu', prelu('a')],
]

const alone = (name: string, ...layers: readonly Layer[]): Network =>
  defineNetwork(name, { inputs: { images: SHAPE }, layers: [...layers, l2Loss('loss')] })

/** The images have no gradient, but what is added to them has; layers read the sum as `sum`. */
const backward = (name: string, ...layers: readonly Layer[]): NetworkOfExtremes => ({
  network: defineNetwork(`${name}, backward`, {
    inputs: { images: SHAPE, others: SHAPE },
    layers: [
      conv('trained', { filters: 7, kernel: 1, inputs: ['others'] }),
      add('sum', { inputs: ['images', 'trained'] }),
      ...layers,
      l2Loss('loss'),
    ],
  }),
  gradient: 'trained/biases.gradient',
})

/** Layers whose output is one number of each image, an extreme value. */
const ofOneValue: readonly Layer[] = [globalMaxPool('largest'), slice('value', { begin: 6, end: 7 })]

/**
 * Every layer, and every way in which its kernels compute: each directly after the input, so that nothing changes its
 * values.
 */
const networks: readonly Network[] = [
  ...activations.map(([name, layer]) => alone(name, layer)),
  alone('max-pool of 1', maxPool('a', { kernel: 1 })),
  alone('max-pool of 2, padded', maxPool('a', { kernel: 2, padding: 'same' })),
  alone('max-pool of 3, overlapping', maxPool('a', { kernel: 3, stride: 2 })),
  ...[0, 0.25, 0.5, 0.6, 0.75, 1].map((beta) =>
    alone(`lrn, beta ${beta}`, lrn('a', { beta, radius: 2, alpha: 0.1 })),
  ),
  alone('lrn with an even window', lrn('a', { radius: 1, even: true, alpha: 0.1 })),
  alone('lrn over all channels', lrn('a', { radius: 100_000 })),
  alone('dropout', dropout('a', { rate: 0.3 })),
  alone('conv', conv('a', { filters: 5, kernel: 3, padding: 'same' })),
  alone('conv and relu', conv('a', { filters: 17, kernel: 3, stride: 2, activation: 'relu' })),
  alone('conv and tanh', conv('a', { filters: 3, kernel: 2, activation: 'tanh' })),
  alone('conv, dilated, without biases', conv('a', { filters: 5, kernel: 2, dilation: 2, biases: false })),
  alone('depthwise conv', conv('a', { filters: 7, kernel: 3, groups: 7, padding: 1 })),
  alone('depthwise conv, strided', conv('a', { filters: 14, kernel: [3, 2], groups: 7, stride: 2 })),
  alone('conv-transpose', convTranspose('a', { filters: 5, kernel: 3, padding: 'same' })),
  alone(
    'conv-transpose and relu',
    convTranspose('a', { filters: 17, kernel: 2, stride: 3, outputPadding: 1, activation: 'relu' }),
  ),
  alone(
    'conv-transpose, dilated, without biases',
    convTranspose('a', { filters: 3, kernel: 2, dilation: 2, biases: false, activation: 'tanh' }),
  ),
  alone('dense without biases', dense('a', { units: 5, biases: false })),
  alone('max-pool of 3 in ceil mode', maxPool('a', { kernel: 3, stride: 3, ceilMode: true })),
  alone('max-pool of all', globalMaxPool('a')),
  alone('max-pool, dilated', maxPool('a', { kernel: 2, dilation: [3, 2], padding: 1 })),
  alone('average-pool of 2', averagePool('a', { kernel: 2 })),
  alone('average-pool of 2, padded', averagePool('a', { kernel: 2, padding: 1, countPadding: true })),
  alone('add', add('a', { inputs: ['images', 'images'] })),
  alone('add and silu', add('a', { inputs: ['images', 'images'], activation: 'silu' })),
  alone('add and tanh', add('a', { inputs: ['images', 'images', 'images'], activation: 'tanh' })),
  alone('add of a pixel', globalMaxPool('pixel'), add('a', { inputs: ['images', 'pixel'] })),
  alone('add of a value', ...ofOneValue, add('a', { inputs: ['value', 'images'], activation: 'relu' })),
  alone('multiply', multiply('a', { inputs: ['images', 'images'] })),
  alone(
    'multiply by a channel',
    slice('channel', { begin: 1, end: 2 }),
    multiply('a', { inputs: ['images', 'channel'] }),
  ),
  alone('multiply by a pixel', globalMaxPool('pixel'), multiply('a', { inputs: ['images', 'pixel'] })),
  alone('multiply by a value', ...ofOneValue, multiply('a', { inputs: ['images', 'value'] })),
  alone('multiply and silu', multiply('a', { inputs: ['images', 'images'], activation: 'silu' })),
  alone('subtract', globalMaxPool('pixel'), subtract('a', { inputs: ['pixel', 'images'] })),
  alone('divide', divide('a', { inputs: ['images', 'images'] })),
  alone('divide by a pixel', globalMaxPool('pixel'), divide('a', { inputs: ['images', 'pixel'] })),
  alone('maximum', relu('b'), maximum('a', { inputs: ['b', 'images'] })),
  alone('maximum of others before', tanh('b'), maximum('a', { inputs: ['images', 'b', 'b'] })),
  alone('maximum of a value', ...ofOneValue, maximum('a', { inputs: ['value', 'images'] })),
  alone('minimum', relu('b'), minimum('a', { inputs: ['b', 'images'] })),
  alone('minimum of a pixel', globalMaxPool('pixel'), minimum('a', { inputs: ['images', 'pixel'] })),
  alone('scale', scale('a')),
  alone('scale without shift', scale('a', { shift: false })),
  alone('scale of pixels', scale('a', { per: 'pixel' })),
  alone('scale of values', scale('a', { per: 'value' })),
  alone('concat', concat('a', { inputs: ['images', 'images'] })),
  alone('concat of rows', concat('a', { axis: 'rows', inputs: ['images', 'images'] })),
  alone('concat of columns', concat('a', { axis: 'columns', inputs: ['images', 'images'] })),
  alone('concat of pixels', concat('a', { axis: 'pixels', inputs: ['images', 'images'] })),
  alone('slice', slice('a', { begin: 2, end: 7 })),
  alone('crop', crop('a', { top: 1, height: 3, width: 4 })),
  alone('crop with a step', crop('a', { top: 5, height: 3, width: 2, step: [-2, 3] })),
  alone('pad', pad('a', { padding: [1, 2, 0, 3], value: 5 })),
  alone('pad by reflection', pad('a', { padding: 3, mode: 'reflect' })),
  alone('pad by the edge', pad('a', { padding: 3, mode: 'edge' })),
  ...(['mean', 'max', 'sum', 'l2'] as const).map((mode) =>
    alone(`channel-pool, ${mode}`, channelPool('a', { mode })),
  ),
  alone('flatten', flatten('a')),
  alone('unflatten', flatten('vector'), unflatten('a', { height: 3, width: 7 })),
  alone('channel-shuffle', channelShuffle('a', { groups: 7 })),
  alone('depth-to-space', depthToSpace('a', { blockSize: 1 })),
  alone('space-to-depth', pad('b', { padding: [0, 0, 1, 0] }), spaceToDepth('a', { blockSize: 2 })),
  alone('resize', resize('a', { scale: 2 })),
  alone('softmax of pixels', softmax('a')),
  alone('dense', dense('a', { units: 9, activation: 'relu' })),
  defineNetwork('softmax', {
    inputs: { images: [1, 1, 21], labels: [] },
    layers: [maxPool('a', { kernel: 1 }), softmaxLoss('loss', { inputs: ['a', 'labels'] })],
  }),
  defineNetwork('softmax with label smoothing', {
    inputs: { images: [1, 1, 21], labels: [] },
    layers: [
      maxPool('a', { kernel: 1 }),
      softmaxLoss('loss', { inputs: ['a', 'labels'], labelSmoothing: 0.1 }),
    ],
  }),
]

export const NETWORKS_OF_EXTREMES: readonly NetworkOfExtremes[] = [
  ...networks.map((network) => ({ network })),
  { network: alone('batch-norm by running statistics', batchNorm('a')), pass: 'forward' },
  {
    network: alone('batch-norm and sigmoid by running statistics', batchNorm('a', { activation: 'sigmoid' })),
    pass: 'forward',
  },
  ...[
    ...activations.map(([name, layer]) => backward(name, layer)),
    // A NaN is the maximum of its window, and takes its gradient (pytorch/pytorch#7645)
    backward('max-pool of 1', maxPool('a', { kernel: 1 })),
    backward('max-pool of 2, padded', maxPool('a', { kernel: 2, padding: 'same' })),
    backward('max-pool of 3, overlapping', maxPool('a', { kernel: 3, stride: 2 })),
    backward('max-pool of 3 in ceil mode', maxPool('a', { kernel: 3, stride: 3, ceilMode: true })),
    backward('max-pool of all', globalMaxPool('a')),
    backward('max-pool, dilated', maxPool('a', { kernel: 2, dilation: [3, 2], padding: 1 })),
    backward('average-pool of 2', averagePool('a', { kernel: 2 })),
    backward('average-pool of 2, padded', averagePool('a', { kernel: 2, padding: 1, countPadding: true })),
    backward('depthwise conv', conv('a', { filters: 7, kernel: 1, groups: 7, activation: 'relu6' })),
    backward('lrn', lrn('a', { radius: 2, alpha: 0.1 })),
    backward('dropout', dropout('a', { rate: 0.3 })),
    backward('add and relu', add('a', { inputs: ['sum', 'sum'], activation: 'relu' })),
    backward(
      'add of a pixel',
      globalMaxPool('pixel'),
      add('a', { inputs: ['sum', 'pixel'], activation: 'relu' }),
    ),
    backward('subtract', relu('b'), subtract('a', { inputs: ['sum', 'b'] })),
    backward('maximum', tanh('b'), maximum('a', { inputs: ['b', 'sum', 'b'] })),
    backward('maximum of a pixel', globalMaxPool('pixel'), maximum('a', { inputs: ['sum', 'pixel'] })),
    backward('minimum', tanh('b'), minimum('a', { inputs: ['sum', 'b'] })),
    backward('scale', scale('a')),
    backward('scale of pixels', scale('a', { per: 'pixel' })),
    backward('scale of values', scale('a', { per: 'value' })),
    backward('concat', concat('a', { inputs: ['sum', 'sum'] })),
    backward('concat of rows', concat('a', { axis: 'rows', inputs: ['sum', 'sum'] })),
    backward('concat of pixels', concat('a', { axis: 'pixels', inputs: ['sum', 'sum'] })),
    backward('slice', slice('a', { begin: 2, end: 7 })),
    backward('crop', crop('a', { height: 3, width: 2, step: 2 })),
    backward('pad', pad('a', { padding: [1, 2, 0, 3], value: 5 })),
    ...(['mean', 'max', 'sum', 'l2'] as const).map((mode) =>
      backward(`channel-pool, ${mode}`, channelPool('a', { mode })),
    ),
    backward('flatten', flatten('a')),
    backward('unflatten', flatten('vector'), unflatten('a', { height: 3, width: 7 })),
    backward('channel-shuffle', channelShuffle('a', { groups: 7 })),
    backward('depth-to-space', depthToSpace('a', { blockSize: 1 })),
    backward('space-to-depth', pad('b', { padding: [0, 0, 1, 0] }), spaceToDepth('a', { blockSize: 2 })),
    backward('resize', resize('a', { scale: [1, 0.5] })),
    backward('softmax of pixels', softmax('a')),
  ],
  {
    ...backward('batch-norm and relu by the batch', batchNorm('a', { activation: 'relu' })),
    gradient: 'a/scale.gradient',
    overflowsFrom: 1e19,
  },
  // Products of products
  ...[
    backward('multiply', multiply('a', { inputs: ['sum', 'sum'] })),
    backward(
      'multiply by a channel',
      slice('channel', { begin: 1, end: 2 }),
      multiply('a', { inputs: ['sum', 'channel'] }),
    ),
    backward('multiply by a pixel', globalMaxPool('pixel'), multiply('a', { inputs: ['sum', 'pixel'] })),
    backward(
      'multiply by a value',
      globalMaxPool('largest', { inputs: ['trained'] }),
      slice('value', { begin: 6, end: 7 }),
      multiply('a', { inputs: ['sum', 'value'] }),
    ),
  ].map((each) => ({ ...each, overflowsFrom: 1e12 })),
  {
    ...backward('scale, its own gradient', scale('a', { shift: false })),
    gradient: 'a/scale.gradient',
    overflowsFrom: 1e19,
  },
  ...(['pixel', 'value'] as const).map((per) => ({
    ...backward(`scale of each ${per}, its own gradient`, scale('a', { per, shift: false })),
    gradient: 'a/scale.gradient' as const,
    overflowsFrom: 1e19,
  })),
  // Twice 2e38 is infinite
  {
    ...backward('add and silu', add('a', { inputs: ['sum', 'sum'], activation: 'silu' })),
    overflowsFrom: 1e38,
  },
  { ...backward('pad by reflection', pad('a', { padding: 3, mode: 'reflect' })), overflowsFrom: 1e38 },
  { ...backward('pad by the edge', pad('a', { padding: 3, mode: 'edge' })), overflowsFrom: 1e38 },
  { network: alone('resize linearly', resize('a', { size: 9, mode: 'linear' })), overflowsFrom: 1e38 },
  { ...backward('resize linearly', resize('a', { size: 9, mode: 'linear' })), overflowsFrom: 1e38 },
  { network: alone('layer-norm', layerNorm('a')), overflowsFrom: 1e19 },
  { ...backward('layer-norm', layerNorm('a')), overflowsFrom: 1e19 },
  { ...backward('layer-norm, scale', layerNorm('a')), gradient: 'a/scale.gradient', overflowsFrom: 1e19 },
  { network: alone('instance-norm', instanceNorm('a')), overflowsFrom: 1e19 },
  { ...backward('instance-norm', instanceNorm('a')), gradient: 'a/scale.gradient', overflowsFrom: 1e19 },
  { network: alone('group-norm', groupNorm('a', { groups: 1 })), overflowsFrom: 1e19 },
  {
    ...backward('group-norm', groupNorm('a', { groups: 1 })),
    gradient: 'a/scale.gradient',
    overflowsFrom: 1e19,
  },
  { ...backward('average-pool of all', globalAveragePool('a')), overflowsFrom: 1e38 },
  // Variances are squares
  { network: alone('batch-norm by the batch', batchNorm('a')), overflowsFrom: 1e19 },
  { network: alone('average-pool of all', globalAveragePool('a')), overflowsFrom: 1e38 },
]

/** Puts extremes into images: few, so that some windows have none, and one in the last channel. */
export function plant(images: Float32Array, extreme: number, channels: number): void {
  for (const pixel of [0, 7, 13]) {
    const at = pixel * channels + ((3 * pixel) % channels)
    if (at < images.length) images[at] = extreme
  }
  images[channels - 1] = extreme
}

/**
 * Null if they agree: both NaN, the same infinity, or close to each other. With `mayOverflow` the found value may also
 * be not finite.
 */
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
