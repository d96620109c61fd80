// Operators with attributes that exporters seldom write or leave out, and those that came after opset 17, where ONNX's
// own cases that Debian has end: graphs made by hand, imported, and compared with what ONNX Runtime computes.
import { describe, expect, it } from 'vitest'
import type { OnnxNode, OnnxTensor } from '../../src/formats/onnx/graph.ts'
import { normal } from '../../src/random.ts'
import { elementCount } from '../../src/tensor.ts'
import { importedOutput } from '../support/imported.ts'
import { floatAttribute, indices, modelOf, numbers, op, weights } from '../support/onnx-graphs.ts'
import { hasOnnxRuntime, onnxRuntime } from '../support/onnx-runtime.ts'

interface Case {
  readonly name: string
  readonly nodes: readonly OnnxNode[]
  readonly constants?: readonly OnnxTensor[]
  /** Of the input x. */
  readonly dims?: readonly number[]
  readonly opset?: number
  /** It can't be imported, and the error says why. */
  readonly refused?: RegExp
}

const IMAGES = [2, 6, 7, 8]
const BATCH = 2
const DEFAULT_OPSET = 17

/** One node that reads x and perhaps constants. */
const single = (
  name: string,
  node: OnnxNode,
  { constants = [], ...others }: Omit<Case, 'name' | 'nodes'> = {},
): Case => ({ name, nodes: [node], constants, ...others })

const convolutions: readonly Case[] = [
  single('Conv with nothing but weights', op('Conv', 'x w -> y'), {
    constants: [weights('w', [4, 6, 3, 2])],
  }),
  single('Conv with groups and biases', op('Conv', 'x w b -> y', { group: 3, pads: [1, 0, 2, 1] }), {
    constants: [weights('w', [6, 2, 3, 3]), weights('b', [6])],
  }),
  single('Conv with a multiplier', op('Conv', 'x w -> y', { group: 6, strides: [2, 1] }), {
    constants: [weights('w', [12, 1, 3, 3])],
  }),
  ...(['SAME_UPPER', 'SAME_LOWER', 'VALID'] as const).flatMap((auto) => [
    single(`Conv, ${auto}, strides of 2`, op('Conv', 'x w -> y', { auto_pad: auto, strides: [2, 2] }), {
      constants: [weights('w', [4, 6, 3, 4])],
    }),
    single(`MaxPool, ${auto}`, op('MaxPool', 'x -> y', { auto_pad: auto, kernel_shape: [2, 3] })),
    single(
      `AveragePool, ${auto}`,
      op('AveragePool', 'x -> y', { auto_pad: auto, kernel_shape: [4, 3], strides: [2, 2] }),
    ),
  ]),
  single('Conv with dilations', op('Conv', 'x w -> y', { dilations: [2, 3], pads: [2, 3, 2, 3] }), {
    constants: [weights('w', [4, 6, 3, 3])],
  }),
  single('Conv over a signal', op('Conv', 'x w -> y', { strides: [2], pads: [0, 1] }), {
    dims: [2, 6, 9],
    constants: [weights('w', [4, 6, 3])],
  }),
  {
    name: 'Conv with weights in a Constant, through Identity',
    nodes: [
      op('Constant', '-> c', { value: { t: weights('', [4, 6, 1, 1]), type: 4 } }),
      op('Identity', 'c -> w'),
      op('Conv', 'x w -> y'),
    ],
  },
  single('ConvTranspose with nothing but weights', op('ConvTranspose', 'x w -> y'), {
    constants: [weights('w', [6, 4, 3, 2])],
  }),
  single(
    'ConvTranspose with output_padding',
    op('ConvTranspose', 'x w b -> y', { strides: [2, 3], output_padding: [1, 2], pads: [1, 0, 0, 1] }),
    { constants: [weights('w', [6, 4, 3, 3]), weights('b', [4])] },
  ),
  ...(['SAME_UPPER', 'SAME_LOWER'] as const).map((auto) =>
    single(`ConvTranspose, ${auto}`, op('ConvTranspose', 'x w -> y', { auto_pad: auto, strides: [2, 2] }), {
      constants: [weights('w', [6, 4, 3, 3])],
    }),
  ),
  single(
    'ConvTranspose with output_shape',
    op('ConvTranspose', 'x w -> y', { output_shape: [15, 16], strides: [2, 2] }),
    { constants: [weights('w', [6, 4, 3, 3])] },
  ),
  single('ConvTranspose with groups', op('ConvTranspose', 'x w -> y', { group: 3, strides: [2, 2] }), {
    constants: [weights('w', [6, 2, 3, 3])],
  }),
]

const poolings: readonly Case[] = [
  single(
    'MaxPool, ceil_mode and pads',
    op('MaxPool', 'x -> y', { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 0, 1], ceil_mode: 1 }),
  ),
  single('MaxPool with dilations', op('MaxPool', 'x -> y', { kernel_shape: [2, 2], dilations: [2, 3] })),
  single('MaxPool over a signal', op('MaxPool', 'x -> y', { kernel_shape: [3], strides: [2] }), {
    dims: [2, 6, 9],
  }),
  ...[0, 1].flatMap((counted) => [
    single(
      `AveragePool, count_include_pad ${counted}`,
      op('AveragePool', 'x -> y', {
        kernel_shape: [3, 3],
        strides: [2, 2],
        pads: [1, 1, 1, 1],
        count_include_pad: counted,
      }),
      { opset: 7 },
    ),
    single(
      `AveragePool, ceil_mode, count_include_pad ${counted}`,
      op('AveragePool', 'x -> y', {
        kernel_shape: [3, 2],
        strides: [2, 3],
        pads: [1, 1, 1, 0],
        ceil_mode: 1,
        count_include_pad: counted,
      }),
      { opset: 19 },
    ),
  ]),
  single('GlobalAveragePool', op('GlobalAveragePool', 'x -> y')),
  single('GlobalMaxPool', op('GlobalMaxPool', 'x -> y')),
]

const channelConstants = (...names: readonly string[]) => names.map((name) => weights(name, [6]))

