import { lettersAt, sliceOf, startsWith } from './bytes.ts'
import { type Orientation, tiffOrientation } from './exif.ts'
import type { Damage, ImageHeader } from './image-header.ts'

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]
/** A chunk's data are preceded by its length and name, and followed by a checksum. */
const BEFORE_DATA = 8
const AROUND_DATA = 12

interface Chunk {
  readonly name: string
  readonly offset: number
  /** Of its data. */
  readonly length: number
}

function* chunksOf(view: DataView): Generator<Chunk, void> {
  for (let offset = SIGNATURE.length; offset + BEFORE_DATA <= view.byteLength; ) {
    const length = view.getUint32(offset)
    yield { name: lettersAt(view, offset + 4), offset, length }
    offset += length + AROUND_DATA
  }
}

/** Null if it is not a PNG. Source: https://www.w3.org/TR/png-3 */
export function readPng(view: DataView): ImageHeader | null {
  if (!startsWith(view, 0, SIGNATURE)) return null
  if (lettersAt(view, SIGNATURE.length + 4) !== 'IHDR') throw new RangeError('no IHDR')
  const data = SIGNATURE.length + BEFORE_DATA
  return {
    format: 'png',
    width: view.getUint32(data),
    height: view.getUint32(data + 4),
    components: 3,
    isInverted: false,
    orientation: orientationOf(view),
  }
}

/**
 * From the first eXIf chunk. The third edition requires it before the pixels (IDAT), and sharp and browsers read it
 * only there; some programs write it after them.
 */
function orientationOf(view: DataView): Orientation {
  for (const { name, offset, length } of chunksOf(view)) {
    if (name === 'eXIf') return tiffOrientation(sliceOf(view, offset + BEFORE_DATA, length))
    if (name === 'IDAT') return 1
  }
  return 1
}

/** What is wrong with the pixels' data, since not every decoder verifies the checksums; null if nothing is. */
export function pngDamage(view: DataView): Damage | null {
  for (const { name, offset, length } of chunksOf(view)) {
    if (name === 'IEND') break
    const end = offset + BEFORE_DATA + length
    if (end + 4 > view.byteLength) return 'cut short'
    const isCritical = name[0] === name[0]!.toUpperCase()
    if (isCritical && crc32(sliceOf(view, offset + 4, length + 4)) !== view.getUint32(end)) return 'damaged'
  }
  return null // if it ends without IEND, the pixels are complete all the same
}

/** The remainder of each byte. Source: PNG, third edition, annex D. */
const REMAINDERS = Uint32Array.from({ length: 256 }, (_, byte) => {
  let remainder = byte
  for (let bit = 0; bit < 8; bit++)
    remainder = remainder & 1 ? 0xedb88320 ^ (remainder >>> 1) : remainder >>> 1
  return remainder
})

function crc32(view: DataView): number {
  const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength)
  let sum = 0xffffffff
  for (let i = 0; i < bytes.length; i++) sum = REMAINDERS[(sum ^ bytes[i]!) & 0xff]! ^ (sum >>> 8)
  return ~sum >>> 0
}
