import { describe, expect, it } from 'vitest'
import {
  indices,
  modelOf,
  numbers,
  op,
  floatAttribute as real,
  weights,
} from '../../test/support/onnx-graphs.ts'
import { runPlainly } from '../../test/support/plain-network.ts'
import { FormatError, NetworkError, UsageError } from '../errors.ts'
import {
  add,
  averagePool,
  batchNorm,
  channelShuffle,
  concat,
  conv,
  convTranspose,
  dense,
  depthToSpace,
  flatten,
  gelu,
  globalAveragePool,
  groupNorm,
  instanceNorm,
  layerNorm,
  leakyRelu,
  lrn,
  maxPool,
  multiply,
  pad,
  prelu,
  resize,
  scale,
  slice,
  softmax,
  spaceToDepth,
} from '../layers/index.ts'
import {
  defineNetwork,
  initialize,
  type Network,
  networkData,
  networkOf,
  outputsOf,
  parametersOf,
} from '../networks/index.ts'
import { normal, uniform } from '../random.ts'
import { elementCount } from '../tensor.ts'
import type { OnnxTensor } from './onnx/graph.ts'
import { onnxModel } from './onnx.ts'
import { importOnnx, OpenSizeError, UnsupportedModelError } from './onnx-import.ts'

const kinds = ({ layers }: Network) => layers.filter(({ isLoss }) => !isLoss).map(({ layer }) => layer.kind)
const options = ({ layers }: Network, i: number) =>
  layers[i]!.layer.options as Readonly<Record<string, unknown>>

function random(length: number, tensor: string): Float32Array {
  const values = new Float32Array(length)
  normal(values, { seed: 3, tensor })
  return values
}

/** What a model makes of values in NHWC, by the plain loops; the first output's. */
async function outputOf(
  bytes: Uint8Array,
  batch: number,
  inputs: Readonly<Record<string, Float32Array>>,
): Promise<readonly number[]> {
  const { network, parameters, notes } = await importOnnx(bytes)
  return [...runPlainly(network, batch, inputs, parameters, 'forward')[notes.outputs[0]!.tensor]!]
}

const expectClose = (found: readonly number[], truth: readonly number[]) => {
  expect(found).toHaveLength(truth.length)
  for (const [i, value] of truth.entries()) expect(found[i], `[${i}]`).toBeCloseTo(value, 4)
}

describe('what convmark exports', () => {
  const image = { inputs: ['images'] }
  const network = defineNetwork('exported', {
    inputs: { images: [8, 6, 4] },
    layers: [
      conv('conv', { filters: 8, kernel: 3, stride: [1, 1], padding: [1, 0], activation: 'relu' }),
      conv('grouped', { filters: 16, kernel: 3, groups: 4, dilation: 2, padding: 'same', biases: false }),
      batchNorm('norm', { activation: 'hard-swish', momentum: 0.25, epsilon: 1e-3 }),
      averagePool('average', { kernel: 2, padding: 1, countPadding: true, ceilMode: true, stride: 2 }),
      maxPool('maximum', { kernel: 3, stride: 2, ceilMode: true, inputs: ['norm'] }),
      globalAveragePool('mean', { inputs: ['norm'] }),
      conv('gate', { filters: 16, kernel: 1, activation: 'hard-sigmoid' }),
      multiply('gated', { inputs: ['norm', 'gate'] }),
      add('sum', { inputs: ['gated', 'norm'], activation: 'silu' }),
      channelShuffle('shuffled', { groups: 4 }),
      groupNorm('groups', { groups: 2 }),
      instanceNorm('instance'),
      layerNorm('layer'),
      gelu('gelu'),
      gelu('tanhGelu', { approximate: 'tanh' }),
      scale('scale'),
      scale('small', { shift: false }),
      prelu('prelu'),
      leakyRelu('leaky', { slope: 0.3 }),
      lrn('lrn', { radius: 2, alpha: 0.1 }),
      depthToSpace('wide', { blockSize: 2, mode: 'CRD' }),
      spaceToDepth('deep', { blockSize: 4 }),
      slice('part', { begin: 3, end: 30 }),
      concat('joined', { inputs: ['part', 'deep'] }),
      convTranspose('larger', { filters: 3, kernel: 3, stride: 2, padding: 1, outputPadding: 1 }),
      pad('padded', { padding: [1, 0, 2, 1], mode: 'edge' }),
      resize('resized', { size: [5, 7], mode: 'linear' }),
      dense('features', { units: 6, activation: 'tanh' }),
      flatten('vector', image),
      dense('logits', { units: 5, activation: 'mish' }),
      add('both', { inputs: ['logits', 'logits'] }),
      softmax('classes'),
    ],
  })
  const parameters = initialize(network, { seed: 7 })
  for (const [tensor, { role }] of Object.entries(parametersOf(network))) {
    if (role === 'weights') normal(parameters[tensor]!, { seed: 7, tensor, sd: 0.3 })
    else uniform(parameters[tensor]!, { seed: 7, tensor })
  }
  const images = random(2 * elementCount(network.inputs.images!), 'images')
  const truth = runPlainly(network, 2, { images }, parameters, 'forward')

  it.each(['NHWC', 'NCHW'] as const)('comes back, %s outside', async (layout) => {
    const back = await importOnnx(onnxModel(network, parameters, { layout }))
    const found = runPlainly(back.network, 2, { images }, back.parameters, 'forward')
    for (const name of outputsOf(network)) expectClose([...found[name]!], [...truth[name]!])
    expect(back.notes.outputs.map(({ name, tensor }) => [name, tensor])).toEqual(
      outputsOf(network).map((name) => [name, name]),
    )
    // A dense layer reads an image in any order
    const count = (kind: string) => kinds(back.network).filter((each) => each === kind).length
    for (const kind of new Set(kinds(network)))
      if (kind !== 'flatten') expect(count(kind), kind).toBeGreaterThanOrEqual(1)
  })

  it('and again', async () => {
    const once = await importOnnx(onnxModel(network, parameters, { layout: 'NCHW' }))
    const twice = await importOnnx(onnxModel(once.network, once.parameters, { layout: 'NCHW' }))
    const found = runPlainly(twice.network, 2, { images }, twice.parameters, 'forward')
    for (const name of outputsOf(network)) expectClose([...found[name]!], [...truth[name]!])
    expect(networkOf(networkData(twice.network)).layers).toHaveLength(once.network.layers.length)
  })
})

