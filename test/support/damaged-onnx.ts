// ONNX models that are damaged for tests, and files that ask for far more memory than they have bytes.
import { expect } from 'vitest'
import { FormatError, NetworkError } from '../../src/errors.ts'
import type { OnnxNode, OnnxTensor } from '../../src/formats/onnx/graph.ts'
import { onnxModel } from '../../src/formats/onnx.ts'
import { importOnnx } from '../../src/formats/onnx-import.ts'
import {
  add,
  averagePool,
  batchNorm,
  channelShuffle,
  clip,
  concat,
  conv,
  convTranspose,
  crop,
  dense,
  depthToSpace,
  gelu,
  globalAveragePool,
  groupNorm,
  layerNorm,
  lrn,
  maximum,
  maxPool,
  multiply,
  pad,
  prelu,
  resize,
  scale,
  slice,
  softmax,
  spaceToDepth,
  subtract,
} from '../../src/layers/index.ts'
import { defineNetwork, initialize } from '../../src/networks/index.ts'
import { floatAttribute, indices, modelOf, numbers, op, weights } from './onnx-graphs.ts'

const ofAllLayers = defineNetwork('small', {
  inputs: { images: [8, 10, 4] },
  layers: [
    conv('conv', { filters: 8, kernel: 3, padding: 1, biases: false }),
    batchNorm('norm', { activation: 'hard-swish' }),
    globalAveragePool('mean'),
    conv('gate', { filters: 8, kernel: 1, activation: 'sigmoid' }),
    multiply('gated', { inputs: ['norm', 'gate'] }),
    groupNorm('groups', { groups: 2 }),
    channelShuffle('shuffled', { groups: 4 }),
    layerNorm('layer'),
    gelu('gelu'),
    scale('scale'),
    resize('resized', { size: [6, 7], mode: 'linear' }),
    pad('padded', { padding: [1, 1, 0, 1], mode: 'reflect' }),
    maxPool('pooled', { kernel: 2, stride: 2, ceilMode: true }),
    lrn('lrn', { radius: 1 }),
    prelu('prelu'),
    depthToSpace('wide', { blockSize: 2 }),
    spaceToDepth('deep', { blockSize: 2 }),
    slice('part', { begin: 1, end: 5 }),
    crop('cropped', { left: 1, height: 2, width: 2 }),
    averagePool('averaged', { kernel: 2, padding: 1, countPadding: true }),
    convTranspose('larger', { filters: 4, kernel: 2, stride: 2 }),
    clip('clipped', { min: -1, max: 1 }),
    concat('joined', { inputs: ['clipped', 'larger'] }),
    add('sum', { inputs: ['joined', 'joined'] }),
    subtract('difference', { inputs: ['sum', 'joined'] }),
    maximum('largest', { inputs: ['difference', 'joined'] }),
    dense('logits', { units: 5 }),
    softmax('classes'),
  ],
})

/** Shapes that are computed, constants in nodes, and weights of several types and in several fields. */
const withComputedShapes = (): Uint8Array =>
  modelOf({
    inputs: { x: ['batch', 4, 6, 6] },
    outputs: ['classes', 'gate'],
    constants: [
      weights('w', [6, 4, 3, 3]),
      weights('matrix', [6 * 6 * 6, 5]),
      { name: 'half', dims: [6, 1, 1], dataType: 10, rawData: new Uint8Array(12).fill(0x3c) },
      { name: 'biases', dims: [6], dataType: 1, floatData: [1, 2, 3, 4, 5, 6] },
      { name: 'truth', dims: [1], dataType: 9, int32Data: [1] },
      indices('zero', [0]),
      indices('rest', [-1]),
      numbers('doubled', [1, 1, 2, 2]),
    ],
    nodes: [
      op('Conv', 'x w biases -> c', { pads: [1, 1, 1, 1] }),
      op('Cast', 'half -> slopes', { to: 1 }),
      op('PRelu', 'c slopes -> p'),
      op('Split', 'p -> a b', { axis: 1 }),
      op('Concat', 'b a -> swapped', { axis: 1 }),
      op('Constant', '-> start', { value_int: 0 }),
      op('Constant', '-> limit', { value_int: 6 }),
      op('Constant', '-> step', { value_int: 1 }),
      op('Range', 'start limit step -> range'),
      op('Constant', '-> extents', { value: { t: indices('', [6, 1, 1]), type: 4 } }),
      op('Reshape', 'range extents -> ramp'),
      op('Cast', 'ramp -> numbers', { to: 1 }),
      op('ConstantOfShape', 'extents -> zeros'),
      op('Constant', '-> three', { value_float: floatAttribute(3) }),
      op('Expand', 'three extents -> threes'),
      op('Where', 'truth threes zeros -> chosen'),
      op('Mul', 'chosen numbers -> factors'),
      op('Mul', 'swapped factors -> scaled'),
      op('Resize', 'scaled _ doubled -> large', { mode: 'nearest' }),
      op('MaxPool', 'large -> pooled', { kernel_shape: [2, 2], strides: [2, 2] }),
      op('Shape', 'pooled -> shape'),
      op('Gather', 'shape zero -> batch', { axis: 0 }),
      op('Concat', 'batch rest -> wanted', { axis: 0 }),
      op('Reshape', 'pooled wanted -> flat'),
      op('Gemm', 'flat matrix -> logits', { transB: 0 }),
      op('Softmax', 'logits -> classes'),
      op('Sigmoid', 'a -> gate'),
    ],
  })

