import {
  add,
  averagePool,
  batchNorm,
  channelShuffle,
  concat,
  conv,
  convTranspose,
  crop,
  dense,
  depthToSpace,
  divide,
  flatten,
  globalAveragePool,
  globalMaxPool,
  l2Loss,
  maximum,
  maxPool,
  minimum,
  multiply,
  pad,
  prelu,
  relu,
  resize,
  scale,
  slice,
  softmax,
  softmaxLoss,
  spaceToDepth,
  subtract,
  unflatten,
} from '../../src/layers/index.ts'
import { defineNetwork, type Network, parametersOf } from '../../src/networks/index.ts'
import { dataFor, NETWORKS } from '../conformance/suite.ts'

/** Those of the kinds that deep networks are made of; each kind alone as well, so that an adapter can lack one. */
const LAYER_NETWORKS: readonly Network[] = [
  defineNetwork('residual', {
    inputs: { images: [9, 8, 3], labels: [] },
    layers: [
      conv('stem', { filters: 6, kernel: 3, padding: 1, biases: false }),
      batchNorm('bn1', { activation: 'relu' }),
      conv('c1', { filters: 8, kernel: 3, stride: 2, padding: 1, biases: false }),
      batchNorm('bn2', { momentum: 0.3, epsilon: 1e-3 }),
      conv('p', { filters: 8, kernel: 1, stride: 2, biases: false, inputs: ['bn1'] }),
      batchNorm('bn3'),
      add('sum', { inputs: ['bn2', 'bn3'], activation: 'relu' }),
      add('thrice', { inputs: ['sum', 'bn3', 'sum'] }),
      globalAveragePool('mean'),
      batchNorm('flat'),
      dense('fc', { units: 5, biases: false }),
      softmaxLoss('loss', { inputs: ['fc', 'labels'] }),
    ],
  }),
  defineNetwork('concatenated', {
    inputs: { images: [8, 9, 3] },
    layers: [
      conv('stem', { filters: 6, kernel: 3, padding: [1, 2], activation: 'relu' }),
      conv('a', { filters: 4, kernel: 1, inputs: ['stem'] }),
      conv('b', { filters: 5, kernel: 3, padding: 'same', activation: 'tanh', inputs: ['stem'] }),
      maxPool('c', { kernel: 3, padding: 1, inputs: ['stem'] }),
      concat('joined', { inputs: ['a', 'b', 'c'] }),
      slice('middle', { begin: 2, end: 11 }),
      slice('last', { begin: 11, end: 15, inputs: ['joined'] }),
      conv('d', { filters: 4, kernel: 3, padding: 1, inputs: ['middle'] }),
      add('e', { inputs: ['d', 'last'], activation: 'sigmoid' }),
      globalMaxPool('f'),
      dense('g', { units: 6 }),
      softmax('h'),
      l2Loss('loss'),
    ],
  }),
  defineNetwork('squeezed', {
    inputs: { images: [7, 8, 3] },
    layers: [
      conv('stem', { filters: 6, kernel: 3, activation: 'relu' }),
      scale('scaled'),
      globalAveragePool('squeeze'),
      conv('reduce', { filters: 3, kernel: 1, activation: 'relu' }),
      conv('gate', { filters: 6, kernel: 1, activation: 'sigmoid' }),
      multiply('excited', { inputs: ['scaled', 'gate'] }),
      dense('features', { units: 6, inputs: ['squeeze'] }),
      dense('number', { units: 1, inputs: ['features'] }),
      multiply('product', { inputs: ['features', 'excited', 'number'], activation: 'tanh' }),
      add('sum', { inputs: ['product', 'features', 'number', 'gate'], activation: 'relu' }),
      scale('small', { initial: 1e-3, shift: false }),
      scale('fixed', { trained: false }),
      l2Loss('loss'),
    ],
  }),
  defineNetwork('side by side', {
    inputs: { images: [7, 8, 3] },
    layers: [
      conv('stem', { filters: 6, kernel: 3, activation: 'relu' }),
      concat('high', { axis: 'rows', inputs: ['stem', 'stem'] }),
      scale('positions', { per: 'value' }),
      concat('wide', { axis: 'columns', inputs: ['positions', 'high'] }),
      scale('mask', { per: 'pixel', shift: false }),
      concat('all', { axis: 'pixels', inputs: ['mask', 'stem'] }),
      scale('anchors', { per: 'value', trained: false }),
      conv('last', { filters: 4, kernel: 1 }),
      l2Loss('loss'),
    ],
  }),
  defineNetwork('compared', {
    inputs: { images: [7, 8, 3] },
    layers: [
      conv('a', { filters: 6, kernel: 3 }),
      conv('b', { filters: 6, kernel: 1, activation: 'sigmoid', inputs: ['a'] }),
      globalAveragePool('c', { inputs: ['a'] }),
      subtract('d', { inputs: ['c', 'a'], activation: 'tanh' }),
      divide('e', { inputs: ['d', 'b'] }),
      maximum('f', { inputs: ['e', 'a', 'c'] }),
      minimum('g', { inputs: ['f', 'b'], activation: 'relu' }),
      l2Loss('loss'),
    ],
  }),
  defineNetwork('averaged', {
    inputs: { images: [11, 12, 2] },
    layers: [
      conv('a', { filters: 5, kernel: 3 }),
      averagePool('b', { kernel: 2 }),
      averagePool('c', { kernel: 3, padding: 1 }),
      averagePool('d', { kernel: [3, 2], padding: [1, 0, 0, 1], countPadding: true }),
      averagePool('e', { kernel: 2, padding: 'same' }),
      averagePool('f', { kernel: 3, stride: 2, padding: 1, countPadding: true, ceilMode: true }),
      averagePool('g', { kernel: 3, stride: 2, padding: [0, 1, 1, 0], ceilMode: true }),
      l2Loss('loss'),
    ],
  }),
  defineNetwork('ceilings', {
    inputs: { images: [10, 13, 3] },
    layers: [
      // Whatever comes of it may be under 0, so that zeros of a padding would be seen.
      conv('a', { filters: 4, kernel: 3 }),
      maxPool('b', { kernel: 3, stride: 2, ceilMode: true }),
      maxPool('c', { kernel: [3, 2], stride: 1, padding: [2, 1, 0, 1] }),
      maxPool('d', {
        kernel: 2,
        stride: 3,
        padding: { top: 1, bottom: 0, left: 0, right: 1 },
        ceilMode: true,
      }),
      l2Loss('loss'),
    ],
  }),
  defineNetwork('dilated', {
    inputs: { images: [13, 12, 3] },
    layers: [
      conv('a', { filters: 5, kernel: 3, dilation: 2, padding: 2, activation: 'relu' }),
      conv('b', { filters: 4, kernel: [3, 2], dilation: [3, 2], padding: [3, 2, 1, 1] }),
      conv('c', { filters: 3, kernel: 3, dilation: 2, padding: 'same', biases: false }),
      relu('d'),
      l2Loss('loss'),
    ],
  }),
  defineNetwork('depthwise', {
    inputs: { images: [11, 10, 3] },
    layers: [
      conv('a', { filters: 3, kernel: 3, groups: 3, padding: 1, activation: 'relu' }),
      conv('b', { filters: 6, kernel: 3, groups: 3, stride: 2, padding: 'same', biases: false }),
      conv('c', { filters: 5, kernel: 1 }),
      l2Loss('loss'),
    ],
  }),
  defineNetwork('grouped', {
    inputs: { images: [9, 10, 3] },
    layers: [
      conv('a', { filters: 8, kernel: 3, activation: 'relu' }),
      conv('b', { filters: 12, kernel: 3, groups: 4, stride: 2, padding: [0, 1, 1, 0] }),
      conv('c', { filters: 6, kernel: 2, groups: 2, biases: false, activation: 'tanh' }),
      l2Loss('loss'),
    ],
  }),
  defineNetwork('transposed', {
    inputs: { images: [3, 2, 3] },
    layers: [
      convTranspose('a', { filters: 5, kernel: [4, 3], stride: 2, padding: 1, activation: 'relu' }),
      convTranspose('b', { filters: 4, kernel: 3, stride: 2, padding: 'same', biases: false }),
      convTranspose('c', {
        filters: 3,
        kernel: 2,
        stride: [1, 2],
        padding: [0, 1, 2, 0],
        outputPadding: [0, 1],
      }),
      convTranspose('d', {
        filters: 2,
        kernel: 1,
        stride: [1, 2],
        padding: 'same',
        activation: 'sigmoid',
      }),
      l2Loss('loss'),
    ],
  }),
  // The activations and the moves of values that the adapter of TensorFlow.js has too
  defineNetwork('smoothed', {
    inputs: { images: [8, 7, 2], labels: [] },
    layers: [
      conv('a', { filters: 5, kernel: 3, activation: 'hard-swish' }),
      conv('b', { filters: 4, kernel: 2, activation: { kind: 'leaky-relu', slope: 0.2 } }),
      batchNorm('c', { activation: 'silu' }),
      prelu('d'),
      dense('l', { units: 5, activation: 'relu6' }),
      softmaxLoss('loss', { inputs: ['l', 'labels'], labelSmoothing: 0.1 }),
    ],
  }),
  defineNetwork('shuffled', {
    inputs: { images: [6, 5, 2] },
    layers: [
      conv('a', { filters: 12, kernel: 1 }),
      channelShuffle('b', { groups: 3 }),
      depthToSpace('c', { blockSize: 2 }),
      pad('d', { padding: [1, 3, 0, 2], value: 0.5 }),
      spaceToDepth('e', { blockSize: 2, mode: 'CRD' }),
      depthToSpace('f', { blockSize: 2, mode: 'CRD' }),
      spaceToDepth('g', { blockSize: 2 }),
      flatten('h'),
      dense('i', { units: 3 }),
      l2Loss('loss'),
    ],
  }),
  defineNetwork('cropped', {
    inputs: { images: [6, 5, 2] },
    layers: [
      conv('a', { filters: 4, kernel: 1 }),
      crop('b', { top: 5, height: 3, width: 4, step: [-2, 1] }),
      flatten('c'),
      unflatten('d', { height: 4, width: 6 }),
      dense('e', { units: 3 }),
      l2Loss('loss'),
    ],
  }),
  // Each resize that PyTorch has, also with a scale that is not the ratio of the sizes
  defineNetwork('resized each way', {
    inputs: { images: [6, 5, 2] },
    layers: [
      conv('a', { filters: 3, kernel: 1 }),
      resize('b', { size: [5, 11], mode: 'linear' }),
      resize('c', { scale: [1.3, 0.7], mode: 'linear', inputs: ['a'] }),
      resize('d', { scale: 1.7, coordinates: 'asymmetric', rounding: 'floor', inputs: ['a'] }),
      resize('e', { size: [9, 4], rounding: 'round_prefer_ceil', inputs: ['a'] }),
      l2Loss('lossB', { inputs: ['b'] }),
      l2Loss('lossC', { inputs: ['c'] }),
      l2Loss('lossD', { inputs: ['d'] }),
      l2Loss('lossE', { inputs: ['e'] }),
    ],
  }),
  defineNetwork('plain sums', {
    inputs: { images: [8, 7, 2] },
    layers: [
      conv('a', { filters: 5, kernel: 3, padding: [0, 1, 1, 2], biases: false, activation: 'relu' }),
      conv('b', { filters: 4, kernel: 2, stride: 2, biases: false }),
      maxPool('c', { kernel: 2, stride: 1 }),
      l2Loss('loss'),
    ],
  }),
]

/** All that a peer is taken through. */
export const PEER_NETWORKS: readonly Network[] = [...NETWORKS, ...LAYER_NETWORKS]

/** As `dataFor`, but scales are near 1 and variances positive, as a trained network's are. */
export function peerDataFor(network: Network, batch: number): ReturnType<typeof dataFor> {
  const { inputs, parameters } = dataFor(network, batch)
  const asTrained: Readonly<Record<string, (value: number) => number>> = {
    scale: (value) => 1 + value / 4,
    variance: (value) => 0.5 + Math.abs(value),
  }
  for (const name of Object.keys(parametersOf(network))) {
    const change = asTrained[name.split('/').at(-1)!]
    if (change) parameters[name] = parameters[name]!.map(change)
  }
  return { inputs, parameters }
}
