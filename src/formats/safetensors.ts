import { must, oneOf, optional, type Rules, recordOf, requireOptions, someText } from '../check-options.ts'
import { FormatError, messageOf, UsageError, unknownName } from '../errors.ts'
import { shortened, shownValue } from '../plain-text.ts'
import { elementCount, firstNotFinite, formatShape, roundUp, type Shape, sameShape } from '../tensor.ts'
import { isPyTorch, pyTorchText } from './pytorch-file.ts'
import {
  bytesOf,
  DTYPES,
  type Dtype,
  emptyStored,
  FLOAT_DTYPES,
  float32Of,
  isWideInteger,
  NUMBER_DTYPES,
  type StoredTensor,
  storedValue,
} from './safetensors-dtypes.ts'

/** A tensor to be written; the type of `data` is its dtype. */
export interface Tensor {
  readonly shape: Shape
  readonly data: Float32Array | BigInt64Array
}

export type { StoredTensor } from './safetensors-dtypes.ts'

/** What a safetensors file contains. */
export interface DecodedSafetensors {
  /** By name, in their stored types. */
  readonly tensors: ReadonlyMap<string, StoredTensor>
  /** The file's `__metadata__`; empty if it has none. */
  readonly metadata: Readonly<Record<string, string>>
}

/** Those that are written. */
const WRITTEN: readonly Dtype[] = ['F32', 'I64']

/** The header is preceded by its length, in 64 bits. */
const LENGTH_BYTES = 8
const HEADER_ALIGNMENT = 8
const SPACE = 0x20
const MAX_HEADER_BYTES = 100_000_000
const METADATA = '__metadata__'
/** The longest name or shape that a message shows in full. */
const MAX_SHOWN = 80

interface HeaderEntry {
  readonly dtype: Dtype
  readonly shape: Shape
  readonly data_offsets: readonly [begin: number, end: number]
}

const isExtent = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0

/** A tensor of float32 or int64 that was read may be written again as it is, with its dtype. */
const tensorRules: Rules<Tensor & { readonly dtype?: Dtype }> = {
  dtype: optional(oneOf(WRITTEN)),
  shape: must(
    (value: unknown) => Array.isArray(value) && value.every(isExtent),
    'an array of integers from 0',
  ),
  data: must(
    (value: unknown) => value instanceof Float32Array || value instanceof BigInt64Array,
    'a Float32Array or a BigInt64Array',
  ),
}

/**
 * A safetensors file: 8 bytes of header length, a JSON header padded with spaces to a multiple of 8, and the values,
 * little-endian. int64 tensors come first, so that every tensor is aligned; otherwise the order is that of `tensors`,
 * and the same tensors make the same bytes. Throws UsageError, naming the tensor, for data of any other type or if data
 * and shape disagree. Source: https://github.com/huggingface/safetensors (format).
 */