/** A convolution whose weights are in a file of their own. */
const withExternalData = (): Uint8Array => {
  const external = (name: string, dims: readonly number[], offset: number, length: number): OnnxTensor => ({
    name,
    dims,
    dataType: 1,
    dataLocation: 1,
    externalData: Object.entries({ location: 'weights.bin', offset, length }).map(([key, value]) => ({
      key,
      value: `${value}`,
    })),
  })
  return modelOf({
    inputs: { x: ['batch', 4, 6, 6] },
    outputs: ['y'],
    constants: [external('w', [6, 4, 3, 3], 0, 864), external('b', [6], 864, 24)],
    nodes: [op('Conv', 'x w b -> c', { strides: [2, 2] }), op('Relu', 'c -> y')],
  })
}
const externalData = { 'weights.bin': new Uint8Array(864 + 24) }

/** Models, and what they need besides; each can be imported. */
export const models: Readonly<Record<string, { readonly bytes: Uint8Array; readonly options: object }>> = {
  'with every kind of layer': {
    bytes: onnxModel(ofAllLayers, initialize(ofAllLayers, { seed: 7 }), { layout: 'NCHW' }),
    options: {},
  },
  'with computed shapes': { bytes: withComputedShapes(), options: {} },
  'with external data': { bytes: withExternalData(), options: { externalData } },
}

const BILLION = 1e9
const CHAIN = 100

const chain = (operator: string, second = '') =>
  Array.from({ length: CHAIN }, (_, i) => op(operator, `v${i} ${second || `v${i}`} -> v${i + 1}`))

const greedy = (
  nodes: readonly OnnxNode[],
  constants: readonly OnnxTensor[] = [],
  dims: readonly number[] = [1, 4, 8, 8],
): Uint8Array => modelOf({ inputs: { x: dims }, outputs: ['y'], nodes, constants, opset: 18 })

const shape = (...extents: readonly number[]) => indices('shape', extents)
const MANY_CHANNELS = [1, 2 * BILLION]
const one = numbers('one', [1.5], [])
const vector = { w: weights('w', [4, 4, 3, 3]), m: weights('m', [4, 4]) }