const norms: readonly Case[] = [
  {
    name: 'BatchNormalization, epsilon, opset 7',
    nodes: [
      op('Abs', 'v -> variance'),
      op('BatchNormalization', 'x s b m variance -> y', { epsilon: floatAttribute(0.01) }),
    ],
    constants: channelConstants('s', 'b', 'm', 'v'),
    opset: 7,
  },
  {
    name: 'BatchNormalization, opset 15, of vectors',
    nodes: [op('Abs', 'v -> variance'), op('BatchNormalization', 'x s b m variance -> y')],
    constants: channelConstants('s', 'b', 'm', 'v'),
    dims: [2, 6],
    opset: 15,
  },
  single(
    'InstanceNormalization',
    op('InstanceNormalization', 'x s b -> y', { epsilon: floatAttribute(0.1) }),
    {
      constants: channelConstants('s', 'b'),
    },
  ),
  single(
    'GroupNormalization, opset 18, of groups',
    op('GroupNormalization', 'x s b -> y', { num_groups: 3 }),
    {
      constants: [weights('s', [3]), weights('b', [3])],
      opset: 18,
    },
  ),
  single(
    'GroupNormalization, opset 21, of channels',
    op('GroupNormalization', 'x s b -> y', { num_groups: 2, epsilon: floatAttribute(0.05) }),
    { constants: channelConstants('s', 'b'), opset: 21 },
  ),
  single(
    'GroupNormalization, opset 21, as many groups as channels',
    op('GroupNormalization', 'x s b -> y', { num_groups: 6 }),
    { constants: channelConstants('s', 'b'), opset: 21 },
  ),
  single('LayerNormalization without a shift', op('LayerNormalization', 'x s -> y', { axis: -1 }), {
    constants: [weights('s', [6])],
    dims: [2, 6],
  }),
  {
    name: 'LayerNormalization over the channels of pixels',
    nodes: [
      op('Transpose', 'x -> last', { perm: [0, 2, 3, 1] }),
      op('LayerNormalization', 'last s b -> n', { epsilon: floatAttribute(1e-3) }),
      op('Transpose', 'n -> y', { perm: [0, 3, 1, 2] }),
    ],
    constants: channelConstants('s', 'b'),
  },
  // ONNX Runtime has none of even size.
  ...[1, 3, 21].map((size) =>
    single(
      `LRN of the size ${size}`,
      op('LRN', 'x -> y', { size, alpha: floatAttribute(0.9), bias: floatAttribute(2) }),
    ),
  ),
]

const alpha = (value: number) => ({ alpha: floatAttribute(value) })

const activations: readonly Case[] = [
  ...['Relu', 'Sigmoid', 'Softplus', 'Tanh', 'LeakyRelu', 'Elu', 'HardSigmoid', 'HardSwish'].map((operator) =>
    single(`${operator}, defaults`, op(operator, 'x -> y')),
  ),
  single('LeakyRelu', op('LeakyRelu', 'x -> y', alpha(0.3))),
  single('LeakyRelu below 0', op('LeakyRelu', 'x -> y', alpha(-0.3))),
  single('Elu', op('Elu', 'x -> y', alpha(0.7))),
  single('HardSigmoid', op('HardSigmoid', 'x -> y', { ...alpha(0.3), beta: floatAttribute(0.4) })),
  single('Mish, opset 18', op('Mish', 'x -> y'), { opset: 18 }),
  single('Gelu, opset 20', op('Gelu', 'x -> y'), { opset: 20 }),
  single('Gelu by tanh, opset 20', op('Gelu', 'x -> y', { approximate: 'tanh' }), { opset: 20 }),
  single('PRelu of channels', op('PRelu', 'x slope -> y'), { constants: [weights('slope', [6, 1, 1])] }),
  ...[0.3, -0.3].map((slope) =>
    single(`PRelu of one slope, ${slope}`, op('PRelu', 'x slope -> y'), {
      constants: [numbers('slope', [slope])],
    }),
  ),
  single(
    'Clip by attributes, opset 6',
    op('Clip', 'x -> y', { min: floatAttribute(-0.5), max: floatAttribute(0.25) }),
    {
      opset: 6,
    },
  ),
  single('Clip by inputs', op('Clip', 'x least most -> y'), {
    constants: [numbers('least', [-0.5], []), numbers('most', [0.25], [])],
    opset: 12,
  }),
  single('Clip by a maximum alone', op('Clip', 'x _ most -> y'), {
    constants: [numbers('most', [0.25], [])],
  }),
  single('Clip by a minimum alone', op('Clip', 'x least -> y'), {
    constants: [numbers('least', [0.25], [])],
  }),
  single('Softmax, opset 11, of vectors', op('Softmax', 'x -> y'), { dims: [2, 6], opset: 11 }),
  single('Softmax, opset 13, of vectors', op('Softmax', 'x -> y'), { dims: [2, 6], opset: 13 }),
  single('Softmax, opset 13, over the channels', op('Softmax', 'x -> y', { axis: -3 }), { opset: 13 }),
  single('Softmax, opset 11, over all values of an image', op('Softmax', 'x -> y'), { opset: 11 }),
  single('Softmax, opset 13, over the columns', op('Softmax', 'x -> y'), { opset: 13 }),
]

const vectors = { dims: [2, 6] }

const products: readonly Case[] = [
  single('Gemm without C', op('Gemm', 'x b -> y', { transB: 1, ...alpha(0.5) }), {
    ...vectors,
    constants: [weights('b', [5, 6])],
  }),
  single('Gemm, beta and C of one row', op('Gemm', 'x b c -> y', { beta: floatAttribute(-2) }), {
    ...vectors,
    constants: [weights('b', [6, 5]), weights('c', [1, 5])],
  }),
  single('Gemm, C of one number', op('Gemm', 'x b c -> y', { transA: 0, transB: 0 }), {
    ...vectors,
    constants: [weights('b', [6, 5]), numbers('c', [1.5], [])],
  }),
  single('Gemm with transA', op('Gemm', 'x b -> y', { transA: 1 }), {
    ...vectors,
    constants: [weights('b', [2, 5])],
    refused: /it transposes its first input/,
  }),
  single('MatMul', op('MatMul', 'x b -> y'), { ...vectors, constants: [weights('b', [6, 5])] }),
  {
    name: 'MatMul of pixels, and biases',
    nodes: [
      op('Transpose', 'x -> last', { perm: [0, 2, 3, 1] }),
      op('MatMul', 'last w -> product'),
      op('Add', 'b product -> sum'),
      op('Transpose', 'sum -> y', { perm: [0, 3, 1, 2] }),
    ],
    constants: [weights('w', [6, 5]), weights('b', [5])],
  },
  {
    name: 'Gemm after Flatten with a negative axis',
    nodes: [op('Flatten', 'x -> flat', { axis: -3 }), op('Gemm', 'flat b -> y')],
    constants: [weights('b', [6 * 7 * 8, 3])],
  },
]

