// A model's file for inputs of other shapes than it says, for runtimes that take it at its word.
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import { FormatError, messageOf } from '../../errors.ts'
import { DATA_TYPES, integers, type OnnxNode, type OnnxTensor } from './graph.ts'
import { storedConstant } from './import/constants.ts'
import { decodeMessage, encodeMessage, type Message } from './messages.ts'

/** Of ModelProto. */
const GRAPH = 7
/** Of GraphProto: of some fields each entry is looked at, and the others stay as they are. */
const GRAPH_FIELDS = { node: 1, initializer: 5, input: 11, output: 12, valueInfo: 13 } as const

/** Of a tensor's values. */
const IN_FILE = 0

/** The inputs in which nodes have a shape that may begin with the batch. */
const SHAPE_INPUTS: Readonly<Record<string, number>> = { Reshape: 1, Expand: 1, Resize: 3 }

/**
 * The bytes of an ONNX model, for inputs of these shapes, by name: with other shapes where the file fixes them, and,
 * where it froze the batch, with the new one in the constants that begin with the old one and are the shape of a
 * Reshape, an Expand or a Resize. What the file says of other values' shapes is left out. The very same bytes if they
 * need no change; external data stay where they are. A file may have its batch in other places too: whoever runs the
 * result must see whether it works. Throws FormatError if the bytes are no model.
 */
export function withInputShapes(
  bytes: Uint8Array,
  shapes: Readonly<Record<string, readonly number[]>>,
): Uint8Array {
  const model = fieldsOf(bytes)
  const graph = model.findLast(({ number }) => number === GRAPH)
  if (!graph) throw new FormatError('it is no ONNX model: it has no graph')
  const fields = fieldsOf(graph.content)
  const all = <Name extends 'NodeProto' | 'TensorProto' | 'ValueInfoProto'>(number: number, name: Name) =>
    fields
      .filter((field) => field.number === number)
      .map((field) => ({ field, message: decodeMessage(name, field.content) }))

  const changed = new Map<Field, Uint8Array | null>()
  let batches: { readonly from: number; readonly to: number } | null = null
  for (const { field, message } of all(GRAPH_FIELDS.input, 'ValueInfoProto')) {
    const wanted = shapes[message.name ?? '']
    const dims = message.type?.tensorType?.shape?.dim ?? []
    if (!wanted || wanted.every((extent, i) => (dims[i]?.dimValue ?? extent) === extent)) continue
    const [from] = dims.map(({ dimValue }) => dimValue)
    if (from !== undefined && from !== wanted[0]) batches = { from, to: wanted[0]! }
    changed.set(field, encodeMessage('ValueInfoProto', valueInfo(message, wanted)))
  }
  if (changed.size === 0) return bytes

  for (const field of fields) if (field.number === GRAPH_FIELDS.valueInfo) changed.set(field, null)
  for (const { field, message } of all(GRAPH_FIELDS.output, 'ValueInfoProto'))
    changed.set(field, encodeMessage('ValueInfoProto', valueInfo(message, null)))
  const added: OnnxTensor[] = []
  if (batches) {
    const nodes = all(GRAPH_FIELDS.node, 'NodeProto')
    const constants = integersOf([
      ...all(GRAPH_FIELDS.initializer, 'TensorProto').map(({ message }) => message),
      ...nodes.flatMap(({ message }) => constantOf(message)),
    ])
    for (const { field, message } of nodes) {
      const index = SHAPE_INPUTS[message.opType ?? ''] ?? -1
      const [lead, ...others] = constants.get(message.input?.[index] ?? '') ?? []
      if (lead !== batches.from || others.length === 0) continue
      const name = `${message.output?.[0] ?? ''}/shape-for-${batches.to}`
      added.push(integers(name, [batches.to, ...others]))
      changed.set(field, encodeMessage('NodeProto', { ...message, input: message.input!.with(index, name) }))
    }
  }
  const made = joined(fields, changed, (writer) => {
    for (const tensor of added)
      writer
        .tag(GRAPH_FIELDS.initializer, WireType.LengthDelimited)
        .bytes(encodeMessage('TensorProto', tensor))
  })
  return joined(model, new Map([[graph, made]]))
}

/** What a message has of one field: all its bytes, and those after tag and length. */
interface Field {
  readonly number: number
  readonly all: Uint8Array
  readonly content: Uint8Array
}

/** In the order in which they stand there. */
function fieldsOf(message: Uint8Array): Field[] {
  const reader = new BinaryReader(message)
  const fields: Field[] = []
  try {
    while (reader.pos < reader.len) {
      const start = reader.pos
      const [number, wireType] = reader.tag()
      const isMessage = wireType === WireType.LengthDelimited
      const content = isMessage ? reader.bytes() : new Uint8Array()
      if (!isMessage) reader.skip(wireType, number)
      fields.push({ number, all: message.subarray(start, reader.pos), content })
    }
  } catch (error) {
    throw new FormatError(`no valid protobuf: ${messageOf(error)}`, { cause: error })
  }
  return fields
}

/** A message of the fields, those that are changed with other content or, for null, left out, and of what is added to it. */
function joined(
  fields: readonly Field[],
  changed: ReadonlyMap<Field, Uint8Array | null>,
  add: (writer: BinaryWriter) => void = () => {},
): Uint8Array {
  const writer = new BinaryWriter()
  for (const field of fields) {
    const content = changed.get(field)
    if (content === undefined) writer.raw(field.all)
    else if (content !== null) writer.tag(field.number, WireType.LengthDelimited).bytes(content)
  }
  add(writer)
  return writer.finish()
}

/** With this shape; for null without any. What has no type has no shape either. */
function valueInfo(
  { name = '', type }: Message<'ValueInfoProto'>,
  shape: readonly number[] | null,
): Message<'ValueInfoProto'> {
  if (!type) return { name }
  const { elemType = 0 } = type.tensorType ?? {}
  const dims = shape && { shape: { dim: shape.map((dimValue) => ({ dimValue })) } }
  return { name, type: { tensorType: { elemType, ...dims } } }
}

/** What a node makes if it is a Constant. */
function constantOf({ opType, attribute = [], output = [] }: OnnxNode): OnnxTensor[] {
  if (opType !== 'Constant') return []
  const name = output[0] ?? ''
  return attribute.flatMap((each) => {
    if (each.name === 'value_ints') return [integers(name, each.ints ?? [])]
    return each.t ? [{ ...each.t, name }] : []
  })
}

/** The values of lists of integers, by name. */
function integersOf(tensors: readonly OnnxTensor[]): ReadonlyMap<string, readonly number[]> {
  return new Map(
    tensors
      .filter(
        ({ dataType, dims = [], dataLocation = IN_FILE }) =>
          dataType === DATA_TYPES.int64 && dims.length === 1 && dataLocation === IN_FILE,
      )
      .map((tensor) => [tensor.name ?? '', storedConstant(tensor).values() as readonly number[]]),
  )
}
