// Bugs that were reported to other projects, as small networks whose right values are known without computing them.
import {
  add,
  conv,
  convTranspose,
  dense,
  groupNorm,
  hardSigmoid,
  hardSwish,
  instanceNorm,
  type Layer,
  l2Loss,
  layerNorm,
  maxPool,
  multiply,
  prelu,
  type ResizeOptions,
  relu6,
  resize,
  scale,
  softmaxLoss,
  softplus,
} from '../../src/layers/index.ts'
import { defineNetwork, type Network } from '../../src/networks/network.ts'

type Values = readonly number[]

export interface Report {
  /** Where it was reported. */
  readonly from: string
  readonly what: string
  readonly network: Network
  /** 1 by default. */
  readonly batch?: number
  readonly inputs: Readonly<Record<string, Values>>
  readonly parameters?: Readonly<Record<string, Values>>
  readonly expected: Readonly<Record<string, Values>>
}

const of = (shape: readonly [number, number, number], ...layers: readonly Layer[]): Network =>
  defineNetwork('reported', { inputs: { images: shape }, layers: [...layers, l2Loss('loss')] })

/**
 * Layers after a layer `x` that multiplies the images by 1: the gradient of its scale is the sum of images times their
 * gradient.
 */
const after = (shape: readonly [number, number, number], ...layers: readonly Layer[]): Network =>
  of(shape, scale('x', { shift: false }), ...layers)

const repeated = (count: number, values: Values): number[] =>
  Array.from({ length: count }, () => values).flat()

/** The normalized values of v, v + 1, v + 2 and v + 3, with epsilon 1e-5. */
const NORMALIZED = [-1.5, -0.5, 0.5, 1.5].map((value) => value / Math.sqrt(1.25 + 1e-5))
const MEANS = [2000, 40_000, 80_000, 1e6]

/** An image of 20 x 20 pixels whose channels, in groups of two, are alternately a little above and below a mean. */
const about = (mean: number, distance: number): number[] =>
  Array.from({ length: 400 }, (_, i) =>
    [1, -1, -1, 1].map((sign) => mean + (i % 2 ? sign : -sign) * distance),
  ).flat()
const distant = (distance: number): number[] => about(0, distance / Math.sqrt(distance ** 2 + 1e-5))

/** Resizes a row of pixels whose values are their places, so that the outputs show which pixels are taken. */
const taken = (
  from: string,
  what: string,
  pixels: number,
  options: Partial<ResizeOptions>,
  expected: Values,
): Report => ({
  from,
  what: `resize: ${what}`,
  network: of([1, pixels, 1], resize('a', options)),
  inputs: { images: Array.from({ length: pixels }, (_, i) => i) },
  expected: { a: expected },
})
const halfPixelFloor = (scaled: number, expected: Values) =>
  taken(
    'iree-org/iree#24264',
    `half pixels, rounded down, ${scaled} times as wide`,
    4,
    { scale: [1, scaled], rounding: 'floor' },
    expected,
  )
const of26 = (add: number) => Array.from({ length: 64 }, (_, i) => Math.floor(((i + add) * 26) / 64))