describe('what multiplies and adds', () => {
  /** Of the layers of the kind scale, whether training changes them. */
  const trainedScales = async (bytes: Uint8Array) => {
    const { network } = await importOnnx(bytes)
    return network.layers.flatMap(({ layer: { name, kind, options } }) =>
      kind === 'scale' ? [[name, options.trained !== false]] : [],
    )
  }
  const nodes = [
    op('Sub', 'x mean -> centred'),
    op('Mul', 'centred perChannel -> normalized'),
    op('Conv', 'normalized w -> conv'),
    op('Relu', 'conv -> relu'),
    op('Mul', 'relu gamma -> scaled'),
    op('Relu', 'scaled -> again'),
    op('Add', 'again one -> shifted'),
    op('Div', 'shifted gamma -> divided'),
  ]
  const constants = [
    numbers('mean', [3, 4], [1, 2, 1, 1]),
    numbers('perChannel', [5, 6], [2, 1, 1]),
    numbers('w', [1, 2, 3, 4], [2, 2, 1, 1]),
    numbers('gamma', [7, 8], [2, 1, 1]),
    numbers('one', [1], []),
  ]
  const model = modelOf({ inputs: { x: ['N', 2, 3, 3] }, nodes, constants, outputs: ['divided'] })

  it('is trained if it is a weight of the file: numbers of channels, after another weight, that multiply or are added', async () => {
    expect(await trainedScales(model)).toEqual([
      ['centred', false],
      ['normalized', false],
      ['scaled', true],
      ['shifted', false],
      ['divided', false],
    ])
  })

  it('stays so when it is exported and imported again, with the same results', async () => {
    const { network, parameters } = await importOnnx(model)
    const exported = onnxModel(network, parameters, { layout: 'NCHW' })
    expect(await trainedScales(exported)).toEqual(await trainedScales(model))
    const x = random(18, 'x')
    expectClose(await outputOf(exported, 1, { x }), await outputOf(model, 1, { x }))
  })

  it('is a weight of a file that has all of them in nodes too', async () => {
    const madeBy = (name: string, t: ReturnType<typeof numbers>) => ({
      ...op('Constant', `-> ${name}`),
      attribute: [{ name: 'value', t, type: 4 }],
    })
    const inNodes = (isFirst: boolean) =>
      modelOf({
        inputs: { x: ['N', 2, 3, 3] },
        nodes: [
          madeBy('gamma', numbers('', [7, 8], [2, 1, 1])),
          ...(isFirst ? [] : [madeBy('w', numbers('', [1, 2, 3, 4], [2, 2, 1, 1]))]),
          op('Conv', 'x w -> conv'),
          op('Relu', 'conv -> relu'),
          op('Mul', 'relu gamma -> scaled'),
        ],
        constants: isFirst ? [numbers('w', [1, 2, 3, 4], [2, 2, 1, 1])] : [],
        outputs: ['scaled'],
      })
    expect(await trainedScales(inNodes(false))).toEqual([['scaled', true]])
    expect(await trainedScales(inNodes(true))).toEqual([['scaled', false]])
  })
})

describe('the batch', () => {
  const flat = (shape: readonly number[], batch: number | string) =>
    modelOf({
      inputs: { x: [batch, 2, 2, 1] },
      nodes: [op('Relu', 'x -> y'), op('Reshape', 'y shape -> flat'), op('MatMul', 'flat w -> out')],
      constants: [indices('shape', shape), numbers('w', [1, 10, 100, 1000], [4, 1])],
      outputs: ['out'],
    })

  it.each([
    ['open', [0, -1], 'N'],
    ['left over', [-1, 4], 'N'],
    ['a frozen 1', [1, -1], 1],
    ['a frozen 1 in all extents', [1, 4], 1],
    ['a frozen 3', [3, 4], 3],
    ['a 1 though the batch is open', [1, 4], 'N'],
  ])('is any number if it is %s', async (_, shape, batch) => {
    // Channels first: (0, 0), (1, 0) of channel 0, then of channel 1
    const x = Float32Array.of(1, 3, 2, 4, 5, 7, 6, 8)
    expectClose(await outputOf(flat(shape, batch), 2, { x }), [4321, 8765])
  })

  it('goes through the arithmetic of shapes', async () => {
    const model = modelOf({
      inputs: { x: ['N', 4, 2, 3] },
      nodes: [
        op('Shape', 'x -> shape'),
        op('Gather', 'shape zero -> n'),
        op('Unsqueeze', 'n zeros -> n1'),
        op('Gather', 'shape one -> c'),
        op('Div', 'c two -> half'),
        op('Unsqueeze', 'half zeros -> half1'),
        op('Slice', 'shape twos ends -> image'),
        op('Concat', 'n1 two1 half1 image -> split', { axis: 0 }),
        op('Reshape', 'x split -> five'),
        op('Transpose', 'five -> turned', { perm: [0, 2, 1, 3, 4] }),
        op('Reshape', 'turned shape -> out'),
      ],
      constants: [
        { ...indices('zero', [0]), dims: [] },
        { ...indices('one', [1]), dims: [] },
        { ...indices('two', [2]), dims: [] },
        indices('zeros', [0]),
        indices('two1', [2]),
        indices('twos', [2]),
        indices('ends', [1e18]),
      ],
      outputs: ['out'],
    })
    const { network } = await importOnnx(model)
    expect(kinds(network)).toEqual(['channel-shuffle'])
    expect(options(network, 0)).toEqual({ groups: 2 })
  })

  it('is refused if the inputs have different ones', async () => {
    const model = modelOf({
      inputs: { x: [1, 3], y: [2, 3] },
      nodes: [op('Add', 'x y -> z')],
      outputs: ['z'],
    })
    await expect(importOnnx(model)).rejects.toThrow(
      new NetworkError('the first axes of its inputs are 1 and 2; they must be one batch'),
    )
  })
})

