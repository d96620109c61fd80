// How a picture must be rotated, from its EXIF data: a TIFF file with one directory, in either byte order. Invalid data
// mean no orientation, since the picture itself may be intact. All variants are read as libvips (sharp) reads them.
import { lettersAt, sliceOf, startsWith } from './bytes.ts'

/** EXIF's: 1 is upright; see `upright` in orientation.ts. */
export type Orientation = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8

/** 'Exif' and two zeros: they precede the TIFF structure in a JPEG and sometimes in a WebP. */
const PREFIX = [0x45, 0x78, 0x69, 0x66, 0, 0]

/** The TIFF structure after the prefix; null if there is no prefix. */
export function afterExifPrefix(data: DataView): DataView | null {
  return startsWith(data, 0, PREFIX) ? sliceOf(data, PREFIX.length) : null
}

const ORIENTATION_TAG = 0x0112
const TIFF_MAGIC = 42
const HEADER_BYTES = 8
const ENTRY_BYTES = 12
/** Where an entry has its value, or the value's offset if it does not fit. */
const VALUE_OFFSET = 8
const INLINE_BYTES = ENTRY_BYTES - VALUE_OFFSET

interface ValueType {
  /** Bytes of one value. */
  readonly bytes: number
  read(tiff: DataView, offset: number, isLittleEndian: boolean): number
}

const BYTE: ValueType = { bytes: 1, read: (tiff, offset) => tiff.getUint8(offset) }
const SHORT: ValueType = { bytes: 2, read: (tiff, offset, order) => tiff.getUint16(offset, order) }
/** The standard says SHORT. Some programs write LONG, which readers treat as SHORT: only 16 bits count. */
const LONG: ValueType = { bytes: 4, read: (tiff, offset, order) => tiff.getUint32(offset, order) & 0xffff }
/** Only the numerator is read. */
const RATIONAL: ValueType = { ...LONG, bytes: 8 }

/** By TIFF's number of each type, including signed ones. Text and floating-point numbers are not orientations. */
const TYPES: Readonly<Record<number, ValueType>> = {
  1: BYTE,
  3: SHORT,
  4: LONG,
  5: RATIONAL,
  6: BYTE,
  8: SHORT,
  9: LONG,
  10: RATIONAL,
}

/** The orientation in a TIFF structure; 1 if there is none. Source: TIFF 6.0, section 2; EXIF 2.3, 4.6.4. */
export function tiffOrientation(tiff: DataView): Orientation {
  if (tiff.byteLength < HEADER_BYTES) return 1
  const order = lettersAt(tiff, 0, 2)
  if (order !== 'II' && order !== 'MM') return 1
  const isLittleEndian = order === 'II'
  const directory = tiff.getUint32(4, isLittleEndian)
  if (tiff.getUint16(2, isLittleEndian) !== TIFF_MAGIC || directory < HEADER_BYTES) return 1
  if (directory + 2 > tiff.byteLength) return 1
  const entries = tiff.getUint16(directory, isLittleEndian)
  for (let i = 0; i < entries; i++) {
    const entry = directory + 2 + ENTRY_BYTES * i
    if (entry + ENTRY_BYTES > tiff.byteLength) return 1
    if (tiff.getUint16(entry, isLittleEndian) === ORIENTATION_TAG)
      return entryOrientation(tiff, entry, isLittleEndian)
  }
  return 1
}

function entryOrientation(tiff: DataView, entry: number, isLittleEndian: boolean): Orientation {
  const type = TYPES[tiff.getUint16(entry + 2, isLittleEndian)]
  const count = tiff.getUint32(entry + 4, isLittleEndian)
  if (!type || count === 0) return 1
  const isInline = type.bytes * count <= INLINE_BYTES
  const offset = isInline ? entry + VALUE_OFFSET : tiff.getUint32(entry + VALUE_OFFSET, isLittleEndian)
  if (offset + type.bytes * count > tiff.byteLength) return 1
  const value = type.read(tiff, offset, isLittleEndian)
  return value >= 1 && value <= 8 ? (value as Orientation) : 1
}
