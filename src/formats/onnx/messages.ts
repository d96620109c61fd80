// The messages of ONNX that a network of convmark's needs, and their bytes.
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire'

interface Scalars {
  readonly bytes: Uint8Array
  readonly float: number
  readonly int32: number
  readonly int64: number
  readonly string: string
}

const WIRE_TYPES: { readonly [Type in keyof Scalars]: WireType } = {
  bytes: WireType.LengthDelimited,
  float: WireType.Bit32,
  int32: WireType.Varint,
  int64: WireType.Varint,
  string: WireType.LengthDelimited,
}

/**
 * Field -> [number, type], names and numbers as in the schema; `repeated` ones take a list.
 * Source: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
 */
const schema = {
  ModelProto: {
    irVersion: [1, 'int64'],
    producerName: [2, 'string'],
    producerVersion: [3, 'string'],
    graph: [7, 'GraphProto'],
    opsetImport: [8, 'OperatorSetIdProto', 'repeated'],
  },
  OperatorSetIdProto: { domain: [1, 'string'], version: [2, 'int64'] },
  GraphProto: {
    node: [1, 'NodeProto', 'repeated'],
    name: [2, 'string'],
    initializer: [5, 'TensorProto', 'repeated'],
    input: [11, 'ValueInfoProto', 'repeated'],
    output: [12, 'ValueInfoProto', 'repeated'],
  },
  NodeProto: {
    input: [1, 'string', 'repeated'],
    output: [2, 'string', 'repeated'],
    name: [3, 'string'],
    opType: [4, 'string'],
    attribute: [5, 'AttributeProto', 'repeated'],
  },
  AttributeProto: {
    name: [1, 'string'],
    f: [2, 'float'],
    i: [3, 'int64'],
    ints: [8, 'int64', 'repeated'],
    type: [20, 'int32'],
  },
  TensorProto: {
    dims: [1, 'int64', 'repeated'],
    dataType: [2, 'int32'],
    name: [8, 'string'],
    rawData: [9, 'bytes'],
  },
  ValueInfoProto: { name: [1, 'string'], type: [2, 'TypeProto'] },
  TypeProto: { tensorType: [1, 'TensorTypeProto'] },
  TensorTypeProto: { elemType: [1, 'int32'], shape: [2, 'TensorShapeProto'] },
  TensorShapeProto: { dim: [1, 'DimensionProto', 'repeated'] },
  DimensionProto: { dimValue: [1, 'int64'], dimParam: [2, 'string'] },
} as const

type Schema = typeof schema
type MessageName = keyof Schema
type Single<Type> = Type extends MessageName
  ? Message<Type>
  : Type extends keyof Scalars
    ? Scalars[Type]
    : never
type Value<Field> = Field extends readonly [number, infer Type, 'repeated']
  ? readonly Single<Type>[]
  : Field extends readonly [number, infer Type]
    ? Single<Type>
    : never

/** A message of the schema as plain data. */
export type Message<Name extends MessageName> = {
  readonly [Field in keyof Schema[Name]]?: Value<Schema[Name][Field]>
}

export function encodeMessage<Name extends MessageName>(name: Name, message: Message<Name>): Uint8Array {
  const writer = new BinaryWriter()
  write(writer, name, message)
  return writer.finish()
}

function write(writer: BinaryWriter, name: MessageName, message: object): void {
  const fields: Readonly<Record<string, readonly [number, MessageName | keyof Scalars, 'repeated'?]>> =
    schema[name]
  for (const [field, value] of Object.entries(message)) {
    const [number, type] = fields[field]!
    for (const each of Array.isArray(value) ? value : [value]) {
      if (isScalar(type)) {
        writer.tag(number, WIRE_TYPES[type])
        writer[type](each as never)
      } else {
        writer.tag(number, WireType.LengthDelimited).fork()
        write(writer, type, each)
        writer.join()
      }
    }
  }
}

function isScalar(type: MessageName | keyof Scalars): type is keyof Scalars {
  return type in WIRE_TYPES
}
