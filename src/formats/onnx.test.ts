import { BinaryReader, WireType } from '@bufbuild/protobuf/wire'
import { describe, expect, it } from 'vitest'
import { NetworkError, ShapeError, UsageError } from '../errors.ts'
import {
  add,
  averagePool,
  batchNorm,
  concat,
  conv,
  dense,
  dropout,
  globalAveragePool,
  globalMaxPool,
  l2Loss,
  lrn,
  maxPool,
  relu,
  sigmoid,
  slice,
  softmax,
  softmaxLoss,
  tanh,
} from '../layers/index.ts'
import { alexnet, defineNetwork, initialize, type Network, parametersOf } from '../networks/index.ts'
import { elementCount } from '../tensor.ts'
import { type OnnxOptions, onnxModel } from './onnx.ts'

// Read back by the numbers of onnx.proto, written down here once more.

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

const INTS = 7

/** An attribute's name and value, after its type (FLOAT, INT or INTS), which must be that of the field it is in. */
function attributeOf(attribute: Fields): [string | undefined, unknown] {
  const type = attribute.get(20)![0]
  const field = { 1: 2, 2: 3, [INTS]: 8 }[type as number]!
  const values = attribute.get(field)!
  return [strings(attribute, 1)[0], type === INTS ? values : values[0]]
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

/** Every parameter's values are 0, 1, 2, ..., so that it shows where each went. */
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
    // SAME: 1 row is padded, below; 1 column in all, on the right
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
    // `numbered` gives every value its place in convmark's order: (KH, KW, C, F), and rows (H, W, C) of units
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
    // (9 + 3 - 4) / 2 + 1 rows, with no rest; (11 + 7 - 5) / 3 + 1 columns, and the last padded one is in no window
    expect(decoded(network).nodes[1]!.attributes).toEqual({
      kernel_shape: [4, 5],
      strides: [2, 3],
      pads: [1, 3, 2, 3],
    })
    expect(decoded(network, { layout: 'NCHW' }).outputs).toEqual([['a', 1, ['batch', 2, 5, 5]]])
    expect(decoded(network).outputs).toEqual([['a', 1, ['batch', 5, 5, 2]]])
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

  it("has ceil mode's last windows as padding, which counts only where it was given", () => {
    // Along the height, of 6: windows at -1, 2 and 5 go two rows beyond, and one beyond the padding. Along the width, of 8:
    // the windows at -1, 2 and 5 end with the image.
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
