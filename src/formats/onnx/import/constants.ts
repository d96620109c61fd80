// The constants of a graph: what its file stores, and what is computed from that and from shapes.
import { FormatError } from '../../../errors.ts'
import { elementCount, formatShape, isPositiveInteger } from '../../../tensor.ts'
import { fromBfloat16, fromFloat16 } from '../../half-floats.ts'
import type { OnnxTensor } from '../graph.ts'
import { numberOf, Refusal, type Size } from './sizes.ts'

/** Values in row-major order. Integers and truth values (0 and 1) may be multiples of the batch. */
export type Constant = FloatConstant | IntegerConstant

interface ConstantOf<Kind extends string, Values> {
  readonly kind: Kind
  readonly dims: readonly number[]
  /** It is a weight of the file, or computed from one, and no number that the model's formulas contain. */
  readonly isWeight?: boolean
  /** Decoded anew by each call, so that a file's weights are not in memory twice. */
  values(): Values
}
export interface FloatConstant extends ConstantOf<'float', Float32Array | Float64Array> {
  /** Fills the array with the values from the one at `first` on, in float32: for weights, which are large, piece by piece. */
  read(first: number, target: Float32Array): void
}
export type IntegerConstant = ConstantOf<'integer', readonly Size[]>

export const floatConstant = (
  dims: readonly number[],
  values: Float32Array | Float64Array,
): FloatConstant => ({
  kind: 'float',
  dims,
  values: () => values,
  read: (first, target) => target.set(values.subarray(first, first + target.length)),
})

export const integerConstant = (dims: readonly number[], values: readonly Size[]): IntegerConstant => ({
  kind: 'integer',
  dims,
  values: () => values,
})

/** What a constant that is computed may hold: shapes and tables of a graph are small, weights are in the file. */
const MAX_COMPUTED_VALUES = 2 ** 24

/** Their number. Throws Refusal if it is more than a graph needs to compute; called before they are allocated. */
export function requireComputable(dims: readonly number[]): number {
  const count = dims.reduce((total, extent) => total * extent, 1)
  if (dims.every((extent) => extent === 0 || isPositiveInteger(extent)) && count <= MAX_COMPUTED_VALUES)
    return count
  throw new Refusal(`a constant ${formatShape(dims)} would be computed, which is too large`)
}

/** Throws Refusal for a value that depends on the batch. */
export function numbersOf(constant: Constant, what: string): readonly number[] {
  if (constant.kind === 'float') return [...constant.values()]
  return constant.values().map((value) => numberOf(value, what))
}

/** In float32, as parameters are; they may be the file's own memory. */
export function floatsOf(constant: Constant, what: string): Float32Array {
  if (constant.kind === 'integer') return Float32Array.from(numbersOf(constant, what))
  const values = constant.values()
  return values instanceof Float32Array ? values : Float32Array.from(values)
}

interface DataType {
  readonly name: string
  readonly kind: 'float' | 'integer'
  readonly bytes: number
  read(view: DataView, at: number): number
  /** The field that has the values unless they are raw; bits of float16 and bfloat16 are in integers there. */
  readonly field: 'floatData' | 'doubleData' | 'int32Data' | 'int64Data'
  readonly fromField?: (value: number) => number
}

/** By their number in ONNX. */
const TYPES: Readonly<Record<number, DataType>> = {
  1: {
    name: 'float32',
    kind: 'float',
    bytes: 4,
    read: (view, at) => view.getFloat32(at, true),
    field: 'floatData',
  },
  2: { name: 'uint8', kind: 'integer', bytes: 1, read: (view, at) => view.getUint8(at), field: 'int32Data' },
  3: { name: 'int8', kind: 'integer', bytes: 1, read: (view, at) => view.getInt8(at), field: 'int32Data' },
  6: {
    name: 'int32',
    kind: 'integer',
    bytes: 4,
    read: (view, at) => view.getInt32(at, true),
    field: 'int32Data',
  },
  7: {
    name: 'int64',
    kind: 'integer',
    bytes: 8,
    read: (view, at) => Number(view.getBigInt64(at, true)),
    field: 'int64Data',
  },
  9: { name: 'bool', kind: 'integer', bytes: 1, read: (view, at) => view.getUint8(at), field: 'int32Data' },
  10: {
    name: 'float16',
    kind: 'float',
    bytes: 2,
    read: (view, at) => fromFloat16(view.getUint16(at, true)),
    field: 'int32Data',
    fromField: fromFloat16,
  },
  11: {
    name: 'float64',
    kind: 'float',
    bytes: 8,
    read: (view, at) => view.getFloat64(at, true),
    field: 'doubleData',
  },
  16: {
    name: 'bfloat16',
    kind: 'float',
    bytes: 2,
    read: (view, at) => fromBfloat16(view.getUint16(at, true)),
    field: 'int32Data',
    fromField: fromBfloat16,
  },
}

