// How a picture is to be turned, by its EXIF data: a TIFF file of one directory, in either byte order. What makes no sense
// is no orientation, since the picture itself may be whole. Files of every kind are read as libvips (sharp) reads them.
import { lettersAt, partOf, startsWith } from './bytes.ts'

/** EXIF's: 1 is upright; see `upright` in orientation.ts. */
export type Orientation = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8

/** 'Exif' and two zeros, before the TIFF structure in a JPEG and at times in a WebP. */
const PREFIX = [0x45, 0x78, 0x69, 0x66, 0, 0]

/** The TIFF structure after the prefix; null if there is no prefix. */
export function afterExifPrefix(data: DataView): DataView | null {
  return startsWith(data, 0, PREFIX) ? partOf(data, PREFIX.length) : null
}

const ORIENTATION_TAG = 0x0112
const TIFF_MAGIC = 42
const HEADER_BYTES = 8
const ENTRY_BYTES = 12
/** Where an entry has its value, or the value's offset if it is longer than what is left of the entry. */
const VALUE_OFFSET = 8
const INLINE_BYTES = ENTRY_BYTES - VALUE_OFFSET

interface ValueType {
  /** Of one value. */
  readonly bytes: number
  read(tiff: DataView, offset: number, isLittleEndian: boolean): number
}

const BYTE: ValueType = { bytes: 1, read: (tiff, offset) => tiff.getUint8(offset) }
const SHORT: ValueType = { bytes: 2, read: (tiff, offset, order) => tiff.getUint16(offset, order) }
/** The standard says SHORT. Where programs write LONG, readers take it for one: 16 bits count. */
const LONG: ValueType = { bytes: 4, read: (tiff, offset, order) => tiff.getUint32(offset, order) & 0xffff }
/** The numerator. */
const RATIONAL: ValueType = { ...LONG, bytes: 8 }

/** By TIFF's number of each type, signed ones too. Text and floating-point numbers are no orientation. */
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

/** The orientation in a TIFF structure; 1 if it says none. Source: TIFF 6.0, section 2; EXIF 2.3, 4.6.4. */
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
