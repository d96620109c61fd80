import { oneOf, optional, positiveInteger, type Rules, requireOptions } from '../check-options.ts'
import { NetworkError, ShapeError, UsageError } from '../errors.ts'
import { type Network, outputsOf, type ResolvedLayer, requireNetwork, shapeOf } from '../networks/index.ts'
import { elementCount, formatShape, type Shape } from '../tensor.ts'
import { VERSION } from '../version.ts'
import { DATA_TYPES, transpose } from './onnx/graph.ts'
import { convertLayer } from './onnx/index.ts'
import { encodeMessage, type Message } from './onnx/messages.ts'

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

/** ONNX 1.12, of 2022: all that is needed, and what is installed anywhere reads it. */
const IR_VERSION = 8
const OPSET = 17
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

  const converted = layers.map((layer) => convertLayer(layer, valueNamed, parameters))
  const graph: Message<'GraphProto'> = {
    name: network.name,
    node: [
      ...inputs.filter(isTransposed).map((name) => transpose(name, valueNamed(name), [0, 3, 1, 2])),
      ...converted.flatMap(({ nodes }) => nodes),
      ...outputs.filter(isTransposed).map((name) => transpose(valueNamed(name), name, [0, 2, 3, 1])),
    ],
    initializer: converted.flatMap(({ tensors = [] }) => tensors),
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