describe('layouts', () => {
  it('of TensorFlow become no layer', async () => {
    const model = modelOf({
      inputs: { x: ['N', 5, 6, 3] },
      nodes: [
        op('Transpose', 'x -> first', { perm: [0, 3, 1, 2] }),
        op('Conv', 'first w -> y'),
        op('Relu', 'y -> z'),
        op('Transpose', 'z -> out', { perm: [0, 2, 3, 1] }),
      ],
      constants: [weights('w', [4, 3, 1, 1])],
      outputs: ['out'],
    })
    const { network, notes } = await importOnnx(model)
    expect(kinds(network)).toEqual(['conv'])
    expect(network.inputs).toEqual({ x: [5, 6, 3] })
    expect(notes.inputs).toEqual([
      {
        ...{ name: 'x', tensor: 'x', shape: '[N, 5, 6, 3]', sizes: [{ batches: 1 }, 5, 6, 3] },
        ...{ type: 'float32', layout: 'NHWC' },
      },
    ])
    expect(notes.outputs).toEqual([
      {
        ...{ name: 'out', tensor: 'out', shape: '[N, 5, 6, 4]', sizes: [{ batches: 1 }, 5, 6, 4] },
        ...{ type: null, layout: 'NHWC' },
      },
    ])
  })

  it('with the channels last are found where nothing else can be', async () => {
    const model = modelOf({
      inputs: { x: ['N', 5, 6, 3] },
      nodes: [op('MatMul', 'x w -> out')],
      constants: [weights('w', [3, 4])],
      outputs: ['out'],
    })
    const { network } = await importOnnx(model)
    expect(kinds(network)).toEqual(['conv'])
    expect(network.layers[0]!.outputShape).toEqual([5, 6, 4])
  })

  it('of a flattened output are ONNX’s', async () => {
    const model = modelOf({
      inputs: { x: ['N', 2, 1, 2] },
      nodes: [op('Relu', 'x -> y'), op('Flatten', 'y -> out')],
      outputs: ['out'],
    })
    const x = Float32Array.of(1, 2, 3, 4)
    expect(await outputOf(model, 1, { x })).toEqual([1, 3, 2, 4])
  })

  it('of a pixel shuffle that is written out become one layer', async () => {
    const model = modelOf({
      inputs: { x: [1, 12, 4, 5] },
      nodes: [
        op('Reshape', 'x split -> six'),
        op('Transpose', 'six -> turned', { perm: [0, 1, 4, 2, 5, 3] }),
        op('Reshape', 'turned joined -> y'),
        op('Reshape', 'y back -> again'),
        op('Transpose', 'again -> unturned', { perm: [0, 1, 3, 5, 2, 4] }),
        op('Reshape', 'unturned whole -> out'),
      ],
      constants: [
        indices('split', [1, 3, 2, 2, 4, 5]),
        indices('joined', [1, 3, 8, 10]),
        indices('back', [1, 3, 4, 2, 5, 2]),
        indices('whole', [1, 12, 4, 5]),
      ],
      outputs: ['y', 'out'],
    })
    const { network } = await importOnnx(model)
    expect(kinds(network)).toEqual(['depth-to-space', 'space-to-depth'])
    expect(options(network, 0)).toEqual({ blockSize: 2, mode: 'CRD' })
  })
})