/** Small files that ask for much memory, each to be refused without taking it. */
export const greedyModels: Readonly<Record<string, Uint8Array>> = {
  'a large image': greedy([op('Relu', 'x -> y')], [], [1, 3, 1e5, 1e5]),
  'a constant of a billion zeros': greedy(
    [op('ConstantOfShape', 'shape -> c'), op('Add', 'x c -> y')],
    [shape(BILLION)],
  ),
  'a constant that is expanded': greedy(
    [op('Expand', 'one shape -> c'), op('Add', 'x c -> y')],
    [shape(BILLION), one],
  ),
  'a range': greedy(
    [op('Range', 'zero end step -> c'), op('Add', 'x c -> y')],
    [numbers('zero', [0], []), numbers('end', [BILLION], []), numbers('step', [1], [])],
  ),
  'one large constant after the other': greedy(
    [op('Expand', 'one shape -> v0'), ...chain('Add'), op('Add', `x v${CHAIN} -> y`)],
    [shape(2 ** 23), one],
  ),
  'constants that are broadcast to each other': greedy(
    [op('Mul', 'a b -> c'), op('Add', 'x c -> y')],
    [weights('a', [1, 2 ** 15]), weights('b', [2 ** 15, 1])],
  ),
  'constants that are joined again and again': greedy(
    [
      ...Array.from({ length: CHAIN }, (_, i) => op('Concat', `v${i} v${i} -> v${i + 1}`, { axis: 0 })),
      op('Add', `x v${CHAIN} -> y`),
    ],
    [weights('v0', [64])],
  ),
  'channels that are joined again and again': greedy([
    op('Relu', 'x -> v0'),
    ...Array.from({ length: CHAIN }, (_, i) => op('Concat', `v${i} v${i} -> v${i + 1}`, { axis: 1 })),
    op('Relu', `v${CHAIN} -> y`),
  ]),
  'an image that is enlarged': greedy(
    [op('Resize', 'x _ scales -> y')],
    [numbers('scales', [1, 1, 1e6, 1e6])],
  ),
  'an image with wide margins': greedy(
    [op('Pad', 'x pads -> y')],
    [indices('pads', [0, 0, BILLION, 0, 0, 0, 0, BILLION])],
  ),
  'an image with many channels around its own': greedy(
    [op('Pad', 'x pads -> y')],
    [indices('pads', [0, BILLION, 0, 0, 0, BILLION, 0, 0])],
    [1, 1, 1, 1],
  ),
  'many groups, each with a softmax': greedy(
    [op('Reshape', 'x shape -> g'), op('Softmax', 'g -> y', { axis: 2 })],
    [shape(-1, BILLION, 2)],
    MANY_CHANNELS,
  ),
  'a transposed convolution with large strides': greedy(
    [op('ConvTranspose', 'x w -> y', { strides: [1e6, 1e6] })],
    [vector.w],
  ),
  'a transposed convolution with a large output': greedy(
    [op('ConvTranspose', 'x w -> y', { output_shape: [1e6, 1e6] })],
    [vector.w],
  ),
  'blocks of a billion pixels': greedy([op('DepthToSpace', 'x -> y', { blocksize: BILLION })]),
  'weights that the file does not have': greedy(
    [op('Conv', 'x w -> y')],
    [{ ...vector.w, dims: [BILLION, 4, 3, 3] }],
  ),
  'weights of a type that is not known': greedy(
    [op('Conv', 'x w -> y')],
    [{ ...vector.w, dims: [BILLION, 4, 3, 3], dataType: 99 }],
  ),
  'constants beside a tensor of a type that is not known': greedy(
    [op('Expand', 'one shape -> v0'), ...chain('Add'), op('Add', `x v${CHAIN} -> z`), op('Add', 'z w -> y')],
    [shape(2 ** 23), one, { ...vector.w, dims: [BILLION], dataType: 99 }],
  ),
  'an empty matrix with a billion columns': greedy(
    [op('Flatten', 'x -> f'), op('Gemm', 'f m one -> y')],
    [{ ...vector.m, dims: [0, BILLION], rawData: new Uint8Array() }, one],
  ),
  'a matrix for all values of a large image': greedy(
    [op('Flatten', 'x -> f'), op('Gemm', 'f m -> y')],
    [vector.m],
    [1, 3, 20_000, 30_000],
  ),
  'a number for each of many channels': greedy([op('Add', 'x one -> y')], [one], MANY_CHANNELS),
  'many channels that are subtracted': greedy([op('Sub', 'one x -> y')], [one], MANY_CHANNELS),
  'a slope for each of many channels': greedy(
    [op('LeakyRelu', 'x -> y', { alpha: floatAttribute(-1) })],
    [],
    MANY_CHANNELS,
  ),
  'a line for each of many channels': greedy([op('HardSigmoid', 'x -> y')], [], MANY_CHANNELS),
  'one group of many channels': greedy(
    [op('GroupNormalization', 'x s s -> y', { num_groups: 1 })],
    [numbers('s', [1])],
    MANY_CHANNELS,
  ),
}

/** Far above what a whole file takes, and far below what a wrong number asks for. */
const MOST_MS = 5_000 // of the processor's time, which other programs change little
const MOST_BYTES = 200e6

const memoryBytes = (): number => {
  const { arrayBuffers, heapUsed } = process.memoryUsage()
  return arrayBuffers + heapUsed
}

/** Imports a file; what it throws must be an error of its own, with a message of one line, and cost little. */
export async function importOrRefuse(
  file: Uint8Array,
  options: object = {},
): Promise<'imported' | 'format' | 'network'> {
  const cpuBefore = process.cpuUsage()
  const before = memoryBytes()
  let result: 'imported' | 'format' | 'network' = 'imported'
  try {
    await importOnnx(file, options)
  } catch (error) {
    if (!(error instanceof FormatError || error instanceof NetworkError)) throw error
    result = error instanceof FormatError ? 'format' : 'network'
    expect(error.message).not.toMatch(/\p{Cc}/u)
  }
  const { user, system } = process.cpuUsage(cpuBefore)
  expect((user + system) / 1e3).toBeLessThan(MOST_MS)
  expect(memoryBytes() - before).toBeLessThan(MOST_BYTES)
  return result
}