const CONSTANTS: Readonly<Record<string, readonly number[]>> = {
  'for channels': [6, 1, 1],
  'for channels, of rank 4': [1, 6, 1, 1],
  'that is one number': [],
  'for pixels': [7, 8],
  'for pixels, of rank 4': [1, 1, 7, 8],
  'for values': [1, 6, 7, 8],
  'for values, of rank 3': [6, 7, 8],
  'for rows': [7, 1],
  'for columns': [8],
  'for columns of channels': [1, 6, 1, 8],
}

const arithmetic: readonly Case[] = [
  ...['Add', 'Sub', 'Mul', 'Div', 'Max', 'Min'].flatMap((operator) =>
    Object.entries(CONSTANTS).flatMap(([title, dims]) =>
      ['x c', 'c x'].map((inputs) =>
        single(`${operator} of ${inputs}, a constant ${title}`, op(operator, `${inputs} -> y`), {
          constants: [weights('c', dims)],
        }),
      ),
    ),
  ),
  ...[
    { title: 'pixels of vectors', dims: [2, 5, 1, 1], constant: [1, 1, 3, 4] },
    { title: 'channels of one channel', dims: [2, 1, 3, 4], constant: [5, 1, 1] },
    { title: 'values of rows of signals', dims: [2, 5, 9], constant: [1, 5, 9] },
    { title: 'places of signals', dims: [2, 5, 9], constant: [9] },
    { title: 'many channels of one', dims: [2, 1, 3], constant: [70, 1] },
  ].flatMap(({ title, dims, constant }) =>
    ['Add', 'Mul'].map((operator) =>
      single(`${operator} of a constant for ${title}`, op(operator, 'x c -> y'), {
        dims,
        constants: [weights('c', constant)],
      }),
    ),
  ),
  {
    name: 'embeddings of the positions of patches',
    nodes: [
      op('Conv', 'x w -> patches', { strides: [2, 2] }),
      op('Reshape', 'patches shape -> rows'),
      op('Transpose', 'rows -> tokens', { perm: [0, 2, 1] }),
      op('Add', 'tokens positions -> y'),
    ],
    constants: [weights('w', [5, 6, 1, 1]), indices('shape', [0, 5, -1]), weights('positions', [1, 16, 5])],
  },
  single('Sum of a value and constants', op('Sum', 'c x d e -> y'), {
    constants: [weights('c', [6, 1, 1]), weights('d', []), weights('e', [7, 8])],
  }),
  {
    name: 'Sum of values and constants',
    nodes: [op('Relu', 'x -> a'), op('Sum', 'c x d a -> y')],
    constants: [weights('c', [6, 1, 1]), weights('d', [1, 6, 7, 8])],
  },
  ...['Max', 'Min'].map((operator) => ({
    name: `${operator} of values, numbers and constants`,
    nodes: [op('Relu', 'x -> a'), op(operator, 'c x two a d -> y')],
    constants: [weights('c', [6, 1, 1]), numbers('two', [0.2], []), weights('d', [1, 1, 7, 8])],
  })),
  single('Max of a vector and numbers for its channels', op('Max', 'x c -> y'), {
    dims: [2, 9],
    constants: [weights('c', [9])],
  }),
  ...['Sub', 'Div', 'Max'].map((operator) =>
    single(`${operator} of a constant and a vector`, op(operator, 'c x -> y'), {
      dims: [2, 9],
      constants: [weights('c', [1, 9])],
    }),
  ),
  single('Pow of a number', op('Pow', 'two x -> y'), { constants: [numbers('two', [2], [])] }),
  single('Pow of numbers for channels', op('Pow', 'c x -> y'), {
    constants: [numbers('c', [0.5, 2, 3, 10, 0.1, 1.5], [6, 1, 1])],
  }),
  single('Pow of a number below 0', op('Pow', 'two x -> y'), {
    constants: [numbers('two', [-2], [])],
    refused: /its base must be finite numbers over 0 other than 1/,
  }),
  ...(
    [
      ['a pixel', 'GlobalAveragePool', [1, 6, 7, 8]],
      ['a pixel, to a smaller rank', 'GlobalMaxPool', [7, 1]],
      ['a pixel, by the batch', 'GlobalMaxPool', [2, 6, 7, 8]],
      ['what stays as it is', 'Relu', [1, 1, 1]],
    ] as const
  ).flatMap(([title, operator, shape]) => [
    {
      name: `Expand of ${title}`,
      nodes: [op(operator, 'x -> a'), op('Expand', 'a shape -> y')],
      constants: [indices('shape', shape)],
    },
    {
      name: `Mul of an Expand of ${title}`,
      nodes: [
        op(operator, 'x -> a'),
        op('Expand', 'a shape -> b'),
        op('Sigmoid', 'x -> c'),
        op('Mul', 'c b -> y'),
      ],
      constants: [indices('shape', shape)],
    },
  ]),
  {
    name: 'Expand of a vector by the shape of an image',
    nodes: [
      op('GlobalAveragePool', 'x -> mean'),
      op('Flatten', 'mean -> vector'),
      op('Gemm', 'vector w -> gate'),
      op('Reshape', 'gate pixel -> gates'),
      op('Shape', 'x -> shape'),
      op('Expand', 'gates shape -> all'),
      op('Add', 'x all -> y'),
    ],
    constants: [weights('w', [6, 6]), indices('pixel', [-1, 6, 1, 1])],
  },
  {
    name: 'Mul of gates for rows and for columns',
    nodes: [
      op('ReduceMean', 'x -> rows', { axes: [3], keepdims: 1 }),
      op('ReduceMean', 'x -> columns', { axes: [2], keepdims: 1 }),
      op('Mul', 'x columns -> a'),
      op('Mul', 'a rows -> b'),
      op('Add', 'rows columns -> c'),
      op('Sub', 'c b -> y'),
    ],
  },
  single('Expand of a channel', op('Expand', 'x shape -> y'), {
    dims: [2, 1, 3, 4],
    constants: [indices('shape', [20, 1, 1])],
  }),
  {
    name: 'Mul of a gate for each channel',
    nodes: [op('GlobalAveragePool', 'x -> mean'), op('Sigmoid', 'mean -> gate'), op('Mul', 'gate x -> y')],
  },
  {
    name: 'Sum of three',
    nodes: [op('Relu', 'x -> a'), op('Tanh', 'x -> b'), op('Sum', 'a x b -> y')],
    opset: 8,
  },
  ...['Sub', 'Div', 'Max', 'Min'].flatMap((operator) => [
    {
      name: `${operator} of tensors`,
      nodes: [op('Sigmoid', 'x -> a'), op(operator, 'x a -> y')],
    },
    {
      name: `${operator} of a tensor and one for each channel`,
      nodes: [op('GlobalMaxPool', 'x -> a'), op(operator, 'x a -> y')],
    },
    {
      name: `${operator} of one for each channel and a tensor`,
      nodes: [op('GlobalMaxPool', 'x -> a'), op('Softplus', 'x -> b'), op(operator, 'a b -> y')],
    },
  ]),
  {
    name: 'Max of three',
    nodes: [op('Neg', 'x -> a'), op('Tanh', 'x -> b'), op('Max', 'a x b -> y')],
  },
  {
    name: 'Min of one, a constant and another',
    nodes: [op('Neg', 'x -> a'), op('Min', 'a c x -> y')],
    constants: [numbers('c', [0.25], [])],
  },
  single('Pow by 3', op('Pow', 'x c -> y'), { constants: [numbers('c', [3], [])] }),
  single('Neg', op('Neg', 'x -> y')),
]