describe('patterns', () => {
  const pattern = async (
    nodes: readonly ReturnType<typeof op>[],
    constants: Parameters<typeof modelOf>[0]['constants'] = [],
  ) => {
    const { network } = await importOnnx(
      modelOf({ inputs: { x: ['N', 3, 4, 4] }, nodes, constants, outputs: ['out'], opset: 13 }),
    )
    return network.layers
      .filter(({ isLoss }) => !isLoss)
      .map(({ layer }) => ({ kind: layer.kind, ...layer.options }))
  }
  const scalars = [
    numbers('half', [0.5], []),
    numbers('one', [1], []),
    numbers('three', [3], []),
    numbers('six', [6], []),
    numbers('zero', [0], []),
    numbers('root', [Math.SQRT2], [1]),
  ]

  it.each([
    [
      'hardSwish',
      [
        op('Add', 'x three -> a'),
        op('Clip', 'a zero six -> b'),
        op('Mul', 'x b -> c'),
        op('Div', 'c six -> out'),
      ],
      { kind: 'hard-swish' },
    ],
    [
      'hardSwish, divided first',
      [
        op('Add', 'three x -> a'),
        op('Clip', 'a zero six -> b'),
        op('Div', 'b six -> c'),
        op('Mul', 'c x -> out'),
      ],
      { kind: 'hard-swish' },
    ],
    [
      'hardSwish of hardSigmoid',
      [op('HardSigmoid', 'x -> a', { alpha: real(1 / 6) }), op('Mul', 'x a -> out')],
      { kind: 'hard-swish' },
    ],
    ['silu', [op('Sigmoid', 'x -> a'), op('Mul', 'a x -> out')], { kind: 'silu' }],
    ['mish', [op('Softplus', 'x -> a'), op('Tanh', 'a -> b'), op('Mul', 'x b -> out')], { kind: 'mish' }],
    [
      'gelu',
      [
        op('Div', 'x root -> a'),
        op('Erf', 'a -> b'),
        op('Add', 'b one -> c'),
        op('Mul', 'x c -> d'),
        op('Mul', 'd half -> out'),
      ],
      { kind: 'gelu', approximate: 'none' },
    ],
    [
      'gelu, halved first',
      [
        op('Mul', 'x half -> h'),
        op('Div', 'x root -> a'),
        op('Erf', 'a -> b'),
        op('Add', 'b one -> c'),
        op('Mul', 'h c -> out'),
      ],
      { kind: 'gelu', approximate: 'none' },
    ],
  ])('%s', async (_, nodes, layer) => {
    expect(await pattern(nodes, scalars)).toEqual([layer])
  })

  it('are left alone where another node reads what lies between', async () => {
    const nodes = [op('Sigmoid', 'x -> a'), op('Mul', 'a x -> b'), op('Add', 'a b -> out')]
    expect((await pattern(nodes)).map(({ kind }) => kind)).toEqual(['sigmoid', 'multiply', 'add'])
  })

  it('of a layer norm that is written out', async () => {
    const nodes = [
      op('Transpose', 'x -> last', { perm: [0, 2, 3, 1] }),
      op('ReduceMean', 'last -> mean', { axes: [-1] }),
      op('Sub', 'last mean -> d'),
      op('Pow', 'd two -> square'),
      op('ReduceMean', 'square -> variance', { axes: [-1] }),
      op('Add', 'variance epsilon -> e'),
      op('Sqrt', 'e -> s'),
      op('Div', 'd s -> n'),
      op('Mul', 'n gamma -> g'),
      op('Add', 'g beta -> out'),
    ]
    const constants = [
      numbers('two', [2], []),
      numbers('epsilon', [0.5], []),
      numbers('gamma', [1, 2, 3]),
      numbers('beta', [4, 5, 6]),
    ]
    expect(await pattern(nodes, constants)).toEqual([{ kind: 'layer-norm', epsilon: 0.5 }])
  })

  it('of zeros before a window', async () => {
    const constants = [indices('pads', [0, 0, 1, 1, 0, 0, 1, 0]), weights('w', [2, 3, 3, 3])]
    const [layer] = await pattern(
      [op('Pad', 'x pads -> p'), op('Conv', 'p w -> out', { pads: [0, 1, 0, 0] })],
      constants,
    )
    expect(layer).toMatchObject({ kind: 'conv', padding: { top: 1, left: 2, bottom: 1, right: 0 } })
    const average = op('AveragePool', 'p -> out', { kernel_shape: [2, 2] })
    expect((await pattern([op('Pad', 'x pads -> p'), average], constants))[0]).toMatchObject({
      kind: 'average-pool',
      countPadding: true,
    })
    // A maximum would be of the zeros too
    const maximum = op('MaxPool', 'p -> out', { kernel_shape: [2, 2] })
    expect((await pattern([op('Pad', 'x pads -> p'), maximum], constants)).map(({ kind }) => kind)).toEqual([
      'pad',
      'max-pool',
    ])
  })
})

describe('names', () => {
  it('are the file’s; a layer that computes an activation has that one’s', async () => {
    const { network, parameters, notes } = await importOnnx(
      modelOf({
        inputs: { 'in:put': ['N', 2, 3, 3] },
        nodes: [
          op('Conv', 'in:put w -> /conv/Conv_output_0'),
          op('Relu', '/conv/Conv_output_0 -> a.b'),
          op('Identity', 'a.b -> same'),
          op('MaxPool', 'same -> p.gradient', { kernel_shape: [2, 2] }),
          op('Identity', 'p.gradient -> the_end'),
        ],
        constants: [weights('w', [2, 2, 1, 1])],
        outputs: ['the_end'],
      }),
    )
    expect(network.layers.map(({ layer }) => layer.name)).toEqual(['a.b', 'the_end', 'the_end/loss'])
    expect(Object.keys(parameters)).toEqual(['a.b/weights'])
    expect(notes.tensors).toEqual({
      'in:put': 'in:put',
      'a.b': 'a.b',
      same: 'a.b',
      'p.gradient': 'the_end',
      the_end: 'the_end',
    })
  })

  it('that clash get a suffix', async () => {
    const { network } = await importOnnx(
      modelOf({
        inputs: { x: ['N', 2, 3, 3] },
        nodes: [
          op('Relu', 'x -> c/weights'),
          op('Conv', 'c/weights w -> c'),
          op('Tanh', 'c -> a;b'),
          op('Relu', 'a;b -> a_b'),
          op('Sigmoid', 'c -> .gradient'),
        ],
        constants: [weights('w', [2, 2, 1, 1])],
        outputs: ['a_b', '.gradient'],
      }),
    )
    expect(network.layers.slice(0, 4).map(({ layer }) => layer.name)).toEqual([
      'c/weights',
      'c_2',
      'a_b_2',
      'a_b',
    ])
  })
})

