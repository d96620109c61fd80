import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { type OnnxOptions, onnxModel } from '../../src/formats/onnx.ts'
import {
  ACTIVATIONS,
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
import {
  alexnet,
  alexnetFull,
  defineNetwork,
  initialize,
  initializeImages,
  type Network,
  networkNamed,
  outputsOf,
  parametersOf,
  shapeOf,
} from '../../src/networks/index.ts'
import { normal, uniform } from '../../src/random.ts'
import { hasOnnxRuntime, onnxRuntime } from '../support/onnx-runtime.ts'
import { runPlainly } from '../support/plain-network.ts'

// What others make of our models: ONNX Runtime, as peers/ has it, computes what the layers' plain loops do, and ONNX's
// checker (Debian's python3-onnx) finds nothing. Either is skipped where it is not installed.

const BATCH = 2
const MAX_RELATIVE_ERROR = 1e-4
/** Makes the images' standard deviation 1, so that no activation saturates. */
const SCALE = 10
/** Large enough for LRN to act, see the design's check. */
const LRN_SCALE = 150

const odd = defineNetwork('odd', {
  inputs: { images: [11, 14, 3], labels: [] },
  layers: [
    conv('a', { filters: 8, kernel: [3, 5], stride: [1, 2], padding: 'same' }),
    relu('a-relu'),
    lrn('a-lrn', { radius: 2, alpha: 0.01 }),
    // No window reaches the two rows below
    maxPool('b', { kernel: 2, stride: 4, padding: { top: 0, bottom: 2, left: 1, right: 1 } }),
    conv('c', { filters: 5, kernel: 2, padding: 1, activation: 'relu', inputs: ['a-lrn'] }),
    maxPool('c-pool', { kernel: 3, stride: 2, padding: 'same' }),
    dropout('d'),
    tanh('d-tanh'),
    dense('e', { units: 12, activation: 'sigmoid' }),
    lrn('e-lrn', { radius: 1, alpha: 0.1 }),
    dense('f', { units: 9, activation: 'tanh' }),
    sigmoid('f-sigmoid'),
    dense('logits', { units: 7 }),
    softmaxLoss('loss', { inputs: ['logits', 'labels'] }),
  ],
})

/** Each pooling reads the images, so that each is an output. */
const poolings = defineNetwork('poolings', {
  inputs: { images: [13, 10, 17] },
  layers: (['max', 'average', 'counting'] as const).flatMap((kind) => {
    const pool = (name: string, options: Parameters<typeof maxPool>[1]) => {
      const given = { inputs: ['images'], ...options }
      if (kind === 'max') return maxPool(`max-${name}`, given)
      return averagePool(`${kind}-${name}`, { ...given, countPadding: kind === 'counting' })
    }
    return [
      pool('plain', { kernel: [3, 2] }),
      pool('pixels', { kernel: 1 }),
      pool('strided-pixels', { kernel: 1, stride: [3, 4] }),
      pool('gaps', { kernel: 2, stride: 3 }),
      pool('gaps-ceil', { kernel: [2, 3], stride: [4, 5], ceilMode: true }),
      pool('same', { kernel: [4, 3], stride: [3, 2], padding: 'same' }),
      pool('padded', { kernel: [5, 3], stride: [2, 1], padding: [2, 1] }),
      pool('uneven', { kernel: [3, 4], stride: 2, padding: [0, 2, 3, 1] }),
      // Two rows and two columns of the last windows are beyond the image
      pool('ceil', { kernel: 3, stride: [4, 3], ceilMode: true }),
      // ... and beyond the padding
      pool('ceil-padded', { kernel: [4, 3], stride: [4, 3], padding: 1, ceilMode: true }),
      pool('ceil-padded-both', { kernel: [4, 5], stride: 3, padding: [1, 1, 1, 1], ceilMode: true }),
      pool('ceil-uneven', { kernel: 4, stride: [3, 4], padding: [2, 1, 0, 1], ceilMode: true }),
      // A window that would begin in the padding below is left out
      pool('ceil-no-more', { kernel: 2, stride: [2, 3], padding: [1, 1, 1, 1], ceilMode: true }),
      pool('ceil-same', { kernel: [3, 2], stride: 2, padding: 'same', ceilMode: true }),
      // Larger than the image by less than a stride
      pool('ceil-large', { kernel: [15, 12], stride: 2, padding: [1, 0, 0, 1], ceilMode: true }),
      pool('whole', { kernel: [13, 10] }),
    ]
  }),
})

const blocks = defineNetwork('blocks', {
  inputs: { images: [9, 12, 3], others: [9, 12, 17] },
  layers: [
    conv('dilated', {
      filters: 17,
      kernel: 3,
      dilation: 2,
      padding: 'same',
      biases: false,
      inputs: ['images'],
    }),
    batchNorm('dilated-norm', { activation: 'relu' }),
    conv('uneven', { filters: 17, kernel: [2, 3], dilation: [3, 2], padding: [1, 2, 0, 4] }),
    batchNorm('uneven-norm', { epsilon: 0.3 }),
    add('residual', { inputs: ['uneven-norm', 'dilated-norm'], activation: 'relu' }),
    add('three', { inputs: ['residual', 'others', 'dilated'] }),
    add('twice', { inputs: ['three', 'three'] }),
    // No window reaches the two rows below
    conv('strided', { filters: 1, kernel: [3, 2], dilation: 2, stride: 3, padding: 2, inputs: ['residual'] }),
    conv('pixels', { filters: 5, kernel: 1, biases: false, activation: 'sigmoid', inputs: ['residual'] }),
    conv('depthwise', { filters: 17, kernel: 3, groups: 17, padding: 'same', inputs: ['residual'] }),
    conv('multiplied', { filters: 34, kernel: [3, 2], stride: 2, dilation: 2, groups: 17, padding: [2, 1] }),
    conv('grouped', { filters: 6, kernel: 2, groups: 2, biases: false, activation: 'relu' }),
    conv('wide', { filters: 4, kernel: 1, stride: [2, 3], inputs: ['images'] }),
    concat('joined', { inputs: ['pixels', 'residual', 'images'] }),
    concat('alone', { inputs: ['joined'] }),
    concat('high', { axis: 'rows', inputs: ['residual', 'others', 'residual'] }),
    concat('broad', { axis: 'columns', inputs: ['others', 'residual'] }),
    concat('all-pixels', { axis: 'pixels', inputs: ['residual', 'depthwise', 'others'] }),
    slice('middle', { begin: 4, end: 11, inputs: ['joined'] }),
    slice('first', { begin: 0, end: 1, inputs: ['joined'] }),
    slice('last', { begin: 22, end: 25, inputs: ['joined'] }),
    batchNorm('middle-norm', { inputs: ['middle'] }),
    softmax('probabilities', { inputs: ['middle-norm'] }),
    globalMaxPool('maximum', { inputs: ['joined'] }),
    globalAveragePool('average', { inputs: ['joined'] }),
    // Images of one pixel
    batchNorm('average-norm', { activation: 'sigmoid', inputs: ['average'] }),
    conv('average-conv', { filters: 3, kernel: 1 }),
    softmax('average-probabilities'),
    instanceNorm('channels-norm', { epsilon: 0.3, inputs: ['joined'] }),
    groupNorm('groups-norm', { groups: 5, inputs: ['joined'] }),
    layerNorm('pixels-norm', { epsilon: 0.3, inputs: ['joined'] }),
    slice('average-slice', { begin: 1, end: 2, inputs: ['average'] }),
    globalAveragePool('again', { inputs: ['maximum'] }),
    // No images
    dense('features', { units: 17, biases: false, inputs: ['average'] }),
    batchNorm('features-norm', { activation: 'tanh' }),
    groupNorm('features-groups-norm', { groups: 17, inputs: ['features'] }),
    layerNorm('features-layer-norm', { inputs: ['features'] }),
    dense('others-features', { units: 17, biases: false, activation: 'relu', inputs: ['maximum'] }),
    add('features-sum', { inputs: ['features-norm', 'others-features'], activation: 'relu' }),
    concat('features-joined', { inputs: ['features', 'features-sum', 'features-norm'] }),
    slice('features-slice', { begin: 10, end: 40 }),
    dense('logits', { units: 6 }),
    batchNorm('logits-norm'),
    softmax('classes'),
  ],
})

const activations = defineNetwork('activations', {
  inputs: { images: [5, 6, 3] },
  layers: [
    // Sums of a standard deviation near 3, which reach the upper bounds of relu6 and hardSwish
    conv('stem', { filters: 7, kernel: 3, padding: 'same', initial: { weightsSd: 0.6, biases: 0.1 } }),
    ...ACTIVATIONS.flatMap((activation) => [
      batchNorm(`norm-${activation}`, { activation, inputs: ['stem'] }),
      dense(`dense-${activation}`, { units: 5, activation }),
    ]),
    clip('clip', { min: -0.5, max: 0.25, inputs: ['stem'] }),
    leakyRelu('leaky', { slope: 0.3, inputs: ['stem'] }),
    elu('elu', { alpha: 0.5, inputs: ['stem'] }),
    gelu('gelu', { approximate: 'tanh', inputs: ['stem'] }),
    mish('mish', { inputs: ['stem'] }),
    power('square', { exponent: 2, inputs: ['stem'] }),
    abs('abs', { inputs: ['stem'] }),
    exp('exp', { inputs: ['stem'] }),
    erf('erf', { inputs: ['stem'] }),
    power('root', { exponent: 0.5, inputs: ['norm-exp'] }),
    power('reciprocal', { exponent: -1, inputs: ['norm-exp'] }),
    power('other', { exponent: -1.7, inputs: ['norm-exp'] }),
    softplus('softplus', { inputs: ['stem'] }),
    prelu('prelu', { inputs: ['stem'] }),
    prelu('dense-prelu', { inputs: ['dense-elu'] }),
    silu('silu', { inputs: ['stem'] }),
    hardSigmoid('hard-sigmoid', { inputs: ['stem'] }),
    hardSwish('hard-swish', { inputs: ['stem'] }),
  ],
})

/** Layers that move values; the output of each is an output of the network, too. */
const moved = defineNetwork('moved', {
  inputs: { images: [4, 6, 12] },
  layers: [
    pad('padded', { padding: [1, 2, 3, 0], value: -1.5 }),
    pad('mirrored', { padding: [3, 2, 5, 1], mode: 'reflect', inputs: ['images'] }),
    pad('extended', { padding: [0, 7, 1, 2], mode: 'edge', inputs: ['images'] }),
    depthToSpace('wide', { blockSize: 2, inputs: ['images'] }),
    depthToSpace('wide-crd', { blockSize: 2, mode: 'CRD', inputs: ['images'] }),
    spaceToDepth('deep', { blockSize: 2, inputs: ['images'] }),
    spaceToDepth('deep-crd', { blockSize: 2, mode: 'CRD', inputs: ['images'] }),
    channelShuffle('shuffled', { groups: 3, inputs: ['images'] }),
    flatten('vector', { inputs: ['images'] }),
    unflatten('image', { height: 3, width: 4, inputs: ['vector'] }),
    flatten('pixels', { order: 'HWC', inputs: ['images'] }),
    unflatten('image-of-pixels', { height: 2, width: 3, order: 'HWC' }),
    crop('rectangle', { top: 1, left: 2, height: 3, width: 2, inputs: ['images'] }),
    crop('every-second', { left: 1, height: 2, width: 3, step: 2, inputs: ['images'] }),
    crop('upside-down', { top: 3, left: 5, height: 4, width: 2, step: [-1, -3], inputs: ['images'] }),
    channelShuffle('shuffled-vector', { groups: 4 }),
    ...(['half_pixel', 'asymmetric', 'align_corners'] as const).flatMap((coordinates) => [
      resize(`linear-${coordinates}`, {
        size: [9, 5],
        mode: 'linear',
        coordinates,
        inputs: ['images'],
      }),
      resize(`scaled-${coordinates}`, { scale: [2, 0.5], mode: 'linear', coordinates, inputs: ['images'] }),
      ...(['round_prefer_floor', 'round_prefer_ceil', 'floor', 'ceil'] as const).flatMap((rounding) => [
        resize(`${rounding}-${coordinates}`, { scale: 2, coordinates, rounding, inputs: ['images'] }),
        resize(`${rounding}-small-${coordinates}`, {
          size: [2, 3],
          coordinates,
          rounding,
          inputs: ['images'],
        }),
      ]),
    ]),
    dense('features', { units: 5, inputs: ['vector'] }),
  ],
})

const decoder = defineNetwork('decoder', {
  inputs: { images: [5, 4, 6] },
  layers: [
    conv('down', { filters: 9, kernel: 3, stride: 2, padding: 'same', activation: 'relu' }),
    convTranspose('same', { filters: 7, kernel: [3, 4], stride: 2, padding: 'same', activation: 'relu' }),
    convTranspose('added', { filters: 5, kernel: 3, stride: [2, 3], padding: 1, outputPadding: [1, 2] }),
    convTranspose('uneven', { filters: 4, kernel: [3, 2], stride: 2, padding: [0, 2, 1, 0], biases: false }),
    // Pixels that no kernel reaches
    convTranspose('gaps', { filters: 3, kernel: [1, 2], stride: 3, padding: 'same', inputs: ['images'] }),
    convTranspose('dilated', {
      filters: 3,
      kernel: [3, 2],
      stride: [1, 2],
      dilation: [2, 3],
      padding: [1, 0],
      outputPadding: [0, 1],
      activation: 'silu',
      inputs: ['images'],
    }),
    // More than a stride is added to what padding takes away
    convTranspose('far', {
      filters: 2,
      kernel: 2,
      dilation: 3,
      padding: [1, 2, 0, 1],
      outputPadding: [2, 1],
      inputs: ['images'],
    }),
  ],
})

const broadcasts = defineNetwork('broadcasts', {
  inputs: { images: [5, 6, 3], numbers: [] },
  layers: [
    conv('stem', { filters: 7, kernel: 3, padding: 'same' }),
    globalAveragePool('squeeze'),
    conv('gate', { filters: 7, kernel: 1, activation: 'sigmoid' }),
    multiply('excited', { inputs: ['stem', 'gate'] }),
    scale('scaled', { initial: 1e-6 }),
    dense('vector', { units: 7, inputs: ['squeeze'] }),
    dense('number', { units: 1, inputs: ['squeeze'] }),
    add('sum', { inputs: ['vector', 'scaled'], activation: 'relu' }),
    add('many', { inputs: ['number', 'sum', 'vector', 'gate', 'numbers'] }),
    scale('bare', { shift: false }),
    scale('of-pixels', { per: 'pixel' }),
    scale('of-values', { per: 'value', trained: false }),
    scale('by-pixel', { per: 'pixel', shift: false }),
    multiply('product', { inputs: ['vector', 'by-pixel', 'number', 'numbers'], activation: 'tanh' }),
    multiply('of-vectors', { inputs: ['number', 'vector'] }),
    scale('scaled-vector'),
    multiply('of-numbers', { inputs: ['numbers', 'number'] }),
    subtract('difference', { inputs: ['vector', 'scaled'], activation: 'relu' }),
    divide('quotient', { inputs: ['scaled', 'gate'] }),
    divide('of-number', { inputs: ['number', 'gate'] }),
    maximum('largest', { inputs: ['number', 'scaled', 'vector'] }),
    minimum('smallest', { inputs: ['scaled', 'squeeze'], activation: 'tanh' }),
    add('pixels', { inputs: ['vector', 'squeeze'] }),
    conv('mask', { filters: 1, kernel: 1, activation: 'sigmoid', inputs: ['stem'] }),
    multiply('masked', { inputs: ['mask', 'scaled', 'vector'] }),
    ...(['mean', 'max', 'sum', 'l2'] as const).flatMap((mode) => [
      channelPool(`${mode}-of-pixel`, { mode, inputs: ['scaled'] }),
      channelPool(`${mode}-of-vector`, { mode, inputs: ['vector'] }),
    ]),
    subtract('less', { inputs: ['mask', 'scaled'] }),
    divide('share', { inputs: ['scaled', 'mask'] }),
    maximum('larger', { inputs: ['scaled', 'mask'] }),
    minimum('smaller', { inputs: ['mask', 'scaled', 'number'] }),
    add('raised', { inputs: ['mask', 'number', 'scaled'] }),
  ],
})

/** One row, one column, one channel. */
const narrow = defineNetwork('narrow', {
  inputs: { images: [1, 7, 1] },
  layers: [
    batchNorm('norm'),
    averagePool('average', {
      kernel: [2, 3],
      stride: 2,
      padding: [0, 1, 1, 0],
      ceilMode: true,
      inputs: ['norm'],
    }),
    averagePool('counting', {
      kernel: [1, 3],
      stride: [1, 3],
      padding: [0, 0, 1, 0],
      ceilMode: true,
      countPadding: true,
      inputs: ['norm'],
    }),
    maxPool('maximum', { kernel: [1, 4], stride: 3, ceilMode: true, inputs: ['norm'] }),
    maxPool('apart', { kernel: [1, 3], dilation: [5, 2], padding: [0, 0, 1, 2], inputs: ['norm'] }),
    concat('joined', { inputs: ['maximum', 'maximum'] }),
    conv('dilated', { filters: 2, kernel: [1, 3], dilation: [5, 3], biases: false, inputs: ['norm'] }),
    softmax('of-one', { inputs: ['norm'] }),
    globalMaxPool('pixel', { inputs: ['dilated'] }),
  ],
})

/** One number an image. */
const numbers = defineNetwork('numbers', {
  inputs: { numbers: [] },
  layers: [
    batchNorm('norm'),
    add('sum', { inputs: ['norm', 'numbers'] }),
    tanh('norm-tanh', { inputs: ['norm'] }),
    lrn('lrn', { radius: 1, alpha: 0.1, inputs: ['numbers'] }),
    dense('features', { units: 3, biases: false, inputs: ['norm'] }),
  ],
})

const LIGHT = [
  'squeezenet',
  'mobilenet-v2',
  'mobilenet-v3-large',
  'efficientnet-b0',
  'shufflenet-v2',
  'convnext-tiny',
] as const

const networks: readonly Network[] = [
  alexnet(),
  alexnetFull({ imageSize: 131 }),
  odd,
  moved,
  poolings,
  blocks,
  activations,
  decoder,
  broadcasts,
  narrow,
  numbers,
  ...LIGHT.map((name) => networkNamed(name, { imageSize: 45, classes: 13 })),
]

function madeOf(network: Network) {
  const inputs = initializeImages(network, BATCH, { seed: 7 })
  delete inputs.labels
  const hasLrn = network.layers.some(({ layer }) => layer.kind === 'lrn')
  const scaled = Object.entries(inputs).map(([name, values]) => [
    name,
    values.map((value) => value * (hasLrn ? LRN_SCALE : SCALE)),
  ])
  return { parameters: differentParameters(network), inputs: Object.fromEntries(scaled) as typeof inputs }
}

/** Those that begin with one value for all, and might go to each other's places unseen, are drawn too. */
function differentParameters(network: Network): Record<string, Float32Array> {
  const parameters = initialize(network, { seed: 7 })
  for (const [tensor, { role, initial = 0 }] of Object.entries(parametersOf(network))) {
    const values = parameters[tensor]!
    const isPositive = role === 'scale' || initial > 0
    if (isPositive) {
      uniform(values, { seed: 7, tensor })
      // Not near 0, since a small variance enlarges rounding errors
      values.forEach((value, i) => {
        values[i] = 0.5 + value
      })
    } else if (role !== 'weights') normal(values, { seed: 7, tensor })
  }
  return parameters
}

/** What the plain loops make of the inputs, by output. */
function plainOutputs(network: Network): Readonly<Record<string, Float32Array>> {
  const { parameters, inputs } = madeOf(network)
  const tensors = runPlainly(network, BATCH, inputs, parameters, 'forward')
  return Object.fromEntries(outputsOf(network).map((name) => [name, Float32Array.from(tensors[name]!)]))
}

/** (N, H, W, C) to (N, C, H, W), or back. */
function transposed(values: Float32Array, [height, width, channels]: readonly number[], toNchw: boolean) {
  const result = new Float32Array(values.length)
  const imageLength = height! * width! * channels!
  for (let i = 0; i < values.length; i++) {
    const [image, within] = [i - (i % imageLength), i % imageLength]
    const [pixel, channel] = [Math.floor(within / channels!), within % channels!]
    const nchw = image + channel * height! * width! + pixel
    if (toNchw) result[nchw] = values[i]!
    else result[i] = values[nchw]!
  }
  return result
}

const norm = (values: Float32Array) => Math.sqrt(values.reduce((sum, value) => sum + value ** 2, 0))

describe.skipIf(!hasOnnxRuntime)('ONNX Runtime (skipped without peers)', () => {
  const ways: readonly OnnxOptions[] = [
    { layout: 'NHWC' },
    { layout: 'NHWC', batch: BATCH },
    { layout: 'NCHW', batch: BATCH },
  ]

  describe.each(networks.map((network) => [network.name, network] as const))('%s', (_name, network) => {
    it('gives the same outputs, in either layout, for any batch or one', async () => {
      const ort = onnxRuntime()
      const { parameters, inputs } = madeOf(network)
      const truths = plainOutputs(network)
      for (const options of ways) {
        const isNchw = options.layout === 'NCHW'
        const runtime = await ort.InferenceSession.create(onnxModel(network, parameters, options))
        expect(runtime.inputNames).toEqual(Object.keys(inputs))
        expect(runtime.outputNames).toEqual(outputsOf(network))
        const feeds = Object.entries(inputs).map(([name, images]) => {
          const shape = network.inputs[name]!
          if (shape.length !== 3) return [name, new ort.Tensor('float32', images, [BATCH, ...shape])] as const
          const [height, width, channels] = shape
          const dims = isNchw ? [BATCH, channels!, height!, width!] : [BATCH, height!, width!, channels!]
          const values = isNchw ? transposed(images, shape, true) : images
          return [name, new ort.Tensor('float32', values, dims)] as const
        })
        const outputs = await runtime.run(Object.fromEntries(feeds))
        for (const [name, truth] of Object.entries(truths)) {
          const shape = shapeOf(network, name)
          const { data } = outputs[name]!
          const found = isNchw && shape.length === 3 ? transposed(data, shape, false) : data
          expect(found).toHaveLength(truth.length)
          const error = norm(found.map((value, i) => value - truth[i]!)) / norm(truth)
          expect(error, `${name} with ${JSON.stringify(options)}`).toBeLessThan(MAX_RELATIVE_ERROR)
        }
      }
    })
  })
})

const PYTHON = '/usr/bin/python3'
const hasChecker = spawnSync(PYTHON, ['-c', 'import onnx']).status === 0

describe.skipIf(!hasChecker)("ONNX's checker (skipped without python3-onnx)", () => {
  const folder = mkdtempSync(join(tmpdir(), 'convmark-onnx-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  it.each(
    networks.flatMap((network) =>
      (['NHWC', 'NCHW'] as const).map((layout) => [network.name, layout, network] as const),
    ),
  )('finds nothing in %s, %s, and infers the shapes that it says', (name, layout, network) => {
    const file = join(folder, `${name}.onnx`)
    writeFileSync(file, onnxModel(network, initialize(network, { seed: 7 }), { layout }))
    const check = 'import onnx, sys; onnx.checker.check_model(onnx.load(sys.argv[1]), full_check=True)'
    execFileSync(PYTHON, ['-c', check, file], { stdio: ['ignore', 'ignore', 'pipe'] })
  })
})