const FLOAT64 = 11

/** Of a type by its number: 'float32'; null if nothing of that type can be read. */
export const nameOfType = (type: number): string | null => TYPES[type]?.name ?? null

/** Of a type by its number: 'float', 'integer', or null if nothing of that type can be read. */
export const kindOfType = (type: number): 'float' | 'integer' | null => TYPES[type]?.kind ?? null

/** How many bytes the values of a tensor of a known type take if they are raw. */
export const storedBytes = ({ dims = [], dataType = 0 }: OnnxTensor): number =>
  elementCount(dims) * TYPES[dataType]!.bytes

/**
 * A tensor of the file. Throws FormatError, naming the tensor, if its values do not fill its shape, before anything is
 * allocated. A type that is not known is refused only when the values are read.
 */
export function storedConstant(tensor: OnnxTensor): Constant {
  const { name = '', dims = [], dataType = 0 } = tensor
  const refuse = (why: string): never => {
    throw new FormatError(`the tensor '${name}' ${why}`)
  }
  const type = TYPES[dataType]
  if (!dims.every((extent) => extent === 0 || isPositiveInteger(extent)))
    refuse(`has the shape ${formatShape(dims)}`)
  if (!type) {
    const refused = (): never => {
      throw new Refusal(`the tensor '${name}' is of the type ${dataType}, which is not read`)
    }
    return { kind: 'float', dims, values: refused, read: refused }
  }
  const count = elementCount(dims)
  const raw = tensor.rawData
  const listed = tensor[type.field] ?? []
  const stored = raw === undefined || raw.length === 0 ? listed.length : raw.length / type.bytes
  if (stored !== count) {
    const values = `has ${stored} values of ${type.name}`
    refuse(`${values}, which do not fill its shape ${formatShape(dims)}`)
  }
  const isRaw = raw !== undefined && raw.length > 0
  const isMemory = isRaw && type.name === 'float32' && isLittleEndian
  /** Into arrays of any type: float64 for float64, numbers for integers. */
  const decode = (first: number, target: number[] | Float32Array | Float64Array) => {
    const { length } = target
    if (isMemory) {
      const { BYTES_PER_ELEMENT: bytes } = Float32Array
      const { buffer, byteOffset, byteLength } = target as Float32Array
      new Uint8Array(buffer, byteOffset, byteLength).set(
        raw.subarray(first * bytes, (first + length) * bytes),
      )
    } else if (isRaw) {
      const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength)
      for (let i = 0; i < length; i++) target[i] = type.read(view, (first + i) * type.bytes)
    } else {
      const { fromField } = type
      for (let i = 0; i < length; i++) {
        const value = listed[first + i]!
        target[i] = fromField ? fromField(value) : value
      }
    }
    return target
  }
  if (type.kind === 'integer')
    return { kind: 'integer', dims, values: () => decode(0, new Array<number>(count)) as number[] }
  const isAligned = isMemory && raw.byteOffset % Float32Array.BYTES_PER_ELEMENT === 0
  return {
    kind: 'float',
    dims,
    values: () => {
      if (isAligned) return new Float32Array(raw.buffer, raw.byteOffset, count)
      return decode(
        0,
        dataType === FLOAT64 ? new Float64Array(count) : new Float32Array(count),
      ) as Float32Array
    },
    read: decode,
  }
}

const isLittleEndian = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1