describe('losses', () => {
  it('are the classifier’s before a last softmax', async () => {
    const { network, notes } = await importOnnx(
      modelOf({
        inputs: { labels: ['N', 2, 3, 3] },
        nodes: [op('Flatten', 'labels -> f'), op('Gemm', 'f w -> g'), op('Softmax', 'g -> p')],
        constants: [weights('w', [18, 4])],
        outputs: ['p'],
      }),
    )
    expect(network.inputs).toEqual({ labels: [3, 3, 2], labels_2: [] })
    expect(network.layers.at(-1)!.inputs).toEqual(['g', 'labels_2'])
    expect(outputsOf(network)).toEqual(['p'])
    expect(notes.losses).toEqual(['softmax-loss of g'])
  })

  it('are half the sums of squares of other outputs', async () => {
    const { network, notes } = await importOnnx(
      modelOf({
        inputs: { x: ['N', 2, 3, 3] },
        nodes: [op('Relu', 'x -> a'), op('Sigmoid', 'a -> b'), op('Softmax', 'x -> c', { axis: 1 })],
        outputs: ['a', 'b', 'c'],
      }),
    )
    expect(notes.losses).toEqual(['l2-loss of a', 'l2-loss of b', 'l2-loss of c'])
    expect(network.layers.filter(({ isLoss }) => isLoss)).toHaveLength(3)
  })
})

