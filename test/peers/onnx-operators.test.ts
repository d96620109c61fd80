// Operators with attributes that exporters seldom write or leave out, and those that came after opset 17, where ONNX's own cases that
// Debian has end: graphs made by hand, imported, and compared with what ONNX Runtime computes.
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
  single(
    'LRN of odd size',
    op('LRN', 'x -> y', { size: 3, alpha: floatAttribute(0.9), bias: floatAttribute(2) }),
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
}

const arithmetic: readonly Case[] = [
  ...['Add', 'Sub', 'Mul', 'Div', 'Max', 'Min'].flatMap((operator) =>
    Object.entries(CONSTANTS).flatMap(([title, dims]) =>
      ['x c', 'c x'].map((inputs) =>
        single(`${operator} of ${inputs}, a constant ${title}`, op(operator, `${inputs} -> y`), {
          constants: [weights('c', dims)],
          ...(/^M(ax|in)$/.test(operator) && dims.length > 0 && { refused: /must be one number/ }),
        }),
      ),
    ),
  ),
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
    ...shapes,
    ...resizes,
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
