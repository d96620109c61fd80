import { BinaryReader, WireType } from '@bufbuild/protobuf/wire'
import { describe, expect, it } from 'vitest'
import { NetworkError, ShapeError, UsageError } from '../errors.ts'
import {
  type Activation,
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
  dropout,
  flatten,
  globalAveragePool,
  globalMaxPool,
  groupNorm,
  instanceNorm,
  l2Loss,
  layerNorm,
  lrn,
  maxPool,
  multiply,
  pad,
  prelu,
  relu,
  resize,
  scale,
  sigmoid,
  slice,
  softmax,
  softmaxLoss,
  spaceToDepth,
  tanh,
  unflatten,
} from '../layers/index.ts'
import { alexnet, defineNetwork, initialize, type Network, parametersOf } from '../networks/index.ts'
import { elementCount } from '../tensor.ts'
import { type OnnxOptions, onnxModel } from './onnx.ts'

// Read back by the numbers of onnx.proto, which are written down here a second time.

type Fields = ReadonlyMap<number, readonly (number | Uint8Array)[]>

function fieldsOf(bytes: Uint8Array): Fields {
  const reader = new BinaryReader(bytes)
  const fields = new Map<number, (number | Uint8Array)[]>()
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag()
    if (!fields.has(number)) fields.set(number, [])
    const values = fields.get(number)!
    if (type === WireType.LengthDelimited) values.push(reader.bytes())
    else values.push(type === WireType.Bit32 ? reader.float() : Number(reader.int64()))
  }
  return fields
}

const messages = (fields: Fields, number: number) =>
  (fields.get(number) ?? []).map((bytes) => fieldsOf(bytes as Uint8Array))
const message = (fields: Fields, number: number) => messages(fields, number)[0]!
const strings = (fields: Fields, number: number) =>
  (fields.get(number) ?? []).map((bytes) => new TextDecoder().decode(bytes as Uint8Array))

const TEXT = 3
const INTS = 7

/** An attribute's name and value, checking that its type (FLOAT, INT, STRING or INTS) matches the field it is in. */
function attributeOf(attribute: Fields): [string | undefined, unknown] {
  const type = attribute.get(20)![0]
  const field = { 1: 2, 2: 3, [TEXT]: 4, [INTS]: 8 }[type as number]!
  const values = attribute.get(field)!
  return [
    strings(attribute, 1)[0],
    type === INTS ? values : type === TEXT ? strings(attribute, 4)[0] : values[0],
  ]
}

function decode(bytes: Uint8Array) {
  const model = fieldsOf(bytes)
  const graph = message(model, 7)
  const valueInfo = (info: Fields) => {
    const tensorType = message(message(info, 2), 1)
    const dims = messages(message(tensorType, 2), 1).map((dim) => dim.get(1)?.[0] ?? strings(dim, 2)[0])
    return [strings(info, 1)[0], tensorType.get(1)![0], dims]
  }
  return {
    irVersion: model.get(1)![0],
    producer: strings(model, 2)[0],
    opsets: messages(model, 8).map((opset) => [strings(opset, 1)[0], opset.get(2)![0]]),
    name: strings(graph, 2)[0],
    nodes: messages(graph, 1).map((node) => ({
      opType: strings(node, 4)[0],
      inputs: strings(node, 1),
      outputs: strings(node, 2),
      attributes: Object.fromEntries(messages(node, 5).map(attributeOf)),
    })),
    tensors: new Map(
      messages(graph, 5).map((tensor) => {
        const { buffer, byteOffset, byteLength } = tensor.get(9)![0] as Uint8Array
        const values = buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer
        const type = tensor.get(2)![0]
        const data = type === 1 ? [...new Float32Array(values)] : [...new BigInt64Array(values)].map(Number)
        return [strings(tensor, 8)[0], { type, dims: tensor.get(1), data }]
      }),
    ),
    inputs: messages(graph, 11).map(valueInfo),
    outputs: messages(graph, 12).map(valueInfo),
  }
}

/** Every parameter's values are 0, 1, 2, ..., so that one sees where each of them went. */
function numbered(network: Network): Record<string, Float32Array> {
  const entries = Object.entries(parametersOf(network)).map(([name, { shape }]) => [
    name,
    Float32Array.from({ length: elementCount(shape) }, (_, i) => i),
  ])
  return Object.fromEntries(entries)
}

const decoded = (network: Network, options?: OnnxOptions) =>
  decode(onnxModel(network, numbered(network), options))
const opsOf = ({ nodes }: ReturnType<typeof decode>) =>
  nodes.map(({ opType, inputs, outputs }) => `${opType} ${inputs.join(' ')} -> ${outputs.join(' ')}`)

const inputs = { images: [6, 8, 2] } as const

