import { oneOf, optional, positiveInteger, type Rules, requireOptions } from '../check-options.ts'
import { NetworkError, ShapeError, UsageError } from '../errors.ts'
import {
  type Activated,
  type Activation,
  type LayerKind,
  type LayerOptions,
  type WindowGeometry,
  windowGeometry,
} from '../layers/index.ts'
import { type Network, outputsOf, type ResolvedLayer, requireNetwork, shapeOf } from '../networks/index.ts'
import { convolutionHalo } from '../plan/geometry.ts'
import { asImageShape, elementCount, formatShape, type Shape } from '../tensor.ts'
import { VERSION } from '../version.ts'
import { encodeMessage, type Message } from './onnx-messages.ts'

export interface OnnxOptions {
  /**
   * Of the inputs and outputs that are images. ONNX computes in NCHW; `NHWC`, convmark's own and the default, has a
   * Transpose at each of them.
   */
  readonly layout?: 'NHWC' | 'NCHW'
  /** Left out, the model takes any batch. */
  readonly batch?: number
}

const optionRules: Rules<OnnxOptions> = {
  layout: optional(oneOf(['NHWC', 'NCHW'])),
  batch: optional(positiveInteger),
}

type Node = Message<'NodeProto'>
type Tensor = Message<'TensorProto'>
type Attribute = Message<'AttributeProto'>

/** ONNX 1.12, of 2022: all that is needed, and what is installed anywhere reads it. */
const IR_VERSION = 8
const OPSET = 17
const DATA_TYPES = { float: 1, int64: 7 } as const
const ATTRIBUTE_TYPES = { f: 1, i: 2, ints: 7 } as const
const BATCH = 'batch'
/** Protobuf ends at 2 GiB; the rest is room for the graph. */
const MAX_PARAMETER_BYTES = 2e9

/**
 * A network and its parameters (by name, in convmark's layouts) as the bytes of an ONNX model that does what forward does:
 * from the inputs, under their names, to the tensors that no layer reads. Losses, and the labels that they alone read, are
 * left out, so a classifier ends with its logits. Activations in between have convmark's names too, in NCHW.
 * Throws UsageError or ShapeError, naming the tensor, where a parameter is missing or has another size.
 * Source: https://onnx.ai/onnx/operators (opset 17).
 */
export function onnxModel(
  network: Network,
  parameters: Readonly<Record<string, Float32Array>>,
  options: OnnxOptions = {},
): Uint8Array {
  requireNetwork('onnxModel', network)
  requireOptions('onnxModel', options, optionRules)
  const layers = network.layers.filter(({ isLoss }) => !isLoss)
  requireParameters(network, layers, parameters)
  const outputs = outputsOf(network)
  if (outputs.length === 0) throw new NetworkError(`${network.name}: it has no layer but losses to export`)
  const read = new Set(layers.flatMap(({ inputs }) => inputs))
  const inputs = Object.keys(network.inputs).filter((name) => read.has(name))

  const { layout = 'NHWC', batch } = options
  const shapes = new Map([...inputs, ...outputs].map((name) => [name, shapeOf(network, name)]))
  const isTransposed = (tensor: string) => layout === 'NHWC' && shapes.get(tensor)?.length === 3
  const valueNamed = (tensor: string) => (isTransposed(tensor) ? `${tensor}/nchw` : tensor)
  const valueInfo = (name: string) => describeValue(name, shapes.get(name)!, layout, batch)

  const parts = layers.map((layer) => translate(layer, valueNamed, parameters))
  const graph: Message<'GraphProto'> = {
    name: network.name,
    node: [
      ...inputs.filter(isTransposed).map((name) => transpose(name, valueNamed(name), [0, 3, 1, 2])),
      ...parts.flatMap(({ nodes }) => nodes),
      ...outputs.filter(isTransposed).map((name) => transpose(valueNamed(name), name, [0, 2, 3, 1])),
    ],
    initializer: parts.flatMap(({ tensors = [] }) => tensors),
    input: inputs.map(valueInfo),
    output: outputs.map(valueInfo),
  }
  return encodeMessage('ModelProto', {
    irVersion: IR_VERSION,
    producerName: 'convmark',
    producerVersion: VERSION,
    graph,
    opsetImport: [{ domain: '', version: OPSET }],
  })
}

const ACTIVATION_OPS: Readonly<Record<Activation, string>> = {
  relu: 'Relu',
  sigmoid: 'Sigmoid',
  tanh: 'Tanh',
}

/** A layer in the graph: the values that it reads and makes, in NCHW, and its parameters by the end of their names. */
interface Place<Options> {
  readonly name: string
  readonly options: Options
  readonly input: string
  readonly inputShape: Shape
  readonly output: string
  readonly parameters: Readonly<Record<string, Float32Array>>
}

