import {
  add,
  averagePool,
  batchNorm,
  concat,
  conv,
  dense,
  globalAveragePool,
  globalMaxPool,
  l2Loss,
  maxPool,
  relu,
  slice,
  softmax,
  softmaxLoss,
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
