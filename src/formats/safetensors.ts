import { must, oneOf, optional, type Rules, recordOf, requireOptions, someText } from '../check-options.ts'
import { FormatError, messageOf, UsageError, unknownName } from '../errors.ts'
import { shortened, shownValue } from '../plain-text.ts'
import { elementCount, firstNotFinite, formatShape, roundUp, type Shape, sameShape } from '../tensor.ts'

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
/** Of a name or a shape in a message. */
const MAX_SHOWN = 80

interface HeaderEntry {
  readonly dtype: Dtype
  readonly shape: Shape
  readonly data_offsets: readonly [begin: number, end: number]
}

const isExtent = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0

/** What was read may be written as it is, with its dtype. */
const tensorRules: Rules<Tensor & { readonly dtype?: Dtype }> = {
  dtype: optional(oneOf(Object.keys(BYTES))),
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
 * A safetensors file: 8 bytes of header length, a JSON header padded with spaces to a multiple of 8, the values,
 * little-endian. int64 tensors come first, so that every tensor is aligned; else the order is that of `tensors`, and
 * the same tensors make the same bytes. Throws UsageError, naming the tensor, for data of another type than these two, and
 * where data and shape disagree.
 * Source: https://github.com/huggingface/safetensors (format).
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
 * The tensors of a safetensors file, copied out of `bytes`, in the header's order. Only float32 and int64 are read.
 * Throws FormatError, naming the file and the tensor, unless the header is sound and the tensors fill the rest of the
 * file without holes or overlap; so no file that was cut short passes.
 */
export function decodeSafetensors(bytes: Uint8Array, fileName: string): DecodedSafetensors {
  const refuse = refuser(fileName)
  const headerBytes = headerLength(bytes.subarray(0, LENGTH_BYTES), bytes.length, refuse)
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

/** Bytes that come one after the other. */
export interface ByteSource {
  /** Null where it is not known before the end. */
  readonly byteLength: number | null
  /** Fills the array with the next bytes, and says with how many: fewer only at the end. */
  fill(target: Uint8Array): Promise<number>
}

/**
 * As `decodeSafetensors`, but each tensor is filled as its bytes come: nothing is held twice, and the file may be larger than
 * one array can be. `requireRoom` is called with how many bytes all tensors have, before there is memory for them.
 */
export async function readSafetensorsFrom(
  source: ByteSource,
  fileName: string,
  requireRoom: (byteLength: number) => Promise<void>,
): Promise<DecodedSafetensors> {
  const refuse = refuser(fileName)
  const first = new Uint8Array(LENGTH_BYTES)
  const found = await source.fill(first)
  const headerBytes = headerLength(first.subarray(0, found), source.byteLength, refuse)
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

/** From the file's first bytes; `total`: how many it has, null where that is not known yet. */
function headerLength(first: Uint8Array, total: number | null, refuse: Refuse): number {
  if (first.length < LENGTH_BYTES) {
    refuse(
      `it has ${first.length} bytes, but a safetensors file begins with ${LENGTH_BYTES} for its header's length`,
    )
  }
  const headerBytes = Number(new DataView(first.buffer, first.byteOffset).getBigUint64(0, true))
  if (headerBytes > MAX_HEADER_BYTES) {
    refuse(
      `its header is said to have ${headerBytes} bytes, over ${MAX_HEADER_BYTES}; it is no safetensors file`,
    )
  }
  const follow = total === null ? headerBytes : total - LENGTH_BYTES
  if (headerBytes > follow) cutInHeader(headerBytes, follow, refuse)
  return headerBytes
}

function cutInHeader(headerBytes: number, found: number, refuse: Refuse): never {
  return refuse(`its header has ${headerBytes} bytes, but only ${found} follow; it was cut short`)
}

/** Zeros. */
function emptyTensor({ name, dtype, shape }: NamedEntry, refuse: Refuse): StoredTensor {
  const count = elementCount(shape)
  try {
    return dtype === 'F32'
      ? { dtype, shape, data: new Float32Array(count) }
      : { dtype, shape, data: new BigInt64Array(count) }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    return refuse(
      `${name}: the system does not give the ${count * BYTES[dtype]} bytes of memory that it takes`,
    )
  }
}

/** Node 20 has no array of more than 4 GiB of bytes, but of floats. */
const WINDOW_BYTES = 2 ** 30

/** Its bytes, in order. */
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

/** `dataBytes`: how many follow the header; null where that is not known yet. */
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

function requireEntry(name: string, entry: unknown, refuseFile: Refuse): NamedEntry {
  const refuse: Refuse = (what) => refuseFile(`${shortened(name, MAX_SHOWN)}: ${what}`)
  if (!isObject(entry)) return refuse('its entry in the header is not an object')
  const { dtype, shape, data_offsets: offsets } = entry
  if (typeof dtype !== 'string' || !Object.hasOwn(BYTES, dtype)) {
    refuse(`its dtype is ${shownValue(dtype)}; only ${Object.keys(BYTES).join(' and ')} are read`)
  }
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
  const [found, needed] = [offsets[1] - offsets[0], elementCount(shape) * BYTES[dtype as Dtype]]
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
    const bad = firstNotFinite(tensor.data)
    if (bad >= 0) refuse(`value ${bad} of ${tensor.data.length} is ${tensor.data[bad]}; all must be finite`)
    return [name, tensor.data] as const
  })
  return Object.fromEntries(values) as Record<Name, Float32Array>
}