export const REPORTS: readonly Report[] = [
  {
    from: 'pytorch/pytorch#51102, microsoft/onnxruntime#28463, apache/tvm#19592',
    what: 'layer norm: a mean that is large beside the deviation',
    network: of([1, 4, 4], layerNorm('a')),
    inputs: { images: MEANS.flatMap((mean) => [mean, mean + 1, mean + 2, mean + 3]) },
    parameters: { 'a/scale': [1, 1, 1, 1], 'a/shift': [0, 0, 0, 0] },
    expected: { a: repeated(4, NORMALIZED), 'a/scale.gradient': NORMALIZED.map((value) => 4 * value ** 2) },
  },
  {
    from: 'pytorch/pytorch#40302',
    what: 'group norm: a mean that is large beside the deviation',
    network: of([20, 20, 4], groupNorm('a', { groups: 2 })),
    batch: 2,
    inputs: { images: [...about(1e4, 1 / 64), ...about(1e6, 1)] },
    parameters: { 'a/scale': [1, 1, 1, 1], 'a/shift': [0, 0, 0, 0] },
    expected: { a: [...distant(1 / 64), ...distant(1)] },
  },
  {
    from: 'pytorch/pytorch#40302',
    what: 'instance norm: a mean that is large beside the deviation',
    network: of([20, 20, 4], instanceNorm('a')),
    batch: 2,
    inputs: { images: [...about(1e4, 1 / 64), ...about(1e6, 1)] },
    parameters: { 'a/scale': [1, 1, 1, 1], 'a/shift': [0, 0, 0, 0] },
    expected: { a: [...distant(1 / 64), ...distant(1)] },
  },
  ...[1, 2].map(
    (batch): Report => ({
      from: 'pytorch/pytorch#45687, pytorch/pytorch#19250',
      what: `instance norm: an image of one pixel is the shift, in a batch of ${batch}`,
      network: after([1, 1, 3], instanceNorm('a')),
      batch,
      inputs: { images: repeated(batch, [3.3, 1e6, -1e-3]) },
      parameters: { 'x/scale': [1, 1, 1], 'a/scale': [2, 3, 4], 'a/shift': [5, -6, 7] },
      expected: {
        a: repeated(batch, [5, -6, 7]),
        'a/scale.gradient': [0, 0, 0],
        'a/shift.gradient': [5, -6, 7].map((value) => batch * value),
        'x/scale.gradient': [0, 0, 0],
      },
    }),
  ),
  {
    from: 'pytorch/pytorch#19912',
    what: 'conv in groups: 4 channels to 16 in 2 groups, of one pixel',
    network: of([1, 1, 4], conv('a', { filters: 16, kernel: 1, groups: 2, biases: false })),
    inputs: { images: [0, 0, 0, 1] },
    parameters: { 'a/weights': repeated(32, [1]) },
    expected: {
      a: [...repeated(8, [0]), ...repeated(8, [1])],
      'a/weights.gradient': [...repeated(24, [0]), ...repeated(8, [1])],
    },
  },
  {
    from: 'Tencent/ncnn#315',
    what: 'depthwise conv: a dilation of 2',
    network: of([5, 5, 4], conv('a', { filters: 4, kernel: 3, groups: 4, dilation: 2, padding: 2 })),
    inputs: { images: repeated(100, [1]) },
    parameters: { 'a/weights': repeated(36, [1 / 9]), 'a/biases': repeated(4, [1]) },
    expected: {
      a: [2, 2, 3, 2, 2].flatMap((rows) =>
        [2, 2, 3, 2, 2].flatMap((columns) => repeated(4, [1 + (rows * columns) / 9])),
      ),
    },
  },
  {
    from: 'onnx/onnx-tensorflow#306',
    what: 'depthwise conv: the filters of a channel are side by side',
    network: of([1, 1, 3], conv('a', { filters: 6, kernel: 1, groups: 3, biases: false })),
    inputs: { images: [1, 10, 100] },
    parameters: { 'a/weights': [1, 2, 3, 4, 5, 6] },
    expected: { a: [1, 2, 30, 40, 500, 600], 'a/weights.gradient': [1, 2, 300, 400, 50_000, 60_000] },
  },
  {
    from: 'tensorflow/tensorflow#57128, keras-team/keras#16930',
    what: 'depthwise conv: a stride together with a dilation',
    network: of(
      [1, 9, 1],
      conv('a', { filters: 2, kernel: [1, 3], groups: 1, stride: [1, 2], dilation: [1, 3] }),
    ),
    inputs: { images: [1, 2, 3, 4, 5, 6, 7, 8, 9] },
    parameters: { 'a/weights': [1, 0, 10, 0, 100, 1], 'a/biases': [0, 0] },
    expected: { a: [741, 7, 963, 9] },
  },
  {
    from: 'robertknight/rten#1399',
    what: "conv-transpose: 'same' cuts each axis by its own kernel",
    network: of(
      [2, 2, 1],
      convTranspose('a', { filters: 1, kernel: [2, 3], stride: [1, 2], padding: 'same', biases: false }),
    ),
    inputs: { images: [1, 10, 2, 20] },
    parameters: { 'a/weights': [1, 2, 3, 4, 8, 12] },
    expected: { a: [1, 2, 13, 20, 6, 12, 78, 120] },
  },
  {
    from: 'Tencent/ncnn#1122, pytorch/pytorch#98129, llvm/torch-mlir#2026',
    what: 'conv-transpose: pixels of the output padding have the biases, and add nothing to the gradient of the weights',
    network: of([1, 1, 1], convTranspose('a', { filters: 1, kernel: 1, stride: 2, outputPadding: 1 })),
    inputs: { images: [5] },
    parameters: { 'a/weights': [2], 'a/biases': [3] },
    expected: { a: [13, 3, 3, 3], 'a/weights.gradient': [65], 'a/biases.gradient': [22] },
  },
  {
    from: 'Samsung/TICO#420',
    what: 'conv-transpose: the padding is cut from the output',
    network: of(
      [1, 2, 1],
      convTranspose('a', { filters: 1, kernel: [1, 3], stride: [1, 2], padding: [0, 1], biases: false }),
    ),
    inputs: { images: [1, 10] },
    parameters: { 'a/weights': [1, 2, 3] },
    expected: { a: [2, 13, 20] },
  },
  {
    from: 'apache/tvm#2465, deeplearning4j/nd4j#2424, tenstorrent/tt-metal#40008',
    what: 'add and multiply: gradients of inputs that are broadcast, or read twice, are summed',
    network: of(
      [1, 2, 2],
      dense('number', { units: 1 }),
      dense('pixel', { units: 2, inputs: ['images'] }),
      multiply('product', { inputs: ['images', 'number', 'number'] }),
      add('sum', { inputs: ['product', 'pixel', 'pixel'] }),
    ),
    inputs: { images: [1, 2, 3, 4] },
    parameters: {
      'number/weights': [0, 0, 0, 0],
      'number/biases': [2],
      'pixel/weights': repeated(8, [0]),
      'pixel/biases': [10, -10],
    },
    // The sums are 24, -12, 32, -4, and so are their gradients. That of n is the sum of these times 2 * n * x, and that of a
    // pixel's channel twice the sum of the channel's.
    expected: {
      sum: [24, -12, 32, -4],
      'number/biases.gradient': [4 * (24 - 24 + 96 - 16)],
      'pixel/biases.gradient': [112, -32],
    },
  },
  {
    from: 'BobMcDear/attorch#16, pytorch/pytorch#147801, tenstorrent/tt-metal#55291',
    what: 'hard swish, hard sigmoid and relu6: the gradient at the bounds',
    network: after(
      [1, 1, 5],
      hardSwish('swish', { inputs: ['x'] }),
      hardSigmoid('sigmoid', { inputs: ['x'] }),
      relu6('six', { inputs: ['x'] }),
      add('a', { inputs: ['swish', 'sigmoid', 'six', 'x'] }),
    ),
    inputs: { images: [-3, 3, -2, 2, 6] },
    parameters: { 'x/scale': [1, 1, 1, 1, 1] },
    // The sums are -3, 10, -2 - 1/3 + 1/6, 2 + 5/3 + 5/6 + 2 and 19; their derivatives 1, 1 + 1 + 1, 1 - 1/6 + 1/6, ... and 2
    expected: {
      a: [-3, 10, -2 - 1 / 6, 6.5, 19],
      'x/scale.gradient': [9, 90, (2 + 1 / 6) * 2, 6.5 * (1 + 7 / 6 + 1 / 6 + 1) * 2, 19 * 2 * 6],
    },
  },
  {
    from: 'tracel-ai/burn#5373, tenstorrent/tt-metal#56397',
    what: 'softplus: large inputs and their gradients pass unchanged',
    network: after([1, 1, 4], softplus('a')),
    inputs: { images: [50, 90, 1000, 1e18] },
    parameters: { 'x/scale': [1, 1, 1, 1] },
    expected: { a: [50, 90, 1000, 1e18], 'x/scale.gradient': [2500, 8100, 1e6, 1e36] },
  },
  {
    from: 'microsoft/onnxruntime#28489, tensorflow/tensorflow#63823, openvinotoolkit/openvino#37929',
    what: 'prelu: infinities and NaN, and an infinite slope that no value is multiplied by',
    network: of([1, 1, 5], prelu('a')),
    inputs: { images: [Infinity, -Infinity, 1.25, Number.NaN, -2] },
    parameters: { 'a/slope': [0.25, 0.5, Infinity, 0.25, 0.25] },
    expected: { a: [Infinity, -Infinity, 1.25, Number.NaN, -0.5] },
  },
  {
    from: 'PaddlePaddle/Paddle#12538, alibaba/heterogeneity-aware-lowering-and-optimization#163',
    what: 'prelu: a negative slope, whose outputs are positive',
    network: after([1, 1, 2], prelu('a')),
    inputs: { images: [-2, 2] },
    parameters: { 'x/scale': [1, 1], 'a/slope': [-0.5, -0.5] },
    expected: { a: [1, 2], 'a/slope.gradient': [-2, 0], 'x/scale.gradient': [1, 4] },
  },
  // The positions 4.5 and 14.5 are between two pixels.
  taken(
    'microsoft/onnxruntime#28291, onnx/onnx#7841',
    'half pixels, rounded up, 20 pixels in 6',
    20,
    { size: [1, 6], rounding: 'round_prefer_ceil' },
    [1, 5, 8, 11, 15, 18],
  ),
  // The next two differ by half a pixel, which is what the reports are about.
  taken(
    'microsoft/onnxruntime#28085, microsoft/onnxruntime#28310',
    'half pixels, rounded up, 26 pixels in 64',
    26,
    { scale: [1, 64 / 26], rounding: 'round_prefer_ceil' },
    of26(0.5),
  ),
  taken(
    'microsoft/onnxruntime#28085, microsoft/onnxruntime#28310',
    'asymmetric, rounded down, 26 pixels in 64',
    26,
    { scale: [1, 64 / 26], coordinates: 'asymmetric', rounding: 'floor' },
    of26(0),
  ),
  halfPixelFloor(2, [0, 0, 0, 1, 1, 2, 2, 3]),
  halfPixelFloor(1.5, [0, 0, 1, 1, 2, 3]),
  halfPixelFloor(3, [0, 0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3]),
  ...(
    [
      [undefined, 0, [0, 0]],
      [0.1, Infinity, [-0.05, 0.05]],
    ] as const
  ).map(
    ([labelSmoothing, loss, gradient]): Report => ({
      from: 'google-deepmind/optax#896, facebookresearch/pytext#1698',
      what: `softmax loss${labelSmoothing ? ' with label smoothing' : ''}: a logit of -Infinity that is not the label's`,
      network: defineNetwork('reported', {
        inputs: { images: [1, 1, 2], others: [1, 1, 2], labels: [] },
        layers: [
          conv('zero', { filters: 2, kernel: 1, inputs: ['others'] }),
          maxPool('given', { kernel: 1, inputs: ['images'] }),
          add('logits', { inputs: ['given', 'zero'] }),
          softmaxLoss('loss', { inputs: ['logits', 'labels'], labelSmoothing }),
        ],
      }),
      inputs: { images: [-Infinity, 0], others: [0, 0], labels: [1] },
      parameters: { 'zero/weights': [0, 0, 0, 0], 'zero/biases': [0, 0] },
      expected: { loss: [loss], 'zero/biases.gradient': gradient },
    }),
  ),
  {
    from: 'yonghenglh6/DepthwiseConvolution#20',
    what: 'depthwise conv: the gradient of its input with a stride of 2',
    network: after(
      [1, 5, 2],
      conv('a', { filters: 2, kernel: [1, 3], groups: 2, stride: [1, 2], biases: false }),
    ),
    inputs: { images: [1, 1, 0, 0, 0, 0, 0, 0, 0, 1] },
    parameters: { 'x/scale': [1, 1], 'a/weights': [1, 4, 2, 5, 3, 6] },
    // The first output has the first pixel's channels times weights 1 and 4, the second the last pixel's second channel times 6.
    expected: {
      a: [1, 4, 0, 6],
      'a/weights.gradient': [1, 4, 0, 0, 0, 6],
      'x/scale.gradient': [1, 4 * 4 + 6 * 6],
    },
  },
]