describe('refusals', () => {
  it('are all in one error: operator, node and reason', async () => {
    const model = modelOf({
      inputs: { x: ['N', 2, 6, 6] },
      nodes: [
        op('QLinearConv', 'x -> a'),
        op('Relu', 'a -> b'),
        op('NonMaxSuppression', 'b -> c'),
        op('Resize', 'x _ scales -> d', { mode: 'cubic' }),
        op('Resize', 'x _ scales -> e', { mode: 'cubic' }),
        op('Add', 'c d -> f'),
        op('Add', 'e f -> g'),
      ],
      constants: [numbers('scales', [1, 1, 2, 2])],
      outputs: ['g'],
    })
    const error = await importOnnx(model).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(UnsupportedModelError)
    expect(error).toBeInstanceOf(NetworkError)
    expect((error as UnsupportedModelError).refusals).toEqual([
      { operator: 'Resize', node: 'e', why: "its mode is 'cubic'" },
      {
        operator: 'QLinearConv',
        node: 'a',
        why: 'quantized; take the float model that this one was made of',
      },
      { operator: 'NonMaxSuppression', node: 'c', why: 'there is no such layer' },
      { operator: 'Resize', node: 'd', why: "its mode is 'cubic'" },
    ])
    expect((error as Error).message).toBe(
      "it can't be imported: Resize 'e', 'd' (its mode is 'cubic'); QLinearConv 'a' (quantized; take the float model that this one was made of); " +
        "NonMaxSuppression 'c' (there is no such layer)",
    )
    const { network } = await importOnnx(
      modelOf({
        inputs: { x: ['N', 2] },
        nodes: [op('Relu', 'x -> a'), op('Foo', 'a -> b')],
        outputs: ['b'],
      }),
      { outputs: ['a'] },
    )
    expect(kinds(network)).toEqual(['relu'])
  })

  it.each([
    ['nothing', new Uint8Array(), /^it is empty/],
    ['a web page', new TextEncoder().encode('\n<!DOCTYPE html><html>'), /^it is a web page, no ONNX model$/],
    [
      'a Git LFS pointer',
      new TextEncoder().encode('version https://git-lfs.github.com/spec/v1\noid sha256:0'),
      /^it is a Git LFS pointer/,
    ],
    ['another format', new TextEncoder().encode('hello, world'), /^no valid protobuf|^it is no ONNX model/],
    [
      'an opset from the future',
      modelOf({ inputs: { x: [1] }, nodes: [op('Relu', 'x -> y')], outputs: ['y'], opset: 99 }),
      /^it is of ONNX's opset 99; opsets 1 to 21 are read$/,
    ],
    [
      'a circle',
      modelOf({ inputs: { x: [1] }, nodes: [op('Add', 'x b -> a'), op('Relu', 'a -> b')], outputs: ['b'] }),
      /depends on itself/,
    ],
    [
      'two makers',
      modelOf({ inputs: { x: [1] }, nodes: [op('Relu', 'x -> a'), op('Relu', 'x -> a')], outputs: ['a'] }),
      /^two nodes make 'a'$/,
    ],
    [
      'an output from nowhere',
      modelOf({ inputs: { x: [1] }, nodes: [op('Relu', 'x -> a')], outputs: ['b'] }),
      /^its output 'b' is made by no node$/,
    ],
    [
      'too few weights',
      modelOf({
        inputs: { x: ['N', 1, 2, 2] },
        nodes: [op('Conv', 'x w -> a')],
        constants: [{ ...numbers('w', [1]), dims: [1000, 1, 1000, 1000] }],
        outputs: ['a'],
      }),
      /^the tensor 'w' has 1 values of float32, which do not fill its shape/,
    ],
  ])('%s is no model', async (_, bytes, message) => {
    const error = await importOnnx(bytes).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(FormatError)
    expect((error as Error).message).toMatch(message)
  })

  it('name what a caller must give', async () => {
    const open = modelOf({
      inputs: { x: ['N', 3, 'height', 'width'] },
      nodes: [op('Relu', 'x -> y')],
      outputs: ['y'],
    })
    await expect(importOnnx(open)).rejects.toThrow(
      new OpenSizeError("its input 'x' [N, 3, height, width] leaves the size of the images open", {
        name: 'x',
        layout: 'nchw',
      }),
    )
    const { network } = await importOnnx(open, { imageSize: [32, 51] })
    expect(network.inputs).toEqual({ x: [32, 51, 3] })
    const outside = {
      ...numbers('w', []),
      dims: [1, 1, 1, 1],
      dataLocation: 1,
      externalData: [
        { key: 'location', value: 'weights.bin' },
        { key: 'offset', value: '4' },
        { key: 'length', value: '4' },
      ],
    }
    const external = modelOf({
      inputs: { x: ['N', 1, 2, 2] },
      nodes: [op('Conv', 'x w -> y')],
      constants: [outside],
      outputs: ['y'],
    })
    await expect(importOnnx(external)).rejects.toThrow(
      new FormatError("the values of 'w' are in the file 'weights.bin'; give its bytes in externalData"),
    )
    const bytes = new Uint8Array(Float32Array.of(1, 7, 3).buffer)
    const { parameters } = await importOnnx(external, { externalData: { 'weights.bin': bytes } })
    expect(parameters['y/weights']).toEqual(Float32Array.of(7))
    await expect(
      importOnnx(external, { externalData: { 'weights.bin': bytes.subarray(5) } }),
    ).rejects.toThrow(
      /^the values of 'w' are said to be 4 bytes from 4 on in the file 'weights.bin', which has 3 there$/,
    )
    const asked: unknown[] = []
    const read = async (...range: [string, number, number]) => {
      asked.push(range)
      return bytes.subarray(4, 8)
    }
    expect((await importOnnx(external, { externalData: read })).parameters).toEqual(parameters)
    expect(asked).toEqual([['weights.bin', 4, 4]])
    await expect(importOnnx(open, { imageSise: 4 } as never)).rejects.toThrow(UsageError)
    await expect(importOnnx(open, { outputs: ['yy'] })).rejects.toThrow(
      /^outputs: unknown output 'yy'; did you mean 'y'/,
    )
  })

  it('of external data that a tensor does not take, and nothing else is read', async () => {
    const outside = (
      name: string,
      dims: readonly number[],
      entries: Readonly<Record<string, number | string>>,
    ) => ({
      ...{ name, dims, dataType: 1, dataLocation: 1 },
      externalData: Object.entries(entries).map(([key, value]) => ({ key, value: `${value}` })),
    })
    const location = 'weights.bin'
    const model = (...constants: readonly OnnxTensor[]) =>
      modelOf({
        inputs: { x: ['N', 1, 2, 2] },
        nodes: [
          op('Conv', 'x w -> y'),
          op('Constant', '-> c', {
            value: { t: outside('', [1, 1, 1, 1], { location, offset: 4 }), type: 4 },
          }),
          op('Mul', 'y c -> z'),
          op('Add', 'z other -> unwanted'),
        ],
        constants,
        outputs: ['z'],
      })
    const asked: unknown[] = []
    const externalData = async (...range: [string, number, number]) => {
      asked.push(range)
      return new Uint8Array(Float32Array.of(range[1] / 4 + 2).buffer)
    }
    const other = outside('other', [1, 1, 1e6, 1e6], { location, offset: 8 })
    const { parameters } = await importOnnx(model(outside('w', [1, 1, 1, 1], { location }), other), {
      externalData,
    })
    expect(asked).toEqual([
      [location, 4, 4],
      [location, 0, 4],
    ])
    expect(Object.values(parameters).map(([value]) => value)).toEqual([2, 3])
    await expect(
      importOnnx(model(outside('w', [1, 1, 1, 1], { location, length: 3e9 })), { externalData }),
    ).rejects.toThrow(
      new FormatError(
        "the values of 'w' are said to be 3000000000 bytes from 0 on in the file 'weights.bin', but its shape and type need 4",
      ),
    )
  })

  it('of images that no memory has', async () => {
    const model = modelOf({
      inputs: { x: ['N', 3, 1e9, 1e9] },
      nodes: [op('Relu', 'x -> y')],
      outputs: ['y'],
    })
    await expect(importOnnx(model)).rejects.toThrow(NetworkError)
    const constant = modelOf({
      inputs: { x: ['N', 3] },
      nodes: [op('ConstantOfShape', 'dims -> c'), op('Add', 'x c -> y')],
      constants: [indices('dims', [1e6, 1e6])],
      outputs: ['y'],
    })
    await expect(importOnnx(constant)).rejects.toThrow(/which is too large/)
  })
})