describe('a model', () => {
  const classifier = defineNetwork('classifier', {
    inputs: { ...inputs, labels: [] },
    layers: [
      conv('a', { filters: 3, kernel: [2, 3], stride: [1, 2], padding: 'same', activation: 'relu' }),
      maxPool('b', { kernel: 3, stride: 2 }),
      dropout('c'),
      dense('d', { units: 4, activation: 'relu' }),
      dense('e', { units: 5 }),
      softmaxLoss('loss', { inputs: ['e', 'labels'] }),
    ],
  })

  it('says what it is', () => {
    expect(decoded(classifier)).toMatchObject({
      irVersion: 8,
      producer: 'convmark',
      opsets: [['', 17]],
      name: 'classifier',
    })
  })

  it('ends with the logits: no loss, no labels, and a dropout that does nothing', () => {
    const model = decoded(classifier)
    expect(opsOf(model)).toEqual([
      'Transpose images -> images/nchw',
      'Conv images/nchw a/weights a/biases -> a/sum',
      'Relu a/sum -> a',
      'MaxPool a -> b',
      'Identity b -> c',
      'Flatten c -> d/flattened',
      'Gemm d/flattened d/weights d/biases -> d/sum',
      'Relu d/sum -> d',
      'Gemm d e/weights e/biases -> e',
    ])
    expect(model.inputs).toEqual([['images', 1, ['batch', 6, 8, 2]]])
    expect(model.outputs).toEqual([['e', 1, ['batch', 5]]])
  })

  it("has the windows' sizes, strides and uneven padding", () => {
    const { nodes } = decoded(classifier)
    const attributes = (op: string) => nodes.find(({ opType }) => opType === op)!.attributes
    // SAME: 1 row of padding, below; 1 column, on the right
    expect(attributes('Conv')).toEqual({ kernel_shape: [2, 3], strides: [1, 2], pads: [0, 0, 1, 1] })
    expect(attributes('MaxPool')).toEqual({ kernel_shape: [3, 3], strides: [2, 2], pads: [0, 0, 0, 0] })
    expect(attributes('Flatten')).toEqual({ axis: 1 })
  })

  it('has weights with filters first, and rows of dense ones in the order of NCHW', () => {
    const { tensors } = decoded(classifier)
    const a = tensors.get('a/weights')!
    expect(a).toMatchObject({ type: 1, dims: [3, 2, 2, 3] })
    // Filter 0, channel 0: of (2, 3, 2, 3), every 6th
    expect(a.data.slice(0, 6)).toEqual([0, 6, 12, 18, 24, 30])
    expect(a.data.slice(6, 8)).toEqual([3, 9])
    expect(a.data[12]).toBe(1)
    // (2, 1, 3) values in, 4 units: the second row of channel 0 is the image's 4th value
    const d = tensors.get('d/weights')!
    expect(d).toMatchObject({ dims: [6, 4] })
    expect(d.data.slice(0, 12)).toEqual([0, 1, 2, 3, 12, 13, 14, 15, 4, 5, 6, 7])
    expect(tensors.get('e/weights')).toMatchObject({ dims: [4, 5], data: [...Array(20).keys()] })
    expect(tensors.get('e/biases')).toEqual({ type: 1, dims: [5], data: [0, 1, 2, 3, 4] })
  })

  it('has every weight where it belongs, with no two extents alike', () => {
    const [height, width, channels, filters, units] = [4, 5, 3, 7, 6]
    const [kernelHeight, kernelWidth] = [2, 3]
    const network = defineNetwork('uneven', {
      inputs: { images: [height, width, channels] },
      layers: [
        conv('a', { filters, kernel: [kernelHeight, kernelWidth], padding: 'same' }),
        dense('b', { units }),
        l2Loss('loss'),
      ],
    })
    const { tensors } = decoded(network)
    const a = tensors.get('a/weights')!
    expect(a.dims).toEqual([filters, channels, kernelHeight, kernelWidth])
    const b = tensors.get('b/weights')!
    expect(b.dims).toEqual([filters * height * width, units])
    // `numbered` makes every value its index in convmark's order: (KH, KW, C, F), and rows (H, W, C) of units
    let at = 0
    for (let f = 0; f < filters; f++) {
      for (let c = 0; c < channels; c++) {
        for (let y = 0; y < kernelHeight; y++) {
          for (let x = 0; x < kernelWidth; x++)
            expect(a.data[at++]).toBe(((y * kernelWidth + x) * channels + c) * filters + f)
        }
      }
    }
    at = 0
    for (let c = 0; c < filters; c++) {
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++) {
          for (let u = 0; u < units; u++)
            expect(b.data[at++]).toBe(((y * width + x) * filters + c) * units + u)
        }
      }
    }
  })

  it('has parts of arrays as they are', () => {
    const network = defineNetwork('part', {
      inputs: { values: [1, 1, 2] },
      layers: [dense('a', { units: 3 }), l2Loss('loss')],
    })
    const all = Float32Array.from({ length: 20 }, (_, i) => i)
    const parameters = { 'a/weights': all.subarray(5, 11), 'a/biases': all.subarray(11, 14) }
    const { tensors } = decode(onnxModel(network, parameters))
    expect([...tensors.values()].map(({ data }) => data)).toEqual([
      [5, 6, 7, 8, 9, 10],
      [11, 12, 13],
    ])
  })

  it.each(['conv', 'max-pool'])('has the two axes and the four sides of a %s apart', (kind) => {
    const options = {
      kernel: [4, 5],
      stride: [2, 3],
      padding: { top: 1, bottom: 2, left: 3, right: 4 },
    } as const
    const layer = kind === 'conv' ? conv('a', { filters: 2, ...options }) : maxPool('a', options)
    const network = defineNetwork('window', {
      inputs: { images: [9, 11, 2] },
      layers: [layer, l2Loss('loss')],
    })
    // (9 + 3 - 4) / 2 + 1 rows, without a remainder; (11 + 7 - 5) / 3 + 1 columns, and no window contains the last
    // padded one
    expect(decoded(network).nodes[1]!.attributes).toEqual({
      kernel_shape: [4, 5],
      strides: [2, 3],
      pads: [1, 3, 2, 3],
    })
    expect(decoded(network, { layout: 'NCHW' }).outputs).toEqual([['a', 1, ['batch', 2, 5, 5]]])
    expect(decoded(network).outputs).toEqual([['a', 1, ['batch', 5, 5, 2]]])
  })

  it('has a convolution in groups: filters first, then the channels of a group', () => {
    const network = defineNetwork('grouped', {
      inputs: { images: [1, 1, 4] },
      layers: [conv('a', { filters: 6, kernel: 1, groups: 2, biases: false }), l2Loss('loss')],
    })
    // Row c of the weights has channel c of either group, and filters 0 to 2 read the first
    const weights = Float32Array.from([0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15])
    const { nodes, tensors } = decode(onnxModel(network, { 'a/weights': weights }, { layout: 'NCHW' }))
    expect(nodes[0]!.attributes).toMatchObject({ group: 2 })
    expect(tensors.get('a/weights')).toMatchObject({
      dims: [6, 2, 1, 1],
      data: [0, 10, 1, 11, 2, 12, 3, 13, 4, 14, 5, 15],
    })
  })

  it('has every activation, of a layer and as one', () => {
    const activated = defineNetwork('activated', {
      inputs: { values: [2, 2, 1] },
      layers: [
        dense('a', { units: 3, activation: 'sigmoid' }),
        tanh('b'),
        dense('c', { units: 3, activation: 'tanh' }),
        sigmoid('d'),
        l2Loss('loss'),
      ],
    })
    expect(opsOf(decoded(activated, { layout: 'NCHW' }))).toEqual([
      'Flatten values -> a/flattened',
      'Gemm a/flattened a/weights a/biases -> a/sum',
      'Sigmoid a/sum -> a',
      'Tanh a -> b',
      'Gemm b c/weights c/biases -> c/sum',
      'Tanh c/sum -> c',
      'Sigmoid c -> d',
    ])
  })

  it.each<[Activation, readonly string[], Readonly<Record<string, readonly number[]>>]>([
    ['relu6', ['Clip a/sum a/min a/max -> a'], { 'a/min': [0], 'a/max': [6] }],
    [{ kind: 'leaky-relu', slope: 0.5 }, ['LeakyRelu a/sum -> a'], {}],
    ['elu', ['Elu a/sum -> a'], {}],
    ['hard-sigmoid', ['HardSigmoid a/sum -> a'], {}],
    ['hard-swish', ['HardSwish a/sum -> a'], {}],
    ['silu', ['Sigmoid a/sum -> a/share', 'Mul a/sum a/share -> a'], {}],
    ['softplus', ['Softplus a/sum -> a'], {}],
    ['mish', ['Softplus a/sum -> a/softplus', 'Tanh a/softplus -> a/share', 'Mul a/sum a/share -> a'], {}],
    [
      'gelu',
      [
        'Mul a/sum a/factor -> a/scaled',
        'Erf a/scaled -> a/odd',
        'Add a/odd a/one -> a/raised',
        'Mul a/raised a/half -> a/share',
        'Mul a/sum a/share -> a',
      ],
      { 'a/factor': [Math.fround(Math.SQRT1_2)], 'a/one': [1], 'a/half': [0.5] },
    ],
  ])('has %o as its operators', (activation, ops, constants) => {
    const network = defineNetwork('activated', {
      inputs: { values: [1, 1, 4] },
      layers: [dense('a', { units: 3, activation }), l2Loss('loss')],
    })
    const model = decoded(network, { layout: 'NCHW' })
    expect(opsOf(model).slice(1)).toEqual(['Gemm a/flattened a/weights a/biases -> a/sum', ...ops])
    for (const [name, values] of Object.entries(constants))
      expect(model.tensors.get(name)!.data).toEqual(values)
  })

  it.each([
    ['image', [2, 3, 5], [5, 1, 1]],
    ['features', [1, 1, 5], [5]],
  ] as const)("has a PReLU's slopes for each channel: %s", (what, shape, dims) => {
    const network = defineNetwork('sloped', {
      inputs: { images: shape },
      layers: [...(what === 'image' ? [] : [dense('d', { units: 5 })]), prelu('a'), l2Loss('loss')],
    })
    const model = decoded(network, { layout: 'NCHW' })
    expect(opsOf(model).at(-1)).toBe(`PRelu ${what === 'image' ? 'images' : 'd'} a/slope -> a`)
    expect(model.tensors.get('a/slope')!.dims).toEqual(dims)
  })

  it('gives inputs with fewer axes the missing ones, and multiplies two at a time', () => {
    const network = defineNetwork('broadcast', {
      inputs: { ...inputs, numbers: [] },
      layers: [
        globalAveragePool('pixel'),
        dense('vector', { units: 2 }),
        scale('scaled', { shift: false }),
        add('sum', { inputs: ['images', 'pixel'] }),
        scale('shifted'),
        multiply('three', { inputs: ['scaled', 'shifted', 'numbers'], activation: 'sigmoid' }),
        multiply('two', { inputs: ['vector', 'numbers'] }),
      ],
    })
    const model = decoded(network, { layout: 'NCHW' })
    expect(opsOf(model).slice(3)).toEqual([
      'Mul vector scaled/scale -> scaled',
      'Add images pixel -> sum',
      'Mul sum shifted/scale -> shifted/scaled',
      'Add shifted/scaled shifted/shift -> shifted',
      'Unsqueeze scaled three/input0.axes -> three/input0',
      'Unsqueeze numbers three/input2.axes -> three/input2',
      'Mul three/input0 shifted -> three/product1',
      'Mul three/product1 three/input2 -> three/product',
      'Sigmoid three/product -> three',
      'Unsqueeze numbers two/input1.axes -> two/input1',
      'Mul vector two/input1 -> two',
    ])
    const shapeOf = (name: string) => model.tensors.get(name)!.dims
    expect(['scaled/scale', 'shifted/scale', 'shifted/shift'].map(shapeOf)).toEqual([
      [2],
      [2, 1, 1],
      [2, 1, 1],
    ])
    const axesOf = (name: string) => model.tensors.get(`${name}.axes`)!.data
    expect(['three/input0', 'three/input2', 'two/input1'].map(axesOf)).toEqual([[2, 3], [1, 2, 3], [1]])
  })

  const branches = defineNetwork('branches', {
    inputs,
    layers: [
      relu('a'),
      lrn('b', { radius: 2, alpha: 0.5, beta: 0.75, bias: 2 }),
      maxPool('c', { kernel: 2, inputs: ['a'] }),
      dense('d', { units: 3, inputs: ['a'] }),
      lrn('e', { radius: 1 }),
      l2Loss('loss'),
    ],
  })

  it('has every output, transposed where it is an image', () => {
    const model = decoded(branches)
    expect(opsOf(model).filter((op) => op.startsWith('Transpose'))).toEqual([
      'Transpose images -> images/nchw',
      'Transpose b/nchw -> b',
      'Transpose c/nchw -> c',
    ])
    expect(model.nodes.filter(({ opType }) => opType === 'Transpose').map((n) => n.attributes)).toEqual([
      { perm: [0, 3, 1, 2] },
      { perm: [0, 2, 3, 1] },
      { perm: [0, 2, 3, 1] },
    ])
    expect(model.outputs).toEqual([
      ['b', 1, ['batch', 6, 8, 2]],
      ['c', 1, ['batch', 5, 7, 2]],
      ['e', 1, ['batch', 3]],
    ])
  })

  it('is NCHW throughout, and of one batch, if that is asked for', () => {
    const model = decoded(branches, { layout: 'NCHW', batch: 9 })
    expect(opsOf(model).join()).not.toMatch(/Transpose|nchw/)
    expect(model.inputs).toEqual([['images', 1, [9, 2, 6, 8]]])
    expect(model.outputs).toEqual([
      ['b', 1, [9, 2, 6, 8]],
      ['c', 1, [9, 2, 5, 7]],
      ['e', 1, [9, 3]],
    ])
  })

  it("has LRN's alpha times the window, and LRN of what is no image as one of an image", () => {
    const model = decoded(branches)
    const [ofImages] = model.nodes.filter(({ opType }) => opType === 'LRN')
    expect(ofImages!.attributes).toEqual({ size: 5, alpha: 2.5, beta: 0.75, bias: 2 })
    expect(opsOf(model).slice(-5, -2)).toEqual([
      'Reshape d e/image.shape -> e/image',
      'LRN e/image -> e/normalized',
      'Reshape e/normalized e/normalized.shape -> e',
    ])
    expect(model.tensors.get('e/image.shape')).toEqual({ type: 7, dims: [4], data: [0, 3, 1, 1] })
    expect(model.tensors.get('e/normalized.shape')).toEqual({ type: 7, dims: [2], data: [0, 3] })
  })

  it('has the size of an even LRN', () => {
    const network = defineNetwork('even', {
      inputs: { images: [2, 2, 5] },
      layers: [lrn('a', { radius: 1, even: true, alpha: 0.5 })],
    })
    const [found] = decoded(network).nodes.filter(({ opType }) => opType === 'LRN')
    expect(found!.attributes).toMatchObject({ size: 4, alpha: 2 })
  })

  const attributesOf = ({ nodes }: ReturnType<typeof decode>, output: string) =>
    nodes.find(({ outputs }) => outputs[0] === output)!.attributes

  it('has what layers of several inputs read, in their order', () => {
    const blocks = defineNetwork('blocks', {
      inputs,
      layers: [
        relu('a'),
        tanh('b'),
        add('two', { inputs: ['b', 'a'], activation: 'relu' }),
        add('three', { inputs: ['a', 'two', 'b'] }),
        concat('joined', { inputs: ['three', 'images', 'a'] }),
        slice('middle', { begin: 1, end: 5 }),
        softmax('shares'),
        globalAveragePool('average'),
        globalMaxPool('maximum', { inputs: ['shares'] }),
        dense('features', { units: 3 }),
        concat('features-joined', { inputs: ['features', 'features'] }),
        slice('features-slice', { begin: 2, end: 4 }),
        softmax('features-shares'),
      ],
    })
    const model = decoded(blocks)
    expect(opsOf(model)).toEqual([
      'Transpose images -> images/nchw',
      'Relu images/nchw -> a',
      'Tanh a -> b',
      'Add b a -> two/sum',
      'Relu two/sum -> two',
      'Sum a two b -> three',
      'Concat three images/nchw a -> joined',
      'Slice joined middle/starts middle/ends middle/axes -> middle',
      'Softmax middle -> shares',
      'GlobalAveragePool shares -> average/nchw',
      'GlobalMaxPool shares -> maximum',
      'Flatten maximum -> features/flattened',
      'Gemm features/flattened features/weights features/biases -> features',
      'Concat features features -> features-joined',
      'Slice features-joined features-slice/starts features-slice/ends features-slice/axes -> features-slice',
      'Softmax features-slice -> features-shares',
      'Transpose average/nchw -> average',
    ])
    for (const name of ['joined', 'shares', 'features-joined', 'features-shares'])
      expect(attributesOf(model, name)).toEqual({ axis: 1 })
    const whole = (value: number) => ({ type: 7, dims: [1], data: [value] })
    expect(model.tensors.get('middle/starts')).toEqual(whole(1))
    expect(model.tensors.get('middle/ends')).toEqual(whole(5))
    expect(model.tensors.get('middle/axes')).toEqual(whole(1))
    expect(model.outputs).toEqual([
      ['average', 1, ['batch', 1, 1, 4]],
      ['features-shares', 1, ['batch', 2]],
    ])
  })

  it('has pads, blocks and shuffles by ONNX’s operators, or by transposing axes where it has none', () => {
    const network = defineNetwork('moved', {
      inputs,
      layers: [
        pad('padded', { padding: [0, 2, 1, 3], value: 2.5 }),
        pad('mirrored', { padding: 1, mode: 'reflect' }),
        pad('extended', { padding: [1, 1, 0, 0], mode: 'edge' }),
        spaceToDepth('deep', { blockSize: 2 }),
        depthToSpace('apart', { blockSize: 2, mode: 'CRD' }),
        spaceToDepth('other', { blockSize: 2, mode: 'CRD' }),
        depthToSpace('wide', { blockSize: 2 }),
        channelShuffle('shuffled', { groups: 2 }),
        flatten('vector'),
        channelShuffle('shuffled-vector', { groups: 4 }),
        unflatten('image', { height: 2, width: 4 }),
        flatten('pixels', { order: 'HWC' }),
        unflatten('pixels-apart', { height: 2, width: 4, order: 'HWC' }),
        crop('part', { left: 3, height: 2, width: 2, step: [1, -2] }),
      ],
    })
    const model = decoded(network)
    expect(opsOf(model)).toEqual([
      'Transpose images -> images/nchw',
      'Pad images/nchw padded/pads padded/value -> padded',
      'Pad padded mirrored/pads -> mirrored',
      'Pad mirrored extended/pads -> extended',
      'SpaceToDepth extended -> deep',
      'DepthToSpace deep -> apart',
      'Reshape apart other/split.shape -> other/split',
      'Transpose other/split -> other/ordered',
      'Reshape other/ordered other/joined.shape -> other',
      'DepthToSpace other -> wide',
      'Reshape wide shuffled/split.shape -> shuffled/split',
      'Transpose shuffled/split -> shuffled/ordered',
      'Reshape shuffled/ordered shuffled/joined.shape -> shuffled',
      'Flatten shuffled -> vector',
      'Reshape vector shuffled-vector/split.shape -> shuffled-vector/split',
      'Transpose shuffled-vector/split -> shuffled-vector/ordered',
      'Reshape shuffled-vector/ordered shuffled-vector/joined.shape -> shuffled-vector',
      'Reshape shuffled-vector image/shape -> image',
      'Transpose image -> pixels/pixels',
      'Flatten pixels/pixels -> pixels',
      'Reshape pixels pixels-apart/shape -> pixels-apart/pixels',
      'Transpose pixels-apart/pixels -> pixels-apart',
      'Slice pixels-apart part/starts part/ends part/axes part/steps -> part/nchw',
      'Transpose part/nchw -> part',
    ])
    const dataOf = (name: string) => model.tensors.get(name)!.data
    expect(dataOf('image/shape').slice(2)).toEqual([2, 4])
    expect(dataOf('pixels-apart/shape').slice(1, 3)).toEqual([2, 4])
    expect(dataOf('part/starts')).toEqual([0, 3])
    expect(dataOf('part/ends')).toEqual([2, -5])
    expect(dataOf('part/steps')).toEqual([1, -2])
    expect(model.tensors.get('padded/value')).toEqual({ type: 1, dims: undefined, data: [2.5] })
    expect(dataOf('padded/pads')).toEqual([0, 0, 0, 1, 0, 0, 2, 3])
    expect(dataOf('mirrored/pads')).toEqual([0, 0, 1, 1, 0, 0, 1, 1])
    expect(attributesOf(model, 'padded')).toEqual({ mode: 'constant' })
    expect(attributesOf(model, 'mirrored')).toEqual({ mode: 'reflect' })
    expect(attributesOf(model, 'extended')).toEqual({ mode: 'edge' })
    expect(attributesOf(model, 'deep')).toEqual({ blocksize: 2 })
    expect(attributesOf(model, 'apart')).toEqual({ blocksize: 2, mode: 'CRD' })
    expect(attributesOf(model, 'wide')).toEqual({ blocksize: 2, mode: 'DCR' })
    // Of images of 12 x 14 with 2 channels
    expect(dataOf('other/split.shape')).toEqual([0, 2, 6, 2, 7, 2])
    expect(attributesOf(model, 'other/ordered')).toEqual({ perm: [0, 1, 3, 5, 2, 4] })
    expect(dataOf('other/joined.shape')).toEqual([0, 8, 6, 7])
    expect(dataOf('shuffled/split.shape')).toEqual([0, 2, 1, 12, 14])
    expect(attributesOf(model, 'shuffled/ordered')).toEqual({ perm: [0, 2, 1, 3, 4] })
    expect(dataOf('shuffled/joined.shape')).toEqual([0, 2, 12, 14])
    expect(attributesOf(model, 'vector')).toEqual({ axis: 1 })
    expect(dataOf('shuffled-vector/split.shape')).toEqual([0, 4, 84])
    expect(attributesOf(model, 'shuffled-vector/ordered')).toEqual({ perm: [0, 2, 1] })
    expect(dataOf('shuffled-vector/joined.shape')).toEqual([0, 336])
  })

  it('has resizes by scales or sizes, with ONNX’s own words', () => {
    const network = defineNetwork('resized', {
      inputs,
      layers: [
        resize('twice', { scale: [2, 1.5] }),
        resize('small', { size: [5, 3], mode: 'linear', coordinates: 'align_corners' }),
        resize('last', { scale: 2, coordinates: 'asymmetric', rounding: 'floor' }),
      ],
    })
    const model = decoded(network, { layout: 'NCHW' })
    expect(opsOf(model)).toEqual([
      'Resize images  twice/scales -> twice',
      'Shape twice -> small/kept',
      'Concat small/kept small/size -> small/sizes',
      'Resize twice   small/sizes -> small',
      'Resize small  last/scales -> last',
    ])
    expect(model.tensors.get('twice/scales')).toEqual({ type: 1, dims: [4], data: [1, 1, 2, 1.5] })
    expect(model.tensors.get('small/size')).toEqual({ type: 7, dims: [2], data: [5, 3] })
    expect(attributesOf(model, 'small/kept')).toEqual({ start: 0, end: 2 })
    const coordinates = 'coordinate_transformation_mode'
    expect(attributesOf(model, 'twice')).toEqual({
      mode: 'nearest',
      [coordinates]: 'half_pixel',
      nearest_mode: 'round_prefer_floor',
    })
    expect(attributesOf(model, 'small')).toEqual({ mode: 'linear', [coordinates]: 'align_corners' })
    expect(attributesOf(model, 'last')).toEqual({
      mode: 'nearest',
      [coordinates]: 'asymmetric',
      nearest_mode: 'floor',
    })
  })

  it('has instance norms, and group norms as instance norms of groups', () => {
    const network = defineNetwork('normalized', {
      inputs,
      layers: [
        conv('a', { filters: 6, kernel: 1 }),
        instanceNorm('channels', { epsilon: 0.5 }),
        groupNorm('groups', { groups: 2, epsilon: 0.25 }),
      ],
    })
    const model = decoded(network, { layout: 'NCHW' })
    expect(opsOf(model).slice(1)).toEqual([
      'InstanceNormalization a channels/scale channels/shift -> channels',
      'Reshape channels groups/groups.shape -> groups/groups',
      'InstanceNormalization groups/groups groups/ones groups/zeros -> groups/normalized',
      'Reshape groups/normalized groups/channels.shape -> groups/channels',
      'Mul groups/channels groups/scale -> groups/scaled',
      'Add groups/scaled groups/shift -> groups',
    ])
    expect(attributesOf(model, 'channels')).toEqual({ epsilon: 0.5 })
    expect(attributesOf(model, 'groups/normalized')).toEqual({ epsilon: 0.25 })
    const dataOf = (name: string) => model.tensors.get(name)
    expect(dataOf('groups/groups.shape')).toEqual({ type: 7, dims: [3], data: [0, 2, -1] })
    expect(dataOf('groups/channels.shape')).toEqual({ type: 7, dims: [4], data: [0, 6, 6, 8] })
    expect(dataOf('groups/ones')).toEqual({ type: 1, dims: [2], data: [1, 1] })
    expect(dataOf('groups/zeros')).toEqual({ type: 1, dims: [2], data: [0, 0] })
    expect(dataOf('groups/scale')).toEqual({ type: 1, dims: [6, 1, 1], data: [0, 1, 2, 3, 4, 5] })
    expect(dataOf('groups/shift')).toEqual({ type: 1, dims: [6, 1, 1], data: [0, 1, 2, 3, 4, 5] })
  })

  it('has layer norms over the last axis, to which channels are moved', () => {
    const network = defineNetwork('normalized', {
      inputs,
      layers: [layerNorm('pixels', { epsilon: 0.5 }), dense('fc', { units: 3 }), layerNorm('vector')],
    })
    const model = decoded(network, { layout: 'NCHW' })
    expect(opsOf(model)).toEqual([
      'Transpose images -> pixels/nhwc',
      'LayerNormalization pixels/nhwc pixels/scale pixels/shift -> pixels/normalized',
      'Transpose pixels/normalized -> pixels',
      'Flatten pixels -> fc/flattened',
      'Gemm fc/flattened fc/weights fc/biases -> fc',
      'LayerNormalization fc vector/scale vector/shift -> vector',
    ])
    expect(attributesOf(model, 'pixels/nhwc')).toEqual({ perm: [0, 2, 3, 1] })
    expect(attributesOf(model, 'pixels')).toEqual({ perm: [0, 3, 1, 2] })
    expect(attributesOf(model, 'pixels/normalized')).toEqual({ axis: -1, epsilon: 0.5 })
    expect(model.tensors.get('vector/scale')).toEqual({ type: 1, dims: [3], data: [0, 1, 2] })
  })

  it('has batch norm by its running statistics, and sums without biases', () => {
    const network = defineNetwork('normalized', {
      inputs,
      layers: [
        conv('a', { filters: 3, kernel: [2, 3], dilation: [3, 2], padding: 'same', biases: false }),
        batchNorm('b', { epsilon: 0.5, activation: 'relu' }),
        dense('c', { units: 4, biases: false }),
        batchNorm('d'),
      ],
    })
    const model = decoded(network)
    expect(opsOf(model).slice(1)).toEqual([
      'Conv images/nchw a/weights -> a',
      'BatchNormalization a b/scale b/shift b/mean b/variance -> b/normalized',
      'Relu b/normalized -> b',
      'Flatten b -> c/flattened',
      'Gemm c/flattened c/weights -> c',
      'BatchNormalization c d/scale d/shift d/mean d/variance -> d',
    ])
    // With its dilation the kernel is 4 by 5
    expect(attributesOf(model, 'a')).toEqual({
      kernel_shape: [2, 3],
      strides: [1, 1],
      pads: [1, 2, 2, 2],
      dilations: [3, 2],
    })
    expect(attributesOf(model, 'b/normalized')).toEqual({ epsilon: 0.5 })
    expect(attributesOf(model, 'd')).toEqual({ epsilon: Math.fround(1e-5) })
    expect(model.tensors.get('d/variance')).toEqual({ type: 1, dims: [4], data: [0, 1, 2, 3] })
    const names = ['a/weights', 'c/weights'].concat(
      ...['b', 'd'].map((name) => ['scale', 'shift', 'mean', 'variance'].map((end) => `${name}/${end}`)),
    )
    expect([...model.tensors.keys()].toSorted()).toEqual(names.toSorted())
  })

  it('has transposed convolutions with channels first, their pads, and as output padding what no kernel reaches', () => {
    const network = defineNetwork('decoder', {
      inputs,
      layers: [
        convTranspose('a', { filters: 3, kernel: 2, stride: [2, 3], padding: 'same', activation: 'relu' }),
        convTranspose('b', {
          filters: 2,
          kernel: [1, 2],
          dilation: [1, 2],
          stride: 2,
          padding: [0, 1, 2, 0],
          outputPadding: [1, 0],
          biases: false,
        }),
      ],
    })
    const model = decoded(network, { layout: 'NCHW' })
    expect(opsOf(model)).toEqual([
      'ConvTranspose images a/weights a/biases -> a/sum',
      'Relu a/sum -> a',
      'ConvTranspose a b/weights -> b',
    ])
    expect(attributesOf(model, 'a/sum')).toEqual({
      kernel_shape: [2, 2],
      strides: [2, 3],
      pads: [0, 0, 0, 0],
      output_padding: [0, 1],
    })
    expect(attributesOf(model, 'b')).toEqual({
      kernel_shape: [1, 2],
      strides: [2, 2],
      pads: [0, 2, 0, 0],
      dilations: [1, 2],
    })
    // Weights (1, 2, 2, 3) as (3, 2, 1, 2): channel, filter, column
    expect(model.tensors.get('b/weights')).toEqual({
      type: 1,
      dims: [3, 2, 1, 2],
      data: [0, 6, 3, 9, 1, 7, 4, 10, 2, 8, 5, 11],
    })
  })

  it("has ceil mode's last windows as padding, which counts only where it was given", () => {
    // Along the height, of 6: windows at -1, 2 and 5 reach two rows beyond the image, and one beyond the padding. Along
    // the width, of 8: the windows at -1, 2 and 5 end with the image.
    const window = { kernel: 3, stride: 3, padding: 1, ceilMode: true, inputs: ['images'] } as const
    const network = defineNetwork('ceil', {
      inputs,
      layers: [
        maxPool('maximum', window),
        averagePool('average', window),
        averagePool('counting', { ...window, countPadding: true }),
        averagePool('counting-floor', { ...window, ceilMode: false, countPadding: true }),
      ],
    })
    const model = decoded(network, { layout: 'NCHW' })
    expect(opsOf(model)).toEqual([
      'MaxPool images -> maximum',
      'AveragePool images -> average',
      'Pad images counting/padded.pads -> counting/padded',
      'AveragePool counting/padded -> counting',
      'AveragePool images -> counting-floor',
    ])
    const sizes = { kernel_shape: [3, 3], strides: [3, 3] }
    expect(attributesOf(model, 'maximum')).toEqual({ ...sizes, pads: [1, 1, 2, 0] })
    expect(attributesOf(model, 'average')).toEqual({ ...sizes, pads: [1, 1, 2, 0], count_include_pad: 0 })
    expect(attributesOf(model, 'counting')).toEqual({ ...sizes, pads: [0, 0, 1, 0] })
    expect(attributesOf(model, 'counting-floor')).toEqual({
      ...sizes,
      pads: [1, 1, 0, 0],
      count_include_pad: 1,
    })
    expect(model.tensors.get('counting/padded.pads')).toEqual({
      type: 7,
      dims: [8],
      data: [0, 0, 1, 1, 0, 0, 1, 0],
    })
    expect(model.outputs.slice(1, 3)).toEqual([
      ['average', 1, ['batch', 2, 3, 3]],
      ['counting', 1, ['batch', 2, 3, 3]],
    ])
  })

  it('of AlexNet has its parameters, and nothing else of weight', () => {
    const network = alexnet()
    const bytes = onnxModel(network, initialize(network, { seed: 7 }))
    expect(bytes.length - 4 * 2_469_696).toBeLessThan(3000)
    expect(decode(bytes).nodes.map(({ opType }) => opType)).toEqual(
      ['Transpose', 'Conv', 'Relu', 'LRN', 'MaxPool', 'Conv', 'Relu', 'LRN', 'MaxPool'].concat(
        ...['Conv', 'Relu', 'Conv', 'Relu', 'Conv', 'Relu', 'MaxPool', 'Transpose'],
      ),
    )
  })
})

describe('what is refused', () => {
  const network = defineNetwork('n', { inputs, layers: [conv('a', { filters: 3, kernel: 3 })] })
  const { 'a/weights': weights, 'a/biases': biases } = numbered(network)

  it('a parameter that is missing', () => {
    const write = () => onnxModel(network, { 'a/weights': weights! })
    expect(write).toThrow(UsageError)
    expect(write).toThrow("n: the parameter 'a/biases' is missing; give all of them")
  })

  it('a parameter of another size', () => {
    const write = () => onnxModel(network, { 'a/weights': biases!, 'a/biases': biases! })
    expect(write).toThrow(ShapeError)
    expect(write).toThrow("'a/weights' is [3, 3, 2, 3], 54 values; 3 were given")
  })

  it('a network of losses alone', () => {
    const losses = defineNetwork('losses', { inputs, layers: [l2Loss('loss')] })
    expect(() => onnxModel(losses, {})).toThrow(
      new NetworkError('losses: it has no layer but losses to export'),
    )
  })
})