const concatenations: readonly Case[] = [
  ...[2, 3, -1].flatMap((axis) => [
    {
      name: `Concat of images along axis ${axis}`,
      nodes: [op('Relu', 'x -> a'), op('Concat', 'a x x -> y', { axis })],
    },
    {
      name: `Concat of images of other sizes along axis ${axis}`,
      nodes: [
        op('MaxPool', 'x -> a', { kernel_shape: axis === 2 ? [3, 1] : [1, 3] }),
        op('Concat', 'a x -> y', { axis }),
      ],
    },
  ]),
  ...[1, 2, 3].map((axis) => ({
    name: `Concat of pixels along axis ${axis}`,
    nodes: [
      op('GlobalAveragePool', 'x -> a'),
      op('GlobalMaxPool', 'x -> b'),
      op('Concat', 'a b -> y', { axis }),
    ],
  })),
  {
    name: 'Concat of signals along their length',
    nodes: [op('Conv', 'x w -> a'), op('Concat', 'a x -> y', { axis: 2 })],
    dims: [2, 6, 9],
    constants: [weights('w', [6, 6, 3])],
  },
  {
    name: 'Concat of signals, then a convolution',
    nodes: [op('Concat', 'x x -> a', { axis: -1 }), op('Conv', 'a w -> y')],
    dims: [2, 6, 9],
    constants: [weights('w', [4, 6, 3])],
  },
  {
    name: 'Concat of rows of images without channels',
    nodes: [
      op('Squeeze', 'x one -> a'),
      op('Concat', 'a a -> b', { axis: 1 }),
      op('Unsqueeze', 'b one -> c'),
      op('Conv', 'c w -> y'),
    ],
    dims: [2, 1, 5, 6],
    constants: [indices('one', [1]), weights('w', [3, 1, 2, 3])],
  },
  // (N, C, H, W) -> (N, C, H W), as YOLO has the outputs of several sizes
  {
    name: 'Concat of the pixels of several sizes',
    nodes: [
      op('MaxPool', 'x -> small', { kernel_shape: [2, 3], strides: [2, 3] }),
      op('GlobalMaxPool', 'x -> one'),
      ...['x', 'small', 'one'].map((name) => op('Reshape', `${name} shape -> ${name}Row`)),
      op('Concat', 'xRow smallRow oneRow -> y', { axis: 2 }),
    ],
    constants: [indices('shape', [0, 6, -1])],
  },
  {
    name: 'Concat of the pixels of several sizes, then a sigmoid of some channels',
    nodes: [
      op('MaxPool', 'x -> small', { kernel_shape: [2, 2], strides: [2, 2] }),
      ...['x', 'small'].map((name) => op('Reshape', `${name} shape -> ${name}Row`)),
      op('Concat', 'xRow smallRow -> all', { axis: 2 }),
      op('Split', 'all parts -> boxes classes', { axis: 1 }),
      op('Sigmoid', 'classes -> scores'),
      op('Concat', 'boxes scores -> y', { axis: 1 }),
    ],
    constants: [indices('shape', [0, 6, -1]), indices('parts', [4, 2])],
  },
  // (N, a k, H, W) -> (N, H W a, k), as RetinaNet and SSD have them
  ...[
    { anchors: [3, 3], title: 'as many anchors' },
    { anchors: [3, 2], title: 'other numbers of anchors' },
  ].map(({ anchors, title }) => ({
    name: `Concat of predictions for ${title}`,
    nodes: [
      op('MaxPool', 'x -> small', { kernel_shape: [3, 2], strides: [3, 2] }),
      ...['x', 'small'].flatMap((name, i) => [
        op('Conv', `${name} w${i} -> ${name}Maps`),
        op('Transpose', `${name}Maps -> ${name}Last`, { perm: [0, 2, 3, 1] }),
        op('Reshape', `${name}Last rows -> ${name}Rows`),
      ]),
      op('Concat', 'xRows smallRows -> all', { axis: 1 }),
      op('Softmax', 'all -> y', { axis: 2 }),
    ],
    constants: [
      ...anchors.map((count, i) => weights(`w${i}`, [count * 4, 6, 1, 1])),
      indices('rows', [0, -1, 4]),
    ],
  })),
  {
    name: 'Concat of predictions of two sizes, channels first, that were permuted by way of five axes',
    nodes: [
      op('MaxPool', 'x -> small', { kernel_shape: [2, 2], strides: [2, 2] }),
      ...['x', 'small'].flatMap((name) => [
        op('Shape', `${name} -> ${name}Shape`),
        op('Slice', `${name}Shape two four -> ${name}Image`),
        op('Concat', `n anchors classes ${name}Image -> ${name}Wanted`, { axis: 0 }),
        op('Reshape', `${name} ${name}Wanted -> ${name}Five`),
        op('Transpose', `${name}Five -> ${name}Last`, { perm: [0, 3, 4, 1, 2] }),
        op('Reshape', `${name}Last rows -> ${name}Rows`),
      ]),
      op('Concat', 'xRows smallRows -> y', { axis: 1 }),
    ],
    constants: [
      indices('two', [2]),
      indices('four', [4]),
      indices('n', [-1]),
      indices('anchors', [2]),
      indices('classes', [3]),
      indices('rows', [0, -1, 3]),
    ],
  },
  ...[
    { title: 'backward', starts: [-1], ends: [-100], steps: [-1] },
    { title: 'two by two', starts: [0], ends: [100], steps: [2] },
    { title: 'three by three from the second on', starts: [1], ends: [100], steps: [3] },
    { title: 'backward, two by two', starts: [4], ends: [-100], steps: [-2] },
  ].flatMap(({ title, starts, ends, steps }) =>
    [6, 22].map((channels) =>
      single(`Slice of ${channels} channels, ${title}`, op('Slice', 'x starts ends axes steps -> y'), {
        dims: [2, channels, 3, 4],
        constants: [
          indices('starts', starts),
          indices('ends', ends),
          indices('axes', [1]),
          indices('steps', steps),
        ],
      }),
    ),
  ),
  single('Slice of channels, rows and columns, all backward', op('Slice', 'x starts ends axes steps -> y'), {
    constants: [
      indices('starts', [-1, -1, -1]),
      indices('ends', [-100, -100, -100]),
      indices('axes', [1, 2, 3]),
      indices('steps', [-1, -2, -3]),
    ],
  }),
]