export function encodeSafetensors(
  tensors: Readonly<Record<string, Tensor>>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const fault = recordOf(someText, 'an object of texts').fault(metadata, 'metadata')
  if (fault !== null) throw new UsageError(`safetensors: ${fault}`)
  for (const [name, tensor] of Object.entries(tensors)) requireOptions(name, tensor, tensorRules)
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
 * The tensors of a safetensors file, copied out of `bytes`, in the header's order, as they are stored: float16 and
 * bfloat16 are bits in a Uint16Array. Throws FormatError, naming the file and the tensor, for any other type than those of
 * `StoredTensor`, and unless the header is valid and the tensors fill the rest of the
 * file without gaps or overlap; so no truncated file passes.
 */
export function decodeSafetensors(bytes: Uint8Array, fileName: string): DecodedSafetensors {
  const refuse = refuser(fileName)
  const headerBytes = headerLength(bytes.subarray(0, LENGTH_BYTES), bytes.length, fileName)
  const dataStart = LENGTH_BYTES + headerBytes
  const layout = parseHeader(bytes.subarray(LENGTH_BYTES, dataStart), bytes.length - dataStart, refuse)
  const tensors = layout.entries.map((entry) => {
    const tensor = emptyTensor(entry, refuse)
    const [begin] = entry.data_offsets
    let at = dataStart + begin
    for (const window of windowsOf(tensor)) {
      window.set(bytes.subarray(at, at + window.length))
      at += window.length
    }
    return [entry.name, tensor] as const
  })
  return { tensors: new Map(tensors), metadata: layout.metadata }
}

/** Bytes that are read in order. */
export interface ByteSource {
  /** Null if it is not known before the end. */
  readonly byteLength: number | null
  /** Fills the array with the next bytes and returns how many there were: fewer only at the end. */
  fill(target: Uint8Array): Promise<number>
}

/**
 * As `decodeSafetensors`, but each tensor is filled while its bytes are read: nothing is in memory twice, and the file
 * may be larger than the largest array. `requireRoom` is called with the size of all tensors before memory is allocated
 * for them.
 */
export async function readSafetensorsFrom(
  source: ByteSource,
  fileName: string,
  requireRoom: (byteLength: number) => Promise<void>,
): Promise<DecodedSafetensors> {
  const refuse = refuser(fileName)
  const first = new Uint8Array(LENGTH_BYTES)
  const found = await source.fill(first)
  const headerBytes = headerLength(first.subarray(0, found), source.byteLength, fileName)
  const header = new Uint8Array(headerBytes)
  const headerFound = await source.fill(header)
  if (headerFound < headerBytes) cutInHeader(headerBytes, headerFound, refuse)
  const dataBytes = source.byteLength === null ? null : source.byteLength - LENGTH_BYTES - headerBytes
  const { entries, metadata } = parseHeader(header, dataBytes, refuse)
  await requireRoom(endOf(entries))
  const tensors = new Map<string, StoredTensor>()
  for (const entry of entries.toSorted(inFileOrder)) {
    const tensor = emptyTensor(entry, refuse)
    const [begin, end] = entry.data_offsets
    let at = begin
    for (const window of windowsOf(tensor)) {
      const found = await source.fill(window)
      at += found
      if (found < window.length)
        refuse(`${entry.name}: it ends at byte ${end} of ${at}; the file was cut short`)
    }
    tensors.set(entry.name, tensor)
  }
  if ((await source.fill(new Uint8Array(1))) > 0) refuse('more bytes follow the last tensor')
  return { tensors: new Map(entries.map(({ name }) => [name, tensors.get(name)!])), metadata }
}

type Refuse = (what: string) => never

const refuser =
  (fileName: string): Refuse =>
  (what) => {
    throw new FormatError(`${fileName}: ${what}`)
  }

/** From the file's first bytes. `total`: the file's size, or null if not known yet. */
function headerLength(first: Uint8Array, total: number | null, fileName: string): number {
  const refuse = refuser(fileName)
  if (first.length < LENGTH_BYTES) {
    refuse(
      `it has ${first.length} bytes, but a safetensors file begins with ${LENGTH_BYTES} for its header's length`,
    )
  }
  if (isPyTorch(first)) refuse(pyTorchText(fileName))
  const headerBytes = Number(new DataView(first.buffer, first.byteOffset).getBigUint64(0, true))
  if (headerBytes > MAX_HEADER_BYTES) {
    refuse(
      `its header is said to have ${headerBytes} bytes, more than ${MAX_HEADER_BYTES}; it is no safetensors file`,
    )
  }
  const follow = total === null ? headerBytes : total - LENGTH_BYTES
  if (headerBytes > follow) cutInHeader(headerBytes, follow, refuse)
  return headerBytes
}

function cutInHeader(headerBytes: number, found: number, refuse: Refuse): never {
  return refuse(`its header has ${headerBytes} bytes, but only ${found} follow; it was cut short`)
}

/** The tensor filled with zeros. */
function emptyTensor({ name, dtype, shape }: NamedEntry, refuse: Refuse): StoredTensor {
  const count = elementCount(shape)
  try {
    return emptyStored(dtype, shape, count)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    return refuse(
      `${name}: the system does not give the ${count * bytesOf(dtype)} bytes of memory that it takes`,
    )
  }
}

/** In Node 20 an array of bytes is limited to 4 GiB, but an array of floats is not. */
const WINDOW_BYTES = 2 ** 30

/** The tensor's bytes, in order. */
function* windowsOf({ data }: StoredTensor): Generator<Uint8Array, void> {
  for (let at = 0; at < data.byteLength; at += WINDOW_BYTES) {
    yield new Uint8Array(data.buffer, data.byteOffset + at, Math.min(WINDOW_BYTES, data.byteLength - at))
  }
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

interface NamedEntry extends HeaderEntry {
  readonly name: string
}

interface Layout {
  readonly entries: readonly NamedEntry[]
  readonly metadata: Readonly<Record<string, string>>
}

/** `dataBytes`: how many bytes follow the header; null if not known yet. */
function parseHeader(bytes: Uint8Array, dataBytes: number | null, refuse: Refuse): Layout {
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
    if (seen.has(key)) refuse(`${shortened(key, MAX_SHOWN)}: it is in the header twice`)
    seen.add(key)
  }
  const { [METADATA]: given, ...tensors } = header
  const metadata = given ?? {}
  if (!isObject(metadata) || !Object.values(metadata).every((value) => typeof value === 'string')) {
    return refuse(`its ${METADATA} is not an object of strings`)
  }
  const entries = Object.entries(tensors).map(([name, entry]) => requireEntry(name, entry, refuse))
  requireFilled(entries, dataBytes ?? endOf(entries), refuse)
  return { entries, metadata: metadata as Record<string, string> }
}

const endOf = (entries: readonly NamedEntry[]): number =>
  entries.reduce((end, { data_offsets }) => Math.max(end, data_offsets[1]), 0)

const inFileOrder = ({ data_offsets: a }: NamedEntry, { data_offsets: b }: NamedEntry): number =>
  a[0] - b[0] || a[1] - b[1]

/** The keys of the outermost object of valid JSON, including duplicates: JSON.parse silently drops one of two equal keys. */
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

function requireEntry(name: string, entry: unknown, refuseFile: Refuse): NamedEntry {
  const refuse: Refuse = (what) => refuseFile(`${shortened(name, MAX_SHOWN)}: ${what}`)
  if (!isObject(entry)) return refuse('its entry in the header is not an object')
  const { dtype, shape, data_offsets: offsets } = entry
  if (!DTYPES.includes(dtype as Dtype))
    refuse(`its dtype is ${shownValue(dtype)}; ${listed(DTYPES)} are read`)
  if (!Array.isArray(shape) || !shape.every(isExtent)) {
    return refuse(`its shape ${shownValue(shape)} is not a list of integers from 0`)
  }
  if (
    !Array.isArray(offsets) ||
    offsets.length !== 2 ||
    !offsets.every(isExtent) ||
    offsets[0] > offsets[1]
  ) {
    return refuse(`its data_offsets ${shownValue(offsets)} are not [begin, end]`)
  }
  const [found, needed] = [offsets[1] - offsets[0], elementCount(shape) * bytesOf(dtype as Dtype)]
  if (found !== needed) {
    refuse(
      `${dtype} ${shortened(formatShape(shape), MAX_SHOWN)} takes ${needed} bytes, but its data_offsets hold ${found}`,
    )
  }
  return { name, dtype: dtype as Dtype, shape, data_offsets: [offsets[0], offsets[1]] }
}

function requireFilled(entries: readonly NamedEntry[], dataBytes: number, refuse: Refuse): void {
  let before = 0
  for (const { name: own, data_offsets } of entries.toSorted(inFileOrder)) {
    const [begin, end] = data_offsets
    const name = shortened(own, MAX_SHOWN)
    if (end > dataBytes) refuse(`${name}: it ends at byte ${end} of ${dataBytes}; the file was cut short`)
    if (begin < before) refuse(`${name}: it begins at byte ${begin}, within another tensor`)
    if (begin > before)
      refuse(`${name}: it begins at byte ${begin}, but byte ${before} is the next; there is a hole`)
    before = end
  }
  if (before < dataBytes) refuse(`${dataBytes - before} bytes follow the last tensor`)
}

/** `F32, I64 and F16`. */
const listed = (dtypes: readonly Dtype[]): string =>
  dtypes.length === 1 ? dtypes[0]! : `${dtypes.slice(0, -1).join(', ')} and ${dtypes.at(-1)}`

/** Up to here float32 represents every integer. */
const MAX_EXACT_INTEGER = 2 ** 24

/**
 * The values of exactly the tensors that are expected, each with its shape: float32 and finite, or if `integers` names
 * it (labels), int64. A tensor that `numbers` names may be of any type but int64. Integers must be such that float32
 * represents them exactly; float64 is rounded. Throws FormatError, naming the file and the tensor.
 */
export function requireTensors<Name extends string>(
  file: string,
  tensors: ReadonlyMap<string, StoredTensor>,
  expected: Readonly<Record<Name, Shape>>,
  integers: readonly string[] = [],
  numbers: readonly string[] = [],
): Record<Name, Float32Array> {
  const names = Object.keys(expected) as Name[]
  for (const name of tensors.keys()) {
    if (!Object.hasOwn(expected, name))
      throw new FormatError(`${file}: ${unknownName('tensor', name, names)}`)
  }
  const values = names.map((name) => {
    const refuse = refuser(`${file}: ${name}`)
    const tensor = tensors.get(name)
    if (!tensor) return refuse('it is missing')
    const one: Dtype = integers.includes(name) ? 'I64' : 'F32'
    requireDtype(tensor, one === 'F32' && numbers.includes(name) ? NUMBER_DTYPES : [one], refuse)
    if (!sameShape(tensor.shape, expected[name])) {
      refuse(`its shape is ${formatShape(tensor.shape)}, but ${formatShape(expected[name])} is expected`)
    }
    return [name, requireFloat32(tensor, refuse)] as const
  })
  return Object.fromEntries(values) as Record<Name, Float32Array>
}

function requireDtype({ dtype }: StoredTensor, dtypes: readonly Dtype[], refuse: Refuse): void {
  if (dtypes.includes(dtype)) return
  refuse(
    `its dtype is ${dtype}, but ${dtypes.length === 1 ? dtypes[0] : `one of ${listed(dtypes)}`} is expected`,
  )
}

/**
 * A tensor's values in float32, rounded where it has none such. `what`: the file and the tensor, which messages begin with. Throws
 * FormatError unless the tensor is of F32, F16, BF16 or F64 and all its values are finite.
 */
export function requireFloats(what: string, tensor: StoredTensor): Float32Array {
  const refuse = refuser(what)
  requireDtype(tensor, FLOAT_DTYPES, refuse)
  return requireFloat32(tensor, refuse)
}

/** Its values in float32, if they are finite there, and exact if they are integers. */
function requireFloat32(tensor: StoredTensor, refuse: Refuse): Float32Array {
  const values = float32Of(tensor)
  const { length } = values
  if (isWideInteger(tensor.dtype)) {
    const inexact = values.findIndex((_, i) => Math.abs(storedValue(tensor, i)) > MAX_EXACT_INTEGER)
    if (inexact >= 0) {
      const of = `value ${inexact} of ${length} is ${tensor.data[inexact]}`
      refuse(`${of}; float32 has integers exactly up to ${MAX_EXACT_INTEGER}`)
    }
  }
  const bad = firstNotFinite(values)
  if (bad < 0) return values
  const value = storedValue(tensor, bad)
  return refuse(
    `value ${bad} of ${length} is ${value}; all must be finite${Number.isFinite(value) ? ' in float32' : ''}`,
  )
}
