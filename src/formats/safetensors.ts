import { FormatError, messageOf, UsageError, unknownName } from '../errors.ts'
import { elementCount, formatShape, roundUp, type Shape, sameShape } from '../tensor.ts'

/** A tensor to be written; its type is what `data` is. */
export interface Tensor {
  readonly shape: Shape
  readonly data: Float32Array | BigInt64Array
}

export type StoredTensor =
  | { readonly dtype: 'F32'; readonly shape: Shape; readonly data: Float32Array }
  | { readonly dtype: 'I64'; readonly shape: Shape; readonly data: BigInt64Array }

export interface DecodedSafetensors {
  readonly tensors: ReadonlyMap<string, StoredTensor>
  readonly metadata: Readonly<Record<string, string>>
}

const BYTES = { F32: 4, I64: 8 } as const
type Dtype = keyof typeof BYTES

/** The header's length stands before it, in 64 bits. */
const LENGTH_BYTES = 8
const HEADER_ALIGNMENT = 8
const SPACE = 0x20
const MAX_HEADER_BYTES = 100_000_000
const METADATA = '__metadata__'

interface HeaderEntry {
  readonly dtype: Dtype
  readonly shape: Shape
  readonly data_offsets: readonly [begin: number, end: number]
}

/**
 * A safetensors file: 8 bytes of header length, a JSON header padded with spaces to a multiple of 8, the values,
 * little-endian. int64 tensors come first, so that every tensor is aligned; else the order is that of `tensors`, and
 * the same tensors make the same bytes. Throws UsageError, naming the tensor, where data and shape disagree.
 * Source: https://github.com/huggingface/safetensors (format).
 */
export function encodeSafetensors(
  tensors: Readonly<Record<string, Tensor>>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const bytesEach = ([, { data }]: [string, Tensor]) => data.BYTES_PER_ELEMENT
  const entries = Object.entries(tensors).sort((a, b) => bytesEach(b) - bytesEach(a))
  const header: [string, HeaderEntry | typeof metadata][] = []
  if (Object.keys(metadata).length > 0) header.push([METADATA, metadata])
  let end = 0
  for (const [name, { shape, data }] of entries) {
    if (name === METADATA)
      throw new UsageError(`${METADATA}: the name is taken by the format; rename the tensor`)
    if (data.length !== elementCount(shape)) {
      throw new UsageError(`${name}: ${data.length} values do not fill its shape ${formatShape(shape)}`)
    }
    const begin = end
    end += data.byteLength
    const dtype = data instanceof Float32Array ? 'F32' : 'I64'
    header.push([name, { dtype, shape, data_offsets: [begin, end] }])
  }
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(header)))
  const dataStart = LENGTH_BYTES + roundUp(json.length, HEADER_ALIGNMENT)
  const bytes = new Uint8Array(dataStart + end).fill(SPACE, LENGTH_BYTES, dataStart)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(dataStart - LENGTH_BYTES), true)
  bytes.set(json, LENGTH_BYTES)
  let at = dataStart
  for (const [, { data }] of entries) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at)
    at += data.byteLength
  }
  return bytes
}

/**
 * The tensors of a safetensors file, copied out of `bytes`, in the header's order. Only float32 and int64 are read.
 * Throws FormatError, naming the file and the tensor, unless the header is sound and the tensors fill the rest of the
 * file without holes or overlap; so no file that was cut short passes.
 */