const shapes: readonly Case[] = [
  {
    name: 'Concat with a negative axis',
    nodes: [op('Relu', 'x -> a'), op('Concat', 'x a -> y', { axis: -3 })],
  },
  {
    name: 'Split by num_outputs, opset 18, of unequal parts',
    nodes: [op('Split', 'x -> a b c d', { axis: 1, num_outputs: 4 }), op('Relu', 'b -> y')],
    dims: [2, 7, 5, 5],
    opset: 18,
  },
  {
    name: 'Split by num_outputs, opset 18, whose last part is smaller',
    nodes: [op('Split', 'x -> a b', { axis: 1, num_outputs: 2 }), op('Relu', 'b -> y')],
    dims: [2, 7, 5, 5],
    opset: 18,
  },
  {
    name: 'Split by an attribute, opset 11, with a negative axis',
    nodes: [op('Split', 'x -> a b', { axis: -3, split: [2, 4] }), op('Relu', 'b -> y')],
    opset: 11,
  },
  {
    name: 'Split by an input, opset 13',
    nodes: [op('Split', 'x sizes -> a b c', { axis: 1 }), op('Relu', 'b -> y')],
    constants: [indices('sizes', [1, 2, 3])],
    opset: 13,
  },
  single('Slice by attributes, opset 9', op('Slice', 'x -> y', { axes: [1], starts: [-4], ends: [1000] }), {
    opset: 9,
  }),
  single('Slice of rows and columns with steps', op('Slice', 'x starts ends axes steps -> y'), {
    constants: [
      indices('starts', [1, -7]),
      indices('ends', [1000, -1]),
      indices('axes', [-2, -1]),
      indices('steps', [2, 3]),
    ],
  }),
  single(
    'Pad by an attribute, opset 2',
    op('Pad', 'x -> y', { pads: [0, 0, 1, 2, 0, 0, 3, 0], value: floatAttribute(1.5) }),
    {
      opset: 10,
    },
  ),
  ...(['reflect', 'edge'] as const).map((mode) =>
    single(`Pad, ${mode}, opset 13`, op('Pad', 'x pads -> y', { mode }), {
      constants: [indices('pads', [0, 0, 1, 2, 0, 0, 3, 0])],
      opset: 13,
    }),
  ),
  single('Pad with axes, opset 18', op('Pad', 'x pads value axes -> y'), {
    constants: [indices('pads', [1, 2, 0, 3]), numbers('value', [-1], []), indices('axes', [3, -2])],
    opset: 18,
  }),
  single('Pad with axes and no value, opset 19', op('Pad', 'x pads _ axes -> y', { mode: 'edge' }), {
    constants: [indices('pads', [1, 0]), indices('axes', [2])],
    opset: 19,
  }),
  single('DepthToSpace', op('DepthToSpace', 'x -> y', { blocksize: 2 }), { dims: [2, 8, 3, 5] }),
  single('DepthToSpace, CRD', op('DepthToSpace', 'x -> y', { blocksize: 2, mode: 'CRD' }), {
    dims: [2, 8, 3, 5],
  }),
  single('SpaceToDepth', op('SpaceToDepth', 'x -> y', { blocksize: 2 }), { dims: [2, 3, 6, 4] }),
  ...['ReduceMean', 'ReduceMax'].flatMap((operator) => [
    single(`${operator}, opset 13, negative axes`, op(operator, 'x -> y', { axes: [-2, -1], keepdims: 0 }), {
      opset: 13,
    }),
    single(`${operator}, opset 18, axes as input`, op(operator, 'x axes -> y', { keepdims: 1 }), {
      constants: [indices('axes', [2, 3])],
      opset: 18,
    }),
    {
      name: `${operator}, opset 18, without axes, which does nothing`,
      nodes: [op(operator, 'x -> r', { noop_with_empty_axes: 1 }), op('Relu', 'r -> y')],
      opset: 18,
    },
  ]),
  {
    name: 'Squeeze and Unsqueeze with negative axes, opset 11',
    nodes: [
      op('GlobalMaxPool', 'x -> pooled'),
      op('Squeeze', 'pooled -> vector', { axes: [-1, -2] }),
      op('Unsqueeze', 'vector -> image', { axes: [-1, 2] }),
      op('Mul', 'x image -> y'),
    ],
    opset: 11,
  },
  {
    name: 'Squeeze of all axes of extent 1, opset 13',
    nodes: [op('GlobalMaxPool', 'x -> pooled'), op('Squeeze', 'pooled -> y')],
    opset: 13,
  },
  {
    name: 'Dropout with its ratio as an input',
    nodes: [op('Dropout', 'x ratio -> d'), op('Relu', 'd -> y')],
    constants: [numbers('ratio', [0.9], [])],
  },
  {
    name: 'Dropout, opset 7',
    nodes: [op('Dropout', 'x -> d', { ratio: floatAttribute(0.9) }), op('Relu', 'd -> y')],
    opset: 7,
  },
  {
    name: 'Reshape by what Shape gives',
    nodes: [
      op('Shape', 'x -> shape'),
      op('Gather', 'shape first -> batch'),
      op('Concat', 'batch rest -> wanted', { axis: 0 }),
      op('Reshape', 'x wanted -> flat'),
      op('Gemm', 'flat w -> y'),
    ],
    constants: [indices('first', [0]), indices('rest', [-1]), weights('w', [6 * 7 * 8, 3])],
  },
  {
    name: 'ConstantOfShape as a constant for each channel',
    nodes: [
      op('ConstantOfShape', 'extents -> c', { value: { t: numbers('', [0.75]), type: 4 } }),
      op('Mul', 'x c -> y'),
    ],
    constants: [indices('extents', [1, 6, 1, 1])],
  },
]