interface Part {
  /** In the order in which they compute; the last makes the layer's output. */
  readonly nodes: readonly Node[]
  readonly tensors?: readonly Tensor[]
}

/** The table kind -> nodes. */
const rules: {
  readonly [Kind in LayerKind]: ((place: Place<LayerOptions<Kind>>) => Part) | 'left out'
} = {
  conv: ({ name, options, input, inputShape: [height, width, channels], output, parameters }) => {
    const { filters } = options
    const geometry = windowGeometry(name, options, height!, width!)
    const { kernelHeight, kernelWidth } = geometry
    const weights = permuted(
      parameters.weights!,
      [kernelHeight, kernelWidth, channels!, filters],
      [3, 2, 0, 1],
    )
    return {
      nodes: activated(name, options, output, (sum) =>
        node('Conv', [input, `${name}/weights`, `${name}/biases`], sum, windowAttributes(geometry)),
      ),
      tensors: [
        floats(`${name}/weights`, [filters, channels!, kernelHeight, kernelWidth], weights),
        floats(`${name}/biases`, [filters], parameters.biases!),
      ],
    }
  },

  dense: ({ name, options, input, inputShape, output, parameters: { weights, biases } }) => {
    const { units } = options
    const flattened = inputShape.length === 1 ? input : `${name}/flattened`
    const flatten = node('Flatten', [input], flattened, [integer('axis', 1)])
    // Flattened it is in C, H, W order, and convmark's rows of weights in H, W, C order.
    const rows = permuted(weights!, [...asImageShape(inputShape), units], [2, 0, 1, 3])
    return {
      nodes: [
        ...(flattened === input ? [] : [flatten]),
        ...activated(name, options, output, (sum) =>
          node('Gemm', [flattened, `${name}/weights`, `${name}/biases`], sum),
        ),
      ],
      tensors: [
        floats(`${name}/weights`, [elementCount(inputShape), units], rows),
        floats(`${name}/biases`, [units], biases!),
      ],
    }
  },

  relu: ({ input, output }) => ({ nodes: [node(ACTIVATION_OPS.relu, [input], output)] }),
  sigmoid: ({ input, output }) => ({ nodes: [node(ACTIVATION_OPS.sigmoid, [input], output)] }),
  tanh: ({ input, output }) => ({ nodes: [node(ACTIVATION_OPS.tanh, [input], output)] }),

  lrn: ({ name, options: { radius, bias, alpha, beta }, input, inputShape, output }) => {
    const size = 2 * radius + 1
    const attributes = [
      integer('size', size),
      float('bias', bias),
      // ONNX divides it by the window, convmark does not.
      float('alpha', alpha * size),
      float('beta', beta),
    ]
    if (inputShape.length === 3) return { nodes: [node('LRN', [input], output, attributes)] }
    // It is defined for images alone.
    const [image, normalized] = [`${name}/image`, `${name}/normalized`]
    const [imageShape, outputShape] = [`${image}.shape`, `${normalized}.shape`]
    return {
      nodes: [
        node('Reshape', [input, imageShape], image),
        node('LRN', [image], normalized, attributes),
        node('Reshape', [normalized, outputShape], output),
      ],
      // 0: the batch, as it is.
      tensors: [
        integers(imageShape, [0, elementCount(inputShape), 1, 1]),
        integers(outputShape, [0, ...inputShape]),
      ],
    }
  },

  // Off in forward. A node all the same, so that the tensor has its name; runtimes remove it.
  dropout: ({ input, output }) => ({ nodes: [node('Identity', [input], output)] }),

  'max-pool': ({ name, options, input, inputShape: [height, width], output }) => ({
    nodes: [
      node('MaxPool', [input], output, windowAttributes(windowGeometry(name, options, height!, width!))),
    ],
  }),

  'l2-loss': 'left out',
  'softmax-loss': 'left out',
}

function translate(
  { layer, inputs, inputShapes, parameters: specs }: ResolvedLayer,
  valueNamed: (tensor: string) => string,
  parameters: Readonly<Record<string, Float32Array>>,
): Part {
  const rule = rules[layer.kind] as ((place: Place<unknown>) => Part) | 'left out'
  if (rule === 'left out') return { nodes: [] }
  const { name, options } = layer
  const own = Object.keys(specs).map((full) => [full.slice(name.length + 1), parameters[full]!])
  return rule({
    name,
    options,
    input: valueNamed(inputs[0]!),
    inputShape: inputShapes[0]!,
    output: valueNamed(name),
    parameters: Object.fromEntries(own),
  })
}