export function decodeSafetensors(bytes: Uint8Array, fileName: string): DecodedSafetensors {
  const refuse = (what: string): never => {
    throw new FormatError(`${fileName}: ${what}`)
  }
  if (bytes.length < LENGTH_BYTES) {
    refuse(
      `it has ${bytes.length} bytes, but a safetensors file begins with ${LENGTH_BYTES} for its header's length`,
    )
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const headerBytes = Number(view.getBigUint64(0, true))
  if (headerBytes > MAX_HEADER_BYTES) {
    refuse(
      `its header is said to have ${headerBytes} bytes, over ${MAX_HEADER_BYTES}; it is no safetensors file`,
    )
  }
  const dataStart = LENGTH_BYTES + headerBytes
  if (dataStart > bytes.length) {
    refuse(
      `its header has ${headerBytes} bytes, but only ${bytes.length - LENGTH_BYTES} follow; it was cut short`,
    )
  }

  const header = parseHeader(bytes.subarray(LENGTH_BYTES, dataStart), refuse)
  const metadata = header.get(METADATA) ?? {}
  header.delete(METADATA)
  if (!isObject(metadata) || !Object.values(metadata).every((value) => typeof value === 'string')) {
    refuse(`its ${METADATA} is not an object of strings`)
  }
  const entries = [...header].map(([name, entry]) => [name, requireEntry(name, entry, refuse)] as const)
  requireFilled(entries, bytes.length - dataStart, refuse)

  const tensors = entries.map(
    ([
      name,
      {
        dtype,
        shape,
        data_offsets: [begin, end],
      },
    ]) => {
      // A copy of its own, since a view must begin at a multiple of its values' size
      const { buffer } = new Uint8Array(bytes.subarray(dataStart + begin, dataStart + end))
      const tensor: StoredTensor =
        dtype === 'F32'
          ? { dtype, shape, data: new Float32Array(buffer) }
          : { dtype, shape, data: new BigInt64Array(buffer) }
      return [name, tensor] as const
    },
  )
  return { tensors: new Map(tensors), metadata: metadata as Record<string, string> }
}

type Refuse = (what: string) => never

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isExtent = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0

function parseHeader(bytes: Uint8Array, refuse: Refuse): Map<string, unknown> {
  let header: unknown
  let json = ''
  try {
    json = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
    header = JSON.parse(json)
  } catch (error) {
    refuse(`its header is not JSON: ${messageOf(error)}`)
  }
  if (!isObject(header)) return refuse('its header is not a JSON object')
  const seen = new Set<string>()
  for (const key of topLevelKeys(json)) {
    if (seen.has(key)) refuse(`${key}: it is in the header twice`)
    seen.add(key)
  }
  return new Map(Object.entries(header))
}

/** The keys of valid JSON's outermost object as they stand there: JSON.parse keeps one of two alike in silence. */
function topLevelKeys(json: string): string[] {
  const keys: string[] = []
  let depth = 0
  let isKey = false
  for (let i = 0; i < json.length; i++) {
    const character = json[i]!
    if (character === '"') {
      const start = i++
      while (json[i] !== '"') i += json[i] === '\\' ? 2 : 1
      if (depth === 1 && isKey) keys.push(JSON.parse(json.slice(start, i + 1)))
    } else if (character === '{' || character === '[') depth++
    else if (character === '}' || character === ']') depth--
    if (character === '{' || character === ',') isKey = true
    else if (character === ':') isKey = false
  }
  return keys
}

function requireEntry(name: string, entry: unknown, refuse: Refuse): HeaderEntry {
  if (!isObject(entry)) return refuse(`${name}: its entry in the header is not an object`)
  const { dtype, shape, data_offsets: offsets } = entry
  if (typeof dtype !== 'string' || !Object.hasOwn(BYTES, dtype)) {
    refuse(
      `${name}: its dtype is ${JSON.stringify(dtype)}; only ${Object.keys(BYTES).join(' and ')} are read`,
    )
  }
  if (!Array.isArray(shape) || !shape.every(isExtent)) {
    return refuse(`${name}: its shape ${JSON.stringify(shape)} is not a list of integers from 0`)
  }
  if (
    !Array.isArray(offsets) ||
    offsets.length !== 2 ||
    !offsets.every(isExtent) ||
    offsets[0] > offsets[1]
  ) {
    return refuse(`${name}: its data_offsets ${JSON.stringify(offsets)} are not [begin, end]`)
  }
  const [found, needed] = [offsets[1] - offsets[0], elementCount(shape) * BYTES[dtype as Dtype]]
  if (found !== needed) {
    refuse(
      `${name}: ${dtype} ${formatShape(shape)} takes ${needed} bytes, but its data_offsets hold ${found}`,
    )
  }
  return { dtype: dtype as Dtype, shape, data_offsets: [offsets[0], offsets[1]] }
}

function requireFilled(
  entries: readonly (readonly [string, HeaderEntry])[],
  dataBytes: number,
  refuse: Refuse,
): void {
  const inFileOrder = entries.toSorted(
    ([, { data_offsets: a }], [, { data_offsets: b }]) => a[0] - b[0] || a[1] - b[1],
  )
  let before = 0
  for (const [name, { data_offsets }] of inFileOrder) {
    const [begin, end] = data_offsets
    if (end > dataBytes) refuse(`${name}: it ends at byte ${end} of ${dataBytes}; the file was cut short`)
    if (begin < before) refuse(`${name}: it begins at byte ${begin}, within another tensor`)
    if (begin > before)
      refuse(`${name}: it begins at byte ${begin}, but byte ${before} is the next; there is a hole`)
    before = end
  }
  if (before < dataBytes) refuse(`${dataBytes - before} bytes follow the last tensor`)
}

/** Up to here float32 has every integer. */
const MAX_EXACT_INTEGER = 2 ** 24

/**
 * The values of just the tensors that are expected, each of its shape: float32 and finite or, where `integers` names it
 * (labels), int64 that float32 has exactly. Throws FormatError, naming the file and the tensor.
 */
export function requireTensors<Name extends string>(
  file: string,
  tensors: ReadonlyMap<string, StoredTensor>,
  expected: Readonly<Record<Name, Shape>>,
  integers: readonly string[] = [],
): Record<Name, Float32Array> {
  const names = Object.keys(expected) as Name[]
  for (const name of tensors.keys()) {
    if (!Object.hasOwn(expected, name))
      throw new FormatError(`${file}: ${unknownName('tensor', name, names)}`)
  }
  const values = names.map((name) => {
    const refuse = (what: string): never => {
      throw new FormatError(`${file}: ${name}: ${what}`)
    }
    const tensor = tensors.get(name)
    if (!tensor) return refuse('it is missing')
    const dtype = integers.includes(name) ? 'I64' : 'F32'
    if (tensor.dtype !== dtype) refuse(`its dtype is ${tensor.dtype}, but ${dtype} is expected`)
    if (!sameShape(tensor.shape, expected[name])) {
      refuse(`its shape is ${formatShape(tensor.shape)}, but ${formatShape(expected[name])} is expected`)
    }
    if (tensor.dtype === 'I64') {
      const inexact = tensor.data.findIndex((value) => Math.abs(Number(value)) > MAX_EXACT_INTEGER)
      if (inexact >= 0) {
        const of = `value ${inexact} of ${tensor.data.length} is ${tensor.data[inexact]}`
        refuse(`${of}; float32 has integers exactly up to ${MAX_EXACT_INTEGER}`)
      }
      return [name, Float32Array.from(tensor.data, Number)] as const
    }
    const bad = tensor.data.findIndex((value) => !Number.isFinite(value))
    if (bad >= 0) refuse(`value ${bad} of ${tensor.data.length} is ${tensor.data[bad]}; all must be finite`)
    return [name, tensor.data] as const
  })
  return Object.fromEntries(values) as Record<Name, Float32Array>
}