const resizes: readonly Case[] = [
  single('Upsample, opset 7', op('Upsample', 'x -> y', { scales: { floats: [1, 1, 2, 3], type: 6 } }), {
    opset: 7,
  }),
  single('Upsample, opset 9', op('Upsample', 'x scales -> y', { mode: 'linear' }), {
    constants: [numbers('scales', [1, 1, 2, 2])],
    opset: 9,
  }),
  single('Resize, opset 10', op('Resize', 'x scales -> y', { mode: 'nearest' }), {
    constants: [numbers('scales', [1, 1, 2, 2])],
    opset: 10,
  }),
  ...(['half_pixel', 'asymmetric', 'align_corners', 'pytorch_half_pixel'] as const).flatMap((coordinates) =>
    [11, 13, 18, 19].map((opset) =>
      single(
        `Resize, linear, ${coordinates}, opset ${opset}`,
        op('Resize', 'x none none sizes -> y', {
          mode: 'linear',
          coordinate_transformation_mode: coordinates,
        }),
        // In opset 11 inputs that are not used are empty, not left out.
        { constants: [numbers('none', []), indices('sizes', [2, 6, 11, 5])], opset },
      ),
    ),
  ),
  ...(['round_prefer_floor', 'round_prefer_ceil', 'floor', 'ceil'] as const).map((nearest) =>
    single(
      `Resize, nearest, ${nearest}`,
      op('Resize', 'x _ scales -> y', {
        mode: 'nearest',
        nearest_mode: nearest,
        coordinate_transformation_mode: 'asymmetric',
      }),
      { constants: [numbers('scales', [1, 1, 2, 3])], opset: 13 },
    ),
  ),
  single('Resize with axes, opset 18', op('Resize', 'x _ scales -> y', { mode: 'linear', axes: [2, 3] }), {
    constants: [numbers('scales', [2, 2])],
    opset: 18,
  }),
  single(
    'Resize with antialias, opset 18',
    op('Resize', 'x _ _ sizes -> y', { mode: 'linear', antialias: 1 }),
    { constants: [indices('sizes', [2, 6, 4, 4])], opset: 18, refused: /antialias/ },
  ),
  single(
    'Resize that keeps the aspect ratio, opset 19',
    op('Resize', 'x _ _ sizes -> y', {
      mode: 'nearest',
      coordinate_transformation_mode: 'asymmetric',
      nearest_mode: 'floor',
      axes: [2, 3],
      keep_aspect_ratio_policy: 'not_larger',
    }),
    { constants: [indices('sizes', [14, 20])], opset: 19 },
  ),
]

/** Images as TensorFlow has them, channels last, and as tf2onnx writes its graphs. */
const PIXELS = [2, 7, 8, 6]
const channelsFirst = (flow: string) => op('Transpose', flow, { perm: [0, 3, 1, 2] })
const channelsLast = (flow: string) => op('Transpose', flow, { perm: [0, 2, 3, 1] })
const inPixels = (name: string, nodes: readonly OnnxNode[], constants: readonly OnnxTensor[] = []): Case => ({
  name: `tf2onnx: ${name}`,
  nodes,
  constants,
  dims: PIXELS,
  opset: 13,
})