describe('what files have', () => {
  const convolved = (parts: Partial<Parameters<typeof modelOf>[0]>) =>
    modelOf({ inputs: { x: ['N', 1, 1, 2] }, nodes: [op('Conv', 'x w -> y')], outputs: ['y'], ...parts })
  const x = Float32Array.of(1, 2)

  it('weights of half precision, of bfloat16 and of float64', async () => {
    const stored = (dataType: number, bytes: ArrayBuffer) => ({
      name: 'w',
      dims: [1, 1, 1, 1],
      dataType,
      rawData: new Uint8Array(bytes),
    })
    for (const tensor of [
      stored(10, Uint16Array.of(0xc100).buffer),
      stored(16, Uint16Array.of(0xc020).buffer),
      stored(11, Float64Array.of(-2.5).buffer),
      { name: 'w', dims: [1, 1, 1, 1], dataType: 10, int32Data: [0xc100] },
      { name: 'w', dims: [1, 1, 1, 1], dataType: 1, floatData: [-2.5] },
    ])
      expect(await outputOf(convolved({ constants: [tensor] }), 1, { x })).toEqual([-2.5, -5])
  })

  it('weights in Constant nodes, and equal ones through Identity', async () => {
    const model = modelOf({
      inputs: { x: ['N', 1, 1, 2] },
      nodes: [
        {
          ...op('Constant', '-> w'),
          attribute: [{ name: 'value', t: numbers('', [3], [1, 1, 1, 1]), type: 4 }],
        },
        op('Identity', 'w -> v'),
        op('Conv', 'x w -> y'),
        op('Conv', 'y v -> z'),
      ],
      outputs: ['z'],
    })
    expect(await outputOf(model, 1, { x })).toEqual([9, 18])
  })

  it('weights that are inputs too, of which a remark is made', async () => {
    const { network, notes } = await importOnnx(
      convolved({
        inputs: { x: ['N', 1, 1, 2], w: [1, 1, 1, 1] },
        constants: [numbers('w', [3], [1, 1, 1, 1])],
      }),
    )
    expect(Object.keys(network.inputs)).toEqual(['x'])
    expect(notes.remarks).toEqual(["1 constants are also inputs, so other runtimes can't rely on them."])
  })

  it('weights that are inputs too, which are no names of outputs', async () => {
    const model = modelOf({
      inputs: { x: ['N', 1, 2, 2], weight: [1, 1, 1, 1] },
      nodes: [op('Conv', 'x weight -> y'), op('Relu', 'y -> z')],
      constants: [weights('weight', [1, 1, 1, 1])],
      outputs: ['z'],
    })
    await expect(importOnnx(model, { outputs: ['weigt'] })).rejects.toThrow(
      new UsageError("outputs: unknown output 'weigt' (x, y, z)"),
    )
  })

  it('a batch norm whose momentum is the other way round, in training mode', async () => {
    const statistics = ['s', 'b', 'm', 'v'].map((name, i) => numbers(name, [i + 1]))
    const { network, parameters, notes } = await importOnnx(
      modelOf({
        inputs: { x: ['N', 1, 1, 2] },
        nodes: [op('BatchNormalization', 'x s b m v -> y m2 v2', { momentum: real(0.75), training_mode: 1 })],
        constants: statistics,
        outputs: ['y'],
      }),
    )
    expect(options(network, 0)).toEqual({ epsilon: 1e-5, momentum: 0.25 })
    expect(parameters['y/variance']).toEqual(Float32Array.of(4))
    expect(notes.inTrainingMode).toEqual({ BatchNormalization: 1 })
  })

  const truth = (name: string, value: boolean): OnnxTensor => ({
    name,
    dims: [],
    dataType: 9,
    rawData: Uint8Array.of(Number(value)),
  })

  it('which nodes are in training mode, which each opset says in its own way', async () => {
    const norm = (outputs: string, mode = {}) => op('BatchNormalization', `x s b m v -> ${outputs}`, mode)
    const drop = (inputs: string) => op('Dropout', `${inputs} -> y mask`)
    const cases: [opset: number, node: ReturnType<typeof op>, found: Record<string, number>][] = [
      [9, norm('y'), {}],
      [9, norm('y m2 v2 m3 v3'), { BatchNormalization: 1 }],
      [9, drop('x'), {}],
      [13, norm('y _ _'), {}],
      [13, drop('x half yes'), { Dropout: 1 }],
      [13, drop('x half no'), {}],
      [13, drop('x half'), {}],
      [13, drop('x zero yes'), {}],
      [17, norm('y'), {}],
      [17, norm('y', { training_mode: 0 }), {}],
      [17, norm('y', { training_mode: 1 }), { BatchNormalization: 1 }],
    ]
    for (const [opset, node, found] of cases) {
      const { notes } = await importOnnx(
        modelOf({
          inputs: { x: ['N', 1, 1, 2] },
          nodes: [node, op('Relu', 'y -> z')],
          constants: [
            ...['s', 'b', 'm', 'v'].map((name) => numbers(name, [1])),
            ...[numbers('half', [0.5], []), numbers('zero', [0], [])],
            ...[truth('yes', true), truth('no', false)],
          ],
          outputs: ['z'],
          opset,
        }),
      )
      expect(notes.inTrainingMode, JSON.stringify([opset, node])).toEqual(found)
    }
  })

  it('bounds of Clip as attributes or inputs, one of them or both', async () => {
    const clipped = async (node: ReturnType<typeof op>, opset: number) => {
      const constants = [numbers('low', [-1], []), numbers('high', [2], [])]
      const { network } = await importOnnx(
        modelOf({ inputs: { x: ['N', 2] }, nodes: [node], constants, outputs: ['y'], opset }),
      )
      return [kinds(network)[0], options(network, 0)]
    }
    const largest = 3.4028234663852886e38
    expect(await clipped(op('Clip', 'x -> y', { min: real(-1), max: real(2) }), 6)).toEqual([
      'clip',
      { min: -1, max: 2 },
    ])
    expect(await clipped(op('Clip', 'x low high -> y'), 11)).toEqual(['clip', { min: -1, max: 2 }])
    expect(await clipped(op('Clip', 'x _ high -> y'), 11)).toEqual(['clip', { min: -largest, max: 2 }])
    expect(await clipped(op('Clip', 'x -> y', { min: real(0) }), 6)).toEqual(['relu', {}])
  })

  it('Softmax over all axes from one on before opset 13, and over one from then on', async () => {
    const model = (opset: number) =>
      modelOf({
        inputs: { x: ['N', 2, 1, 2] },
        nodes: [op('Softmax', 'x -> y', { axis: 1 })],
        outputs: ['y'],
        opset,
      })
    const values = { x: new Float32Array(4) }
    expect(await outputOf(model(11), 1, values)).toEqual([0.25, 0.25, 0.25, 0.25])
    expect(await outputOf(model(13), 1, values)).toEqual([0.5, 0.5, 0.5, 0.5])
  })

  it('constants that broadcast by an attribute before opset 7', async () => {
    const added = (
      flow: string,
      attributes: Parameters<typeof op>[2],
      dims: readonly number[],
      opset: number,
    ) =>
      modelOf({
        inputs: { x: ['N', 2, 1, 2] },
        nodes: [op('Add', flow, attributes)],
        constants: [numbers('c', [10, 20], dims)],
        outputs: ['y'],
        opset,
      })
    const values = { x: Float32Array.of(1, 2, 3, 4) }
    for (const model of [
      added('x c -> y', { broadcast: 1, axis: 1 }, [2], 6),
      added('c x -> y', {}, [2, 1, 1], 7),
    ])
      expect(await outputOf(model, 1, values)).toEqual([11, 22, 13, 24])
    // Along the last axis: then those are the channels
    const { notes } = await importOnnx(added('x c -> y', {}, [2], 7))
    expect(notes.inputs[0]!.layout).toBe('NHWC')
  })

  it('padding that is the same on both sides, or lower', async () => {
    const padded = async (attributes: Parameters<typeof op>[2]) => {
      const { network } = await importOnnx(
        modelOf({
          inputs: { x: ['N', 1, 4, 5] },
          nodes: [op('Conv', 'x w -> y', { strides: [2, 2], ...attributes })],
          constants: [weights('w', [1, 1, 3, 3])],
          outputs: ['y'],
        }),
      )
      return options(network, 0).padding
    }
    expect(await padded({ auto_pad: 'SAME_UPPER' })).toEqual({ top: 0, bottom: 1, left: 1, right: 1 })
    expect(await padded({ auto_pad: 'SAME_LOWER' })).toEqual({ top: 1, bottom: 0, left: 1, right: 1 })
    expect(await padded({ pads: [0, 1, 2, 3] })).toEqual({ top: 0, left: 1, bottom: 2, right: 3 })
    expect(await padded({ auto_pad: 'VALID' })).toEqual({ top: 0, bottom: 0, left: 0, right: 0 })
  })

  it('differences, products and powers', async () => {
    const model = modelOf({
      inputs: { x: ['N', 2], y: ['N', 2] },
      nodes: [
        op('Sub', 'x y -> d'),
        op('Pow', 'd three -> p'),
        op('Sub', 'one p -> q'),
        op('Div', 'q c -> out'),
      ],
      constants: [numbers('three', [3], []), numbers('one', [1], []), numbers('c', [2, 4])],
      outputs: ['out'],
    })
    const values = { x: Float32Array.of(1, 2), y: Float32Array.of(3, -1) }
    expectClose(await outputOf(model, 1, values), [(1 + 8) / 2, (1 - 27) / 4])
  })

  it('means over rows, columns or both', async () => {
    const model = modelOf({
      inputs: { x: ['N', 2, 2, 3] },
      nodes: [
        op('ReduceMean', 'x -> rows', { axes: [2], keepdims: 0 }),
        op('ReduceMax', 'rows -> out', { axes: [-1], keepdims: 0 }),
      ],
      outputs: ['out'],
    })
    const x = Float32Array.from({ length: 12 }, (_, i) => i)
    expect(await outputOf(model, 1, { x })).toEqual([7, 8])
  })

  it('quotients in a shape, and a size that comes from another tensor', async () => {
    const model = modelOf({
      inputs: { x: ['N', 2, 2, 2], big: ['N', 2, 6, 8] },
      nodes: [
        op('Shape', 'big -> shape'),
        op('Slice', 'shape two four -> image'),
        op('Shape', 'x -> own'),
        op('Slice', 'own nil two -> kept'),
        op('Concat', 'kept image -> sizes', { axis: 0 }),
        op('Resize', 'x _ _ sizes -> y', { mode: 'linear' }),
        op('Add', 'y big -> z'),
      ],
      constants: [indices('two', [2]), indices('four', [4]), indices('nil', [0])],
      outputs: ['z'],
    })
    const { network } = await importOnnx(model)
    expect(kinds(network)).toEqual(['resize', 'add'])
    expect(network.layers[0]!.outputShape).toEqual([6, 8, 2])
  })
})

it('the notes count a node as fused if the layer of another one computes it', async () => {
  const model = modelOf({
    inputs: { x: ['N', 2, 4, 4] },
    nodes: [
      op('Conv', 'x w -> sums'),
      op('Relu', 'sums -> features'),
      op('Conv', 'features v -> more'),
      op('Mul', 'c c -> factor'),
      op('Mul', 'more factor -> scaled'),
      op('Sigmoid', 'scaled -> gate'),
      op('Mul', 'scaled gate -> swish'),
      op('Flatten', 'swish -> y'),
    ],
    constants: [weights('w', [3, 2, 1, 1]), weights('v', [3, 3, 1, 1]), numbers('c', [2])],
    outputs: ['y'],
  })
  const { network, notes } = await importOnnx(model)
  expect(kinds(network)).toEqual(['conv', 'conv', 'scale', 'silu', 'flatten'])
  expect(network.layers[0]!.layer.name).toBe('features')
  expect(notes.nodes).toEqual({
    layers: { Conv: 2, Mul: 1, Silu: 1 },
    fused: { Sigmoid: 1, Relu: 1 },
    views: { Flatten: 1 },
    folded: { Mul: 1 },
  })
})
