// Stage 1: a file's bytes become a graph of nodes and constants, checked for what every graph must have.
import { FormatError, UsageError, unknownName } from '../../../errors.ts'
import { shortened } from '../../../plain-text.ts'
import type { OnnxAttribute, OnnxNode, OnnxTensor } from '../graph.ts'
import { decodeMessage, type Message } from '../messages.ts'
import { type Constant, kindOfType, storedBytes, storedConstant } from './constants.ts'

/** Of operators; in older files they have other attributes, and in newer ones there may be operators that are not known here. */
const OPSETS = { first: 1, last: 21 } as const
/** ONNX's own names for its main domain. */
const MAIN_DOMAINS: readonly string[] = ['', 'ai.onnx']
const EXTERNAL = 1

/** The bytes of other files that hold tensors, by the names that the model has for them. */
export type ExternalData = Readonly<Record<string, Uint8Array>>

/** Reads `length` bytes of a file that holds tensors of a model, from `offset` on; fewer if it ends before. */
export type ReadExternalData = (file: string, offset: number, length: number) => Promise<Uint8Array>

export interface Model {
  readonly producer: string
  readonly opset: number
  /** What the file says of itself, by key. */
  readonly metadata: Readonly<Record<string, string>>
  readonly name: string
  /** In the order of computation. */
  readonly nodes: readonly GraphNode[]
  readonly constants: ReadonlyMap<string, Constant>
  /** Of the file and of what was read of others. */
  readonly byteLength: number
  /** Those that are no constants. */
  readonly inputs: readonly GraphInput[]
  readonly outputs: readonly string[]
  /** Constants that are listed as inputs, so that runtimes can't rely on them. */
  readonly overridable: readonly string[]
}

export interface GraphInput {
  readonly name: string
  readonly type: number
  /** Null: the file does not say. An extent is a name or null where it is open. */
  readonly dims: readonly (number | string | null)[] | null
}

export interface GraphNode {
  /** With its domain if it is not ONNX's own: `com.microsoft.FusedConv`. */
  readonly operator: string
  /** For messages. */
  readonly name: string
  /** The name is '' where an optional input or output is left out. */
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attributes: Attributes
}

/** A node's attributes. Each method throws FormatError if the attribute has no such value. */
export class Attributes {
  readonly #node: string
  readonly #attributes: ReadonlyMap<string, OnnxAttribute>

  constructor(node: string, attributes: readonly OnnxAttribute[]) {
    this.#node = node
    this.#attributes = new Map(attributes.map((attribute) => [attribute.name ?? '', attribute]))
  }

  has(name: string): boolean {
    return this.#attributes.has(name)
  }

  /** These attributes, and the others as they are. */
  with(attributes: readonly OnnxAttribute[]): Attributes {
    return new Attributes(this.#node, [...this.#attributes.values(), ...attributes])
  }

  #value<Field extends 'f' | 'i' | 's' | 't'>(
    name: string,
    field: Field,
    what: string,
  ): NonNullable<OnnxAttribute[Field]> | undefined {
    const attribute = this.#attributes.get(name)
    if (!attribute) return undefined
    const value = attribute[field]
    if (value !== undefined) return value
    throw new FormatError(`the attribute '${name}' of the node '${this.#node}' is no ${what}`)
  }

  integer(name: string, otherwise: number): number {
    return this.#value(name, 'i', 'integer') ?? otherwise
  }

  float(name: string, otherwise: number): number {
    const value = this.#value(name, 'f', 'number')
    return value === undefined ? otherwise : shortest(value)
  }

  text(name: string, otherwise: string): string {
    const bytes = this.#value(name, 's', 'text')
    return bytes ? new TextDecoder().decode(bytes) : otherwise
  }

  tensor(name: string): Constant | undefined {
    const tensor = this.#value(name, 't', 'tensor')
    return tensor && storedConstant({ ...tensor, name: tensor.name || this.#node })
  }

  integers(name: string): readonly number[] | undefined {
    const attribute = this.#attributes.get(name)
    // An empty list has no entry in the file.
    return attribute && (attribute.ints ?? [])
  }

  floats(name: string): readonly number[] | undefined {
    const attribute = this.#attributes.get(name)
    return attribute && (attribute.floats ?? [])
  }
}

/** The number that was meant: the shortest one that is this one in float32, such as 0.1. */
export function shortest(value: number): number {
  for (let digits = 6; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits))
    if (Math.fround(short) === Math.fround(value)) return short
  }
  return value
}