const fromTensorFlow: readonly Case[] = [
  inPixels(
    'a classifier of flattened pixels',
    [
      channelsFirst('x -> a'),
      op('Conv', 'a w b -> c', { auto_pad: 'SAME_UPPER', strides: [2, 2], kernel_shape: [3, 3] }),
      op('Relu', 'c -> d'),
      channelsLast('d -> e'),
      op('Reshape', 'e shape -> f'),
      op('MatMul', 'f m -> g'),
      op('Add', 'g v -> h'),
      op('Softmax', 'h -> y', { axis: 1 }),
    ],
    [
      weights('w', [4, 6, 3, 3]),
      weights('b', [4]),
      indices('shape', [-1, 64]),
      weights('m', [64, 5]),
      weights('v', [5]),
    ],
  ),
  inPixels(
    'a normalization of flattened pixels',
    [
      op('Flatten', 'x -> a'),
      op('BatchNormalization', 'a k k k one -> b'),
      op('Mul', 'b k -> c'),
      op('Gemm', 'c m -> y'),
    ],
    [
      weights('k', [336]),
      numbers(
        'one',
        Array.from({ length: 336 }, (_, i) => 1 + i),
      ),
      weights('m', [336, 5]),
    ],
  ),
  inPixels(
    'flattened pixels, concatenated',
    [
      channelsFirst('x -> a'),
      op('Conv', 'a w -> b'),
      channelsLast('b -> c'),
      op('Reshape', 'c some -> d'),
      op('Reshape', 'x all -> e'),
      op('Concat', 'd e -> y', { axis: 1 }),
    ],
    [weights('w', [4, 6, 2, 2]), indices('some', [-1, 168]), indices('all', [-1, 336])],
  ),
  {
    name: 'tf2onnx: an image of a vector',
    nodes: [
      op('MatMul', 'x m -> a'),
      op('Add', 'a v -> b'),
      op('Reshape', 'b shape -> c'),
      channelsFirst('c -> d'),
      op('Conv', 'd w -> y'),
    ],
    constants: [
      weights('m', [10, 48]),
      weights('v', [48]),
      indices('shape', [-1, 3, 4, 4]),
      weights('w', [5, 4, 2, 2]),
    ],
    dims: [2, 10],
  },
  {
    name: 'tf2onnx: an image of a vector, normalized channels last',
    nodes: [
      op('MatMul', 'x m -> a'),
      op('Reshape', 'a shape -> b'),
      op('Mul', 'b k -> c'),
      op('Add', 'c k -> d'),
      op('PRelu', 'd slopes -> e'),
      op('Pad', 'e pads -> f'),
      channelsFirst('f -> g'),
      op('ConvTranspose', 'g w -> h', { strides: [2, 2] }),
      channelsLast('h -> y'),
    ],
    constants: [
      weights('m', [10, 48]),
      indices('shape', [-1, 3, 4, 4]),
      weights('k', [4]),
      weights('slopes', [1, 1, 4]),
      indices('pads', [0, 1, 0, 0, 0, 0, 2, 0]),
      weights('w', [4, 5, 2, 2]),
    ],
    dims: [2, 10],
  },
  {
    name: 'tf2onnx: an image of a vector, by arithmetic of its shape',
    nodes: [
      op('Shape', 'x -> extents'),
      op('Slice', 'extents zero one zero -> batch'),
      op('Concat', 'batch height width channels -> shape', { axis: 0 }),
      op('Reshape', 'x shape -> a'),
      channelsFirst('a -> b'),
      op('MaxPool', 'b -> c', { kernel_shape: [2, 2] }),
      channelsLast('c -> y'),
    ],
    constants: [
      indices('zero', [0]),
      indices('one', [1]),
      indices('height', [3]),
      indices('width', [5]),
      indices('channels', [4]),
    ],
    dims: [2, 60],
  },
  ...[0, 1].map((keepdims) =>
    inPixels(
      `a mean over pixels, keepdims ${keepdims}, that gates channels`,
      [
        channelsFirst('x -> a'),
        op('Conv', 'a w -> b'),
        channelsLast('b -> c'),
        op('ReduceMean', 'c -> d', { axes: [1, 2], keepdims }),
        ...(keepdims ? [op('Squeeze', 'd axes -> e')] : [op('Identity', 'd -> e')]),
        op('Reshape', 'e shape -> f'),
        channelsFirst('f -> g'),
        op('Conv', 'g v -> h'),
        op('Sigmoid', 'h -> i'),
        op('Mul', 'b i -> j'),
        channelsLast('j -> y'),
      ],
      [
        weights('w', [4, 6, 2, 2]),
        indices('axes', [1, 2]),
        indices('shape', [-1, 1, 1, 4]),
        weights('v', [4, 4, 1, 1]),
      ],
    ),
  ),
  ...['Conv', 'MaxPool'].map((operator) =>
    inPixels(
      `a Pad of pixels before ${operator}`,
      [
        op('Pad', 'x pads value -> a'),
        channelsFirst('a -> b'),
        op(operator, operator === 'Conv' ? 'b w -> c' : 'b -> c', { kernel_shape: [3, 3], strides: [2, 2] }),
        channelsLast('c -> y'),
      ],
      [
        indices('pads', [0, 1, 2, 0, 0, 2, 0, 0]),
        numbers('value', [0], []),
        ...(operator === 'Conv' ? [weights('w', [4, 6, 3, 3])] : []),
      ],
    ),
  ),
  inPixels(
    'a Pad of pixels and channels',
    [op('Pad', 'x pads value -> a'), channelsFirst('a -> b'), op('Relu', 'b -> c'), channelsLast('c -> y')],
    [indices('pads', [0, 1, -1, 1, 0, 2, 0, 2]), numbers('value', [0.5], [])],
  ),
  inPixels(
    'Min(Relu, 6)',
    [channelsFirst('x -> a'), op('Relu', 'a -> b'), op('Min', 'b six -> c'), channelsLast('c -> y')],
    [numbers('six', [0.6], [])],
  ),
  inPixels(
    'images normalized by constants, channels last',
    [
      op('Div', 'x scale -> a'),
      op('Sub', 'a means -> b'),
      channelsFirst('b -> c'),
      op('Transpose', 'w -> v', { perm: [3, 2, 0, 1] }),
      op('Conv', 'c v -> d', { auto_pad: 'SAME_UPPER' }),
      op('Add', 'd first -> e'),
      channelsLast('e -> f'),
      op('Add', 'f last -> y'),
    ],
    [
      numbers('scale', [127.5], []),
      numbers('means', [1, 2, 3, 4, 5, 6]),
      weights('w', [3, 3, 6, 4]),
      weights('first', [1, 4, 1, 1]),
      weights('last', [4]),
    ],
  ),
  inPixels(
    'images enlarged to a size by arithmetic of their shape',
    [
      op('Shape', 'x -> extents'),
      op('Slice', 'extents one three -> size'),
      op('Mul', 'size two -> doubled'),
      channelsFirst('x -> a'),
      op('Shape', 'a -> own'),
      op('Slice', 'own zero both -> rest'),
      op('Concat', 'rest doubled -> sizes', { axis: 0 }),
      op('Resize', 'a none none sizes -> b', {
        mode: 'nearest',
        coordinate_transformation_mode: 'asymmetric',
        nearest_mode: 'floor',
      }),
      channelsLast('b -> y'),
    ],
    [
      numbers('none', []),
      indices('zero', [0]),
      indices('one', [1]),
      indices('both', [2]),
      indices('three', [3]),
      indices('two', [2, 2]),
    ],
  ),
]