function requireParameters(
  network: Network,
  layers: readonly ResolvedLayer[],
  parameters: Readonly<Record<string, Float32Array>>,
): void {
  let byteLength = 0
  for (const [name, { shape }] of layers.flatMap((layer) => Object.entries(layer.parameters))) {
    const values = Object.hasOwn(parameters, name) ? parameters[name] : undefined
    if (!values) throw new UsageError(`${network.name}: the parameter '${name}' is missing; give all of them`)
    if (values.length !== elementCount(shape)) {
      throw new ShapeError(
        `'${name}' is ${formatShape(shape)}, ${elementCount(shape)} values; ${values.length} were given`,
      )
    }
    byteLength += values.byteLength
  }
  if (byteLength > MAX_PARAMETER_BYTES) {
    throw new UsageError(
      `${network.name}: its parameters have ${byteLength} bytes; an ONNX file holds at most ${MAX_PARAMETER_BYTES} of them`,
    )
  }
}

function node(
  opType: string,
  input: readonly string[],
  output: string,
  attribute: readonly Attribute[] = [],
): Node {
  // Each has one output, whose name is therefore free for the node.
  return { input, output: [output], name: output, opType, attribute }
}

/** A weighted sum and the activation behind it. */
function activated(
  name: string,
  { activation }: Activated,
  output: string,
  sumInto: (value: string) => Node,
): readonly Node[] {
  if (activation === undefined) return [sumInto(output)]
  const sum = `${name}/sum`
  return [sumInto(sum), node(ACTIVATION_OPS[activation], [sum], output)]
}

const transpose = (from: string, to: string, axes: readonly number[]): Node =>
  node('Transpose', [from], to, [integerList('perm', axes)])

function windowAttributes(geometry: WindowGeometry): readonly Attribute[] {
  // What no window reaches at the bottom and on the right is left out: runtimes refuse a pooling's padding that is as
  // large as its kernel, though no window lies in it.
  const { top, left, bottom, right } = convolutionHalo(geometry)
  return [
    integerList('kernel_shape', [geometry.kernelHeight, geometry.kernelWidth]),
    integerList('strides', [geometry.strideHeight, geometry.strideWidth]),
    integerList('pads', [top, left, bottom, right]),
  ]
}

const float = (name: string, f: number): Attribute => ({ name, f, type: ATTRIBUTE_TYPES.f })
const integer = (name: string, i: number): Attribute => ({ name, i, type: ATTRIBUTE_TYPES.i })
const integerList = (name: string, ints: readonly number[]): Attribute => ({
  name,
  ints,
  type: ATTRIBUTE_TYPES.ints,
})

function tensor(
  name: string,
  dims: Shape,
  type: keyof typeof DATA_TYPES,
  values: Float32Array | BigInt64Array,
): Tensor {
  const { buffer, byteOffset, byteLength } = values
  return { dims, dataType: DATA_TYPES[type], name, rawData: new Uint8Array(buffer, byteOffset, byteLength) }
}

const floats = (name: string, dims: Shape, values: Float32Array): Tensor =>
  tensor(name, dims, 'float', values)

const integers = (name: string, values: readonly number[]): Tensor =>
  tensor(name, [values.length], 'int64', BigInt64Array.from(values, BigInt))

function describeValue(
  name: string,
  shape: Shape,
  layout: 'NHWC' | 'NCHW',
  batch: number | undefined,
): Message<'ValueInfoProto'> {
  const [height, width, channels] = shape
  const extents = shape.length === 3 && layout === 'NCHW' ? [channels!, height!, width!] : shape
  const dim = [
    batch === undefined ? { dimParam: BATCH } : { dimValue: batch },
    ...extents.map((dimValue) => ({ dimValue })),
  ]
  return { name, type: { tensorType: { elemType: DATA_TYPES.float, shape: { dim } } } }
}

/** A tensor with its axes in another order: axis i of the result is axis `order[i]` of the values. */
function permuted(
  values: Float32Array,
  shape: readonly [number, number, number, number],
  order: readonly [number, number, number, number],
): Float32Array {
  const pitches = shape.map((_, axis) => elementCount(shape.slice(axis + 1)))
  const extents = order.map((axis) => shape[axis]!)
  const steps = order.map((axis) => pitches[axis]!)
  const result = new Float32Array(values.length)
  let to = 0
  for (let a = 0; a < extents[0]!; a++) {
    for (let b = 0; b < extents[1]!; b++) {
      for (let c = 0; c < extents[2]!; c++) {
        const from = a * steps[0]! + b * steps[1]! + c * steps[2]!
        for (let d = 0; d < extents[3]!; d++) result[to++] = values[from + d * steps[3]!]!
      }
    }
  }
  return result
}