/** Attributes of a node that the importer makes. */
export const madeAttributes = (node: string, attributes: readonly OnnxAttribute[] = []): Attributes =>
  new Attributes(node, attributes)

/**
 * Reads a model and keeps what `outputs` need (by default the file's own). Throws FormatError if the bytes are no ONNX model, are
 * damaged, or are of an opset that is not read; UsageError for unknown `outputs` and for external data that are not given.
 */
export async function readModel(
  bytes: Uint8Array,
  externalData: ExternalData | ReadExternalData,
  wanted: readonly string[] | undefined,
): Promise<Model> {
  requireOnnx(bytes)
  const model = decodeMessage('ModelProto', bytes)
  const { graph } = model
  if (!graph) throw new FormatError('it is no ONNX model: it has no graph')
  const opset = opsetOf(model)
  if ((graph.sparseInitializer ?? []).length > 0)
    throw new FormatError('it has sparse initializers, which are not read')

  const initializers = new Map((graph.initializer ?? []).map((tensor) => [tensor.name ?? '', tensor]))
  const listed = (graph.input ?? []).map(graphInput)
  const outputs = (graph.output ?? []).map(({ name = '' }) => name)
  const nodes: GraphNode[] = []
  for (const message of graph.node ?? []) nodes.push(graphNode(await withTensors(message, externalData)))
  const inputs = listed.filter(({ name }) => !initializers.has(name))
  const computed = [...inputs.map(({ name }) => name), ...nodes.flatMap((node) => node.outputs)]
  const isKnown = new Set([...initializers.keys(), ...computed])
  for (const name of wanted ?? outputs) {
    if (isKnown.has(name)) continue
    // Weights, of which there are many, are not what anyone meant.
    const fault = unknownName(
      'output',
      name,
      [...new Set(computed)].filter((each) => each !== ''),
    )
    if (wanted) throw new UsageError(`outputs: ${fault}`)
    throw new FormatError(`its output '${shortened(name, 80)}' is made by no node`)
  }
  const kept = wanted ?? outputs
  if (kept.length === 0) throw new FormatError('it has no outputs')
  const needed = neededNodes(nodes, kept)
  const read = new Set([...kept, ...needed.flatMap(({ inputs }) => inputs)])
  const constants = new Map<string, Constant>()
  let byteLength = bytes.length
  for (const [name, tensor] of initializers) {
    if (!read.has(name)) continue
    const whole = await withValues(tensor, externalData)
    if (whole !== tensor) byteLength += whole.rawData!.length
    constants.set(name, { ...storedConstant(whole), isWeight: true })
  }
  return {
    producer: [model.producerName, model.producerVersion].filter((text) => text).join(' '),
    opset,
    metadata: metadataOf(model),
    name: graph.name ?? '',
    nodes: needed,
    constants,
    byteLength,
    inputs,
    outputs: [...new Set(kept)],
    overridable: listed.map(({ name }) => name).filter((name) => initializers.has(name)),
  }
}

/** Of entries with one key the last counts. */
const metadataOf = ({ metadataProps = [] }: Message<'ModelProto'>): Readonly<Record<string, string>> =>
  Object.fromEntries(metadataProps.map(({ key = '', value = '' }) => [key, value]))

/** What is often saved under such a name by mistake is named. */
function requireOnnx(bytes: Uint8Array): void {
  if (bytes.length === 0) throw new FormatError('it is empty')
  const start = new TextDecoder('latin1').decode(bytes.subarray(0, 100)).trimStart()
  if (start.startsWith('<')) throw new FormatError('it is a web page, no ONNX model')
  if (start.startsWith('version https://git-lfs'))
    throw new FormatError("it is a Git LFS pointer, no ONNX model; get the file itself with 'git lfs pull'")
}

function opsetOf({ opsetImport = [] }: Message<'ModelProto'>): number {
  const main = opsetImport.find(({ domain = '' }) => MAIN_DOMAINS.includes(domain))
  const version = main?.version ?? (opsetImport.length === 0 ? 1 : 0)
  const { first, last } = OPSETS
  if (version >= first && version <= last) return version
  throw new FormatError(`it is of ONNX's opset ${version}; opsets ${first} to ${last} are read`)
}