const REDUCTIONS = [
  'ReduceMean',
  'ReduceMax',
  'ReduceSum',
  'ReduceL1',
  'ReduceL2',
  'ReduceSumSquare',
] as const

const reductions: readonly Case[] = [
  ...REDUCTIONS.flatMap((operator) => [
    ...[[1], [-3], [2], [3], [2, 3], [1, 2, 3], [1, 3]].flatMap((axes) => {
      const [keep, drop] = [1, 0].map((keepdims) =>
        single(
          `${operator} over the axes ${axes}, keepdims ${keepdims}`,
          op(operator, 'x axes -> y', { keepdims }),
          { constants: [indices('axes', axes)], opset: 18 },
        ),
      )
      return [keep!, drop!]
    }),
    single(`${operator} of vectors`, op(operator, 'x axes -> y', { keepdims: 1 }), {
      constants: [indices('axes', [1])],
      opset: 18,
      dims: [2, 9],
    }),
    single(`${operator} of signals`, op(operator, 'x axes -> y', { keepdims: 1 }), {
      constants: [indices('axes', [1])],
      opset: 18,
      dims: [2, 5, 9],
    }),
    single(`${operator} of axes by an attribute, opset 11`, op(operator, 'x -> y', { axes: [1] }), {
      opset: 11,
    }),
    single(`${operator} over the batch`, op(operator, 'x -> y'), {
      opset: 11,
      refused: /which are not whole rows, columns or channels/,
    }),
  ]),
  ...[1, 2].flatMap((p) => [
    single(`LpNormalization of pixels, p ${p}`, op('LpNormalization', 'x -> y', { axis: 1, p })),
    single(`LpNormalization of vectors, p ${p}`, op('LpNormalization', 'x -> y', { p }), { dims: [2, 9] }),
  ]),
  {
    name: 'LpNormalization of zeros',
    nodes: [op('Mul', 'x zero -> a'), op('LpNormalization', 'a -> y')],
    constants: [numbers('zero', [0], [])],
    dims: [2, 9],
  },
  {
    name: 'an embedding, normalized by ReduceL2 and Clip',
    nodes: [
      op('ReduceL2', 'x -> norm', { axes: [1], keepdims: 1 }),
      op('Clip', 'norm least -> bounded'),
      op('Div', 'x bounded -> y'),
    ],
    constants: [numbers('least', [1e-12], [])],
    dims: [2, 9],
  },
  {
    name: 'an embedding, normalized as TensorFlow does',
    nodes: [
      op('Mul', 'x x -> squares'),
      op('ReduceSum', 'squares axes -> sum', { keepdims: 1 }),
      op('Max', 'sum least -> bounded'),
      op('Sqrt', 'bounded -> root'),
      op('Reciprocal', 'root -> share'),
      op('Mul', 'x share -> y'),
    ],
    constants: [indices('axes', [-1]), numbers('least', [1e-12], [])],
    dims: [2, 9],
  },
  {
    name: 'attention of pixels, by the mean and the maximum of their channels (CBAM)',
    nodes: [
      op('ReduceMean', 'x -> mean', { axes: [1], keepdims: 1 }),
      op('ReduceMax', 'x -> most', { axes: [1], keepdims: 1 }),
      op('Concat', 'mean most -> pools', { axis: 1 }),
      op('Conv', 'pools w -> sums', { pads: [1, 1, 1, 1] }),
      op('Sigmoid', 'sums -> mask'),
      op('Mul', 'x mask -> y'),
    ],
    constants: [weights('w', [1, 2, 3, 3])],
  },
  ...['Add', 'Sub', 'Mul', 'Div', 'Max', 'Min'].flatMap((operator) => {
    const channel = op('Conv', 'x w -> channel')
    const constants = [weights('w', [1, 6, 1, 1])]
    return [
      { name: `${operator} with one channel`, nodes: [channel, op(operator, 'x channel -> y')], constants },
      { name: `${operator} of one channel`, nodes: [channel, op(operator, 'channel x -> y')], constants },
    ]
  }),
  inPixels('attention of pixels, channels last', [
    channelsFirst('x -> a'),
    op('Relu', 'a -> b'),
    channelsLast('b -> c'),
    op('ReduceMean', 'c -> mean', { axes: [3], keepdims: 1 }),
    op('Sigmoid', 'mean -> mask'),
    op('Mul', 'c mask -> y'),
  ]),
]

function valuesFor({ dims = IMAGES }: Case): Float32Array {
  const values = new Float32Array(elementCount(dims))
  normal(values, { seed: 9, tensor: 'x' })
  return values
}

const isNear = (found: number, truth: number): boolean =>
  Object.is(found, truth) || Math.abs(found - truth) <= 1e-4 * Math.abs(truth) + 1e-5

describe.skipIf(!hasOnnxRuntime)('ONNX Runtime computes the same (skipped without peers)', () => {
  it.each([
    ...convolutions,
    ...poolings,
    ...norms,
    ...activations,
    ...products,
    ...arithmetic,
    ...concatenations,
    ...shapes,
    ...resizes,
    ...fromTensorFlow,
    ...reductions,
  ])('$name', async (given) => {
    const { nodes, constants = [], dims = IMAGES, opset = DEFAULT_OPSET, refused } = given
    const bytes = modelOf({ nodes, constants, opset, inputs: { x: dims }, outputs: ['y'] })
    const x = valuesFor(given)
    const ort = onnxRuntime()
    const runtime = await ort.InferenceSession.create(bytes, { logSeverityLevel: 3 })
    const { y } = await runtime.run({ x: new ort.Tensor('float32', x, dims) })
    const imported = importedOutput(bytes, { x }, BATCH)
    if (refused) {
      await expect(imported).rejects.toThrow(refused)
      return
    }
    const { values, dims: found } = await imported
    expect(found).toEqual(y!.dims)
    const wrong = values.findIndex((value, i) => !isNear(value, y!.data[i]!))
    expect(wrong < 0 || `y[${wrong}] is ${values[wrong]}, not ${y!.data[wrong]}`).toBe(true)
  })
})
