// The types of values that a safetensors file may have, and how they become float32.
import type { Shape } from '../tensor.ts'
import { fromBfloat16, fromFloat16 } from './half-floats.ts'

/** What holds a tensor's values as they are stored: of F16 and BF16 the bits. */
interface DataOf {
  readonly F32: Float32Array
  readonly I64: BigInt64Array
  readonly F16: Uint16Array
  readonly BF16: Uint16Array
  readonly F64: Float64Array
  readonly U8: Uint8Array
  readonly I8: Int8Array
  readonly I32: Int32Array
}

export type Dtype = keyof DataOf

type StoredAs = {
  readonly [D in Dtype]: { readonly dtype: D; readonly shape: Shape; readonly data: DataOf[D] }
}

/**
 * A tensor as a file has it: `dtype` is the stored type, by safetensors' name, such as F32 or I64, `shape` its extents,
 * and `data` a typed array for that type; float16 and bfloat16 are their bits in a Uint16Array.
 */
export type StoredTensor = StoredAs[Dtype]

const ARRAYS: { readonly [D in Dtype]: { new (length: number): DataOf[D]; BYTES_PER_ELEMENT: number } } = {
  F32: Float32Array,
  I64: BigInt64Array,
  F16: Uint16Array,
  BF16: Uint16Array,
  F64: Float64Array,
  U8: Uint8Array,
  I8: Int8Array,
  I32: Int32Array,
}

export const DTYPES = Object.keys(ARRAYS) as readonly Dtype[]

/** Those that become float32 where any numbers will do. int64 is left out: it is the type of labels, and no image's. */
export const NUMBER_DTYPES: readonly Dtype[] = DTYPES.filter((dtype) => dtype !== 'I64')

/** Those that weights may have. */
export const FLOAT_DTYPES: readonly Dtype[] = ['F32', 'F16', 'BF16', 'F64']

export const bytesOf = (dtype: Dtype): number => ARRAYS[dtype].BYTES_PER_ELEMENT

/** A tensor of zeros. */
export const emptyStored = (dtype: Dtype, shape: Shape, count: number): StoredTensor =>
  ({ dtype, shape, data: new ARRAYS[dtype](count) }) as StoredTensor

/** One value as a number; an int64 beyond 2^53 is rounded. */
export function storedValue({ dtype, data }: StoredTensor, at: number): number {
  if (dtype === 'F16') return fromFloat16(data[at]!)
  return dtype === 'BF16' ? fromBfloat16(data[at]!) : Number(data[at])
}

/** The values in float32, rounded where it has none such; the tensor's own memory if they are stored so. */
export function float32Of(tensor: StoredTensor): Float32Array {
  const { dtype, data } = tensor
  if (dtype === 'F32') return data
  const values = new Float32Array(data.length)
  for (let i = 0; i < values.length; i++) values[i] = storedValue(tensor, i)
  return values
}

/** Whether it has values that float32 may not have: integers of more than 24 bits. */
export const isWideInteger = (dtype: Dtype): boolean => dtype === 'I64' || dtype === 'I32'