/** The tensor with its values, which may be in another file. Of that no more is read than the tensor takes. */
async function withValues(
  tensor: OnnxTensor,
  externalData: ExternalData | ReadExternalData,
): Promise<OnnxTensor> {
  // Of a type that is not known nothing can be read; what reads the tensor says so.
  if (tensor.dataLocation !== EXTERNAL || kindOfType(tensor.dataType ?? 0) === null) return tensor
  const entries = new Map((tensor.externalData ?? []).map(({ key = '', value = '' }) => [key, value]))
  const file = entries.get('location') ?? ''
  const offset = Number(entries.get('offset') ?? 0)
  const needed = storedBytes(tensor)
  const length = Number(entries.get('length') ?? needed)
  const who = `the values of '${shortened(tensor.name ?? '', 80)}'`
  const said = `${who} are said to be ${length} bytes from ${offset} on in the file '${shortened(file, 200)}'`
  if (!isCount(offset) || !isCount(length)) throw new FormatError(said)
  if (length !== needed) throw new FormatError(`${said}, but its shape and type need ${needed}`)
  const read = typeof externalData === 'function' ? externalData : readerOf(externalData, who)
  const bytes = await read(file, offset, length)
  if (bytes.length < length) throw new FormatError(`${said}, which has ${bytes.length} there`)
  return { ...tensor, rawData: bytes }
}

/** The node with the values of its attributes. */
async function withTensors(node: OnnxNode, externalData: ExternalData | ReadExternalData): Promise<OnnxNode> {
  const isExternal = ({ t }: OnnxAttribute) => t?.dataLocation === EXTERNAL
  if (!node.attribute?.some(isExternal)) return node
  const attribute: OnnxAttribute[] = []
  for (const each of node.attribute)
    attribute.push(each.t ? { ...each, t: await withValues(each.t, externalData) } : each)
  return { ...node, attribute }
}

const isCount = (value: number): boolean => Number.isSafeInteger(value) && value >= 0

const readerOf =
  (files: ExternalData, who: string): ReadExternalData =>
  async (file, offset, length) => {
    const bytes = Object.hasOwn(files, file) ? files[file]! : null
    if (bytes) return bytes.subarray(offset, offset + length)
    throw new FormatError(`${who} are in the file '${shortened(file, 200)}'; give its bytes in externalData`)
  }

function graphInput({ name = '', type }: Message<'ValueInfoProto'>): GraphInput {
  const { elemType = 0, shape } = type?.tensorType ?? {}
  const dims = (shape?.dim ?? []).map(({ dimValue, dimParam }) => dimValue ?? dimParam ?? null)
  return { name, type: elemType, dims: shape ? dims : null }
}

function graphNode(message: Message<'NodeProto'>): GraphNode {
  const { domain = '', opType = '', input = [], output = [], attribute = [] } = message
  // A name is optional; what the node makes identifies it too.
  const name = message.name || output.find((each) => each !== '') || ''
  return {
    operator: MAIN_DOMAINS.includes(domain) ? opType : `${domain}.${opType}`,
    name,
    inputs: input,
    outputs: output,
    attributes: new Attributes(name, attribute),
  }
}

/** The nodes that the outputs need, each after those that it reads. Throws FormatError for a circle. */
function neededNodes(nodes: readonly GraphNode[], outputs: readonly string[]): GraphNode[] {
  const makers = new Map<string, GraphNode>()
  for (const node of nodes) {
    for (const output of node.outputs) {
      if (output === '') continue
      if (makers.has(output)) throw new FormatError(`two nodes make '${shortened(output, 80)}'`)
      makers.set(output, node)
    }
  }
  const sorted: GraphNode[] = []
  const states = new Map<GraphNode, 'open' | 'done'>()
  const waiting = outputs.map((name) => makers.get(name)).reverse()
  // A stack of its own: a chain of nodes may be deeper than calls can be.
  while (waiting.length > 0) {
    const node = waiting.pop()
    if (!node || states.get(node) === 'done') continue
    if (states.get(node) === 'open') {
      states.set(node, 'done')
      sorted.push(node)
      continue
    }
    states.set(node, 'open')
    waiting.push(node)
    for (const input of [...node.inputs].reverse()) {
      const maker = makers.get(input)
      if (!maker || states.get(maker) === 'done') continue
      if (states.get(maker) === 'open')
        throw new FormatError(`the node '${shortened(node.name, 80)}' depends on itself`)
      waiting.push(maker)
    }
  }
  return sorted
}
