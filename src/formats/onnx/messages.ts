// The messages of ONNX that convmark reads and writes.
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import { FormatError, messageOf } from '../../errors.ts'

interface Scalars {
  readonly bytes: Uint8Array
  readonly double: number
  readonly float: number
  readonly int32: number
  readonly int64: number
  readonly string: string
}

const WIRE_TYPES: { readonly [Type in keyof Scalars]: WireType } = {
  bytes: WireType.LengthDelimited,
  double: WireType.Bit64,
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
    domain: [4, 'string'],
    graph: [7, 'GraphProto'],
    opsetImport: [8, 'OperatorSetIdProto', 'repeated'],
    metadataProps: [14, 'StringStringEntryProto', 'repeated'],
  },
  OperatorSetIdProto: { domain: [1, 'string'], version: [2, 'int64'] },
  GraphProto: {
    node: [1, 'NodeProto', 'repeated'],
    name: [2, 'string'],
    initializer: [5, 'TensorProto', 'repeated'],
    input: [11, 'ValueInfoProto', 'repeated'],
    output: [12, 'ValueInfoProto', 'repeated'],
    sparseInitializer: [15, 'bytes', 'repeated'],
  },
  NodeProto: {
    input: [1, 'string', 'repeated'],
    output: [2, 'string', 'repeated'],
    name: [3, 'string'],
    opType: [4, 'string'],
    attribute: [5, 'AttributeProto', 'repeated'],
    domain: [7, 'string'],
  },
  AttributeProto: {
    name: [1, 'string'],
    f: [2, 'float'],
    i: [3, 'int64'],
    s: [4, 'bytes'],
    t: [5, 'TensorProto'],
    floats: [7, 'float', 'repeated'],
    ints: [8, 'int64', 'repeated'],
    strings: [9, 'bytes', 'repeated'],
    type: [20, 'int32'],
  },
  TensorProto: {
    dims: [1, 'int64', 'repeated'],
    dataType: [2, 'int32'],
    floatData: [4, 'float', 'repeated'],
    int32Data: [5, 'int32', 'repeated'],
    int64Data: [7, 'int64', 'repeated'],
    name: [8, 'string'],
    rawData: [9, 'bytes'],
    doubleData: [10, 'double', 'repeated'],
    externalData: [13, 'StringStringEntryProto', 'repeated'],
    dataLocation: [14, 'int32'],
  },
  StringStringEntryProto: { key: [1, 'string'], value: [2, 'string'] },
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

type FieldSpec = readonly [number: number, type: MessageName | keyof Scalars, repeated?: 'repeated']

const fieldsOf = (name: MessageName): Readonly<Record<string, FieldSpec>> => schema[name]

export function encodeMessage<Name extends MessageName>(name: Name, message: Message<Name>): Uint8Array {
  const writer = new BinaryWriter()
  write(writer, name, message)
  return writer.finish()
}

function write(writer: BinaryWriter, name: MessageName, message: object): void {
  const fields = fieldsOf(name)
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

/**
 * The message in these bytes; fields that the schema does not have are skipped. `bytes` fields are parts of the argument, not
 * copies. Integers beyond 2^53 are rounded. Lengths are checked before anything is read, so what is allocated is bounded by
 * the bytes. Throws FormatError, which does not name the file.
 */
export function decodeMessage<Name extends MessageName>(name: Name, bytes: Uint8Array): Message<Name> {
  try {
    return read(bytes, name) as Message<Name>
  } catch (error) {
    if (error instanceof FormatError) throw error
    throw new FormatError(`no valid protobuf: ${messageOf(error)}`, { cause: error })
  }
}

/** For each message, its fields by number. */
const fieldsByNumber = new Map(
  (Object.keys(schema) as MessageName[]).map((name) => [
    name,
    new Map(Object.entries(fieldsOf(name)).map(([field, spec]) => [spec[0], { field, spec }])),
  ]),
)

function read(bytes: Uint8Array, name: MessageName): Record<string, unknown> {
  const fields = fieldsByNumber.get(name)!
  const reader = new BinaryReader(bytes)
  const message: Record<string, unknown> = {}
  while (reader.pos < reader.len) {
    const [number, wireType] = reader.tag()
    const known = fields.get(number)
    if (!known) {
      reader.skip(wireType, number)
      continue
    }
    const { field, spec } = known
    const [, type, repeated] = spec
    const values = readField(reader, type, wireType, repeated !== undefined, `${name}.${field}`)
    if (!repeated) message[field] = values.at(-1) ?? message[field]
    else if (message[field] === undefined) message[field] = values
    else for (const value of values) (message[field] as unknown[]).push(value)
  }
  if (reader.pos > reader.len) throw new RangeError(`${name} goes beyond its end`)
  return message
}

/** The values of one field: several if they are packed. */
function readField(
  reader: BinaryReader,
  type: MessageName | keyof Scalars,
  wireType: WireType,
  isRepeated: boolean,
  where: string,
): unknown[] {
  const isNumber = isScalar(type) && WIRE_TYPES[type] !== WireType.LengthDelimited
  if (isNumber && isRepeated && wireType === WireType.LengthDelimited) {
    const packed = new BinaryReader(reader.bytes())
    const values: unknown[] = []
    while (packed.pos < packed.len) values.push(readScalar(packed, type))
    if (packed.pos > packed.len) throw new RangeError(`${where} goes beyond its end`)
    return values
  }
  const expected = isScalar(type) ? WIRE_TYPES[type] : WireType.LengthDelimited
  if (wireType !== expected)
    throw new FormatError(`no valid protobuf: ${where} has the wire type ${wireType}`)
  return [isScalar(type) ? readScalar(reader, type) : read(reader.bytes(), type)]
}

function readScalar(reader: BinaryReader, type: keyof Scalars): unknown {
  return type === 'int64' ? Number(reader.int64()) : reader[type]()
}

function isScalar(type: MessageName | keyof Scalars): type is keyof Scalars {
  return type in WIRE_TYPES
}
