import {
  oneOf,
  optional,
  positiveInteger,
  type Rules,
  recordOf,
  requireOptions,
  someText,
} from '../check-options.ts'
import { NetworkError, UsageError } from '../errors.ts'
import {
  type Network,
  outputsOf,
  type ResolvedLayer,
  requireNetwork,
  requireParameters,
  shapeOf,
} from '../networks/index.ts'
import { elementCount, type Shape } from '../tensor.ts'
import { VERSION } from '../version.ts'
import { DATA_TYPES, transpose } from './onnx/graph.ts'
import { convertLayer } from './onnx/index.ts'
import { encodeMessage, type Message } from './onnx/messages.ts'

/** How `onnxModel` writes a network. */
export interface OnnxOptions {
  /**
   * The layout of inputs and outputs that are images. ONNX computes in NCHW; `NHWC`, convmark's own layout and the
   * default, adds a Transpose to each of them.
   */
  readonly layout?: 'NHWC' | 'NCHW'
  /** If left out, the model takes any batch. */
  readonly batch?: number
  /** What the file says about itself, by key, for whoever reads it: `importOnnx` gives it as `notes.metadata`. */
  readonly metadata?: Readonly<Record<string, string>>
}

const optionRules: Rules<OnnxOptions> = {
  layout: optional(oneOf(['NHWC', 'NCHW'])),
  batch: optional(positiveInteger),
  metadata: optional(recordOf(someText, 'an object of texts')),
}

/** ONNX 1.12, of 2022: it has all that is needed, and every installed runtime reads it. */
const IR_VERSION = 8
const OPSET = 17
const BATCH = 'batch'
/** Protobuf is limited to 2 GiB; the rest is room for the graph. */
const MAX_PARAMETER_BYTES = 2e9

/**
 * A network and its parameters (by name, in convmark's layouts) as the bytes of an ONNX model that computes the pass
 * forward: from the inputs, under their names, to the tensors that no layer reads. Losses and the labels that only they
 * read are left out, so a classifier ends with its logits. Activations in between have convmark's names too, in NCHW.
 * Throws UsageError or ShapeError, naming the tensor, if a parameter is missing or has another size. Source:
 * https://onnx.ai/onnx/operators (opset 17).
 */
export function onnxModel(
  network: Network,
  parameters: Readonly<Record<string, Float32Array>>,
  options: OnnxOptions = {},
): Uint8Array {
  requireNetwork('onnxModel', network)
  requireOptions('onnxModel', options, optionRules)
  const layers = network.layers.filter(({ isLoss }) => !isLoss)
  requireParameters(network, parameters)
  requireFileSize(network.name, layers)
  const outputs = outputsOf(network)
  if (outputs.length === 0) throw new NetworkError(`${network.name}: it has no layer but losses to export`)
  const read = new Set(layers.flatMap(({ inputs }) => inputs))
  const inputs = Object.keys(network.inputs).filter((name) => read.has(name))

  const { layout = 'NHWC', batch, metadata = {} } = options
  const shapes = new Map([...inputs, ...outputs].map((name) => [name, shapeOf(network, name)]))
  const isTransposed = (tensor: string) => layout === 'NHWC' && shapes.get(tensor)?.length === 3
  const prefixes = prefixesOf([...Object.keys(network.inputs), ...layers.map(({ layer }) => layer.name)])
  const valueNamed = (tensor: string) => (isTransposed(tensor) ? `${prefixes.get(tensor)}/nchw` : tensor)
  const valueInfo = (name: string) => describeValue(name, shapes.get(name)!, layout, batch)

  const converted = layers.map((layer) =>
    convertLayer(layer, prefixes.get(layer.layer.name)!, valueNamed, parameters),
  )
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
    metadataProps: Object.entries(metadata).map(([key, value]) => ({ key, value })),
  })
}

/**
 * What the names of a tensor's own values and constants begin with, before a slash: its name, unless other tensors'
 * names begin so too.
 */
function prefixesOf(tensors: readonly string[]): ReadonlyMap<string, string> {
  const taken = new Set(tensors)
  for (const tensor of tensors)
    for (let at = tensor.indexOf('/'); at >= 0; at = tensor.indexOf('/', at + 1))
      taken.add(tensor.slice(0, at))
  const isFolder = (name: string) => tensors.some((tensor) => tensor.startsWith(`${name}/`))
  const entries = tensors.map((tensor) => {
    let prefix = tensor
    for (let i = 2; isFolder(tensor) && taken.has(prefix); i++) prefix = `${tensor}_${i}`
    taken.add(prefix)
    return [tensor, prefix] as const
  })
  return new Map(entries)
}

function requireFileSize(name: string, layers: readonly ResolvedLayer[]): void {
  const values = layers
    .flatMap((layer) => Object.values(layer.parameters))
    .reduce((sum, { shape }) => sum + elementCount(shape), 0)
  const byteLength = values * Float32Array.BYTES_PER_ELEMENT
  if (byteLength <= MAX_PARAMETER_BYTES) return
  throw new UsageError(
    `${name}: its parameters have ${byteLength} bytes; an ONNX file holds at most ${MAX_PARAMETER_BYTES} of them`,
  )
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
