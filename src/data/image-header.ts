// What an image's header says, read without decoding: so that huge ones are refused before they take memory.
import { DamagedImageError } from '../errors.ts'
import type { DecodedImage, NamedBytes } from './dataset.ts'

export interface ImageHeader {
  readonly format: 'jpeg' | 'png' | 'webp'
  readonly width: number
  readonly height: number
  /** Of a JPEG: 4 are CMYK. Other formats say 3. */
  readonly components: number
  readonly orientation: Orientation
}

/** EXIF's: 1 is upright; see `upright` in orientation.ts. */
export type Orientation = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8

/** What a decoder does with a file whose header was found good: as `Decoder.decode`, but not turned upright. */
export type RawDecode = (bytes: Uint8Array, header: ImageHeader, side: number | null) => Promise<DecodedImage>

/** 'Exif' and two zeros, before the TIFF structure in a JPEG and at times in a WebP. */
const EXIF_PREFIX = [0x45, 0x78, 0x69, 0x66, 0, 0]
const PNG_SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]

/** Throws DamagedImageError where the bytes are no JPEG, PNG or WebP, or end or make no sense before the size. */
export function readImageHeader({ name, bytes }: NamedBytes): ImageHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let header: ImageHeader | null
  try {
    header = readJpeg(view) ?? readPng(view) ?? readWebp(view)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw new DamagedImageError(name, `ends within its header, after ${bytes.length} bytes`, { cause: error })
  }
  if (!header) throw new DamagedImageError(name, 'is not a JPEG, PNG or WebP image')
  if (header.width === 0 || header.height === 0)
    throw new DamagedImageError(name, `says that it is ${header.width} x ${header.height} pixels`)
  return header
}

function startsWith(view: DataView, offset: number, expected: readonly number[]): boolean {
  if (offset + expected.length > view.byteLength) return false
  return expected.every((byte, i) => view.getUint8(offset + i) === byte)
}

/** Four letters, as in the names of chunks. */
function fourLetters(view: DataView, offset: number): string {
  return String.fromCharCode(...[0, 1, 2, 3].map((i) => view.getUint8(offset + i)))
}

const START_OF_IMAGE = [0xff, 0xd8, 0xff]
const APP1 = 0xe1
const START_OF_SCAN = 0xda
const END_OF_IMAGE = 0xd9
/** Of the markers C0 to CF, those that begin no frame: DHT, JPG and DAC. */
const NO_FRAMES = [0xc4, 0xc8, 0xcc]

/** Source: ITU-T T.81, annex B. */
function readJpeg(view: DataView): ImageHeader | null {
  if (!startsWith(view, 0, START_OF_IMAGE)) return null
  let orientation: Orientation = 1
  for (let offset = 2; ; ) {
    if (view.getUint8(offset) !== 0xff) {
      offset++ // between segments decoders skip what is no marker
      continue
    }
    const marker = view.getUint8(offset + 1)
    if (marker === 0xff) {
      offset++ // padding
      continue
    }
    if (marker === 0x00 || marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8)) {
      offset += 2 // stuffing and markers that stand alone
      continue
    }
    if (marker === START_OF_SCAN || marker === END_OF_IMAGE) throw new RangeError('no frame before the scan')
    const length = view.getUint16(offset + 2)
    if (marker >= 0xc0 && marker <= 0xcf && !NO_FRAMES.includes(marker)) {
      const [height, width] = [view.getUint16(offset + 5), view.getUint16(offset + 7)]
      return { format: 'jpeg', width, height, components: view.getUint8(offset + 9), orientation }
    }
    if (marker === APP1 && startsWith(view, offset + 4, EXIF_PREFIX))
      orientation = exifOrientation(view, offset + 4, length - 2)
    offset += 2 + length
  }
}

/** Source: https://www.w3.org/TR/png-3 */
function readPng(view: DataView): ImageHeader | null {
  if (!startsWith(view, 0, PNG_SIGNATURE)) return null
  if (fourLetters(view, 12) !== 'IHDR') throw new RangeError('no IHDR')
  return {
    format: 'png',
    width: view.getUint32(16),
    height: view.getUint32(20),
    components: 3,
    orientation: 1,
  }
}

const HAS_EXIF = 0x08

/** Source: RFC 9649, the WebP image format. */
function readWebp(view: DataView): ImageHeader | null {
  if (view.byteLength < 12 || fourLetters(view, 0) !== 'RIFF' || fourLetters(view, 8) !== 'WEBP') return null
  const as = (width: number, height: number, orientation: Orientation = 1): ImageHeader => {
    return { format: 'webp', width, height, components: 3, orientation }
  }
  const uint24 = (offset: number) => view.getUint16(offset, true) | (view.getUint8(offset + 2) << 16)
  const data = 20
  switch (fourLetters(view, 12)) {
    case 'VP8 ':
      return as(view.getUint16(data + 6, true) & 0x3fff, view.getUint16(data + 8, true) & 0x3fff)
    case 'VP8L': {
      const bits = view.getUint32(data + 1, true)
      return as((bits & 0x3fff) + 1, ((bits >>> 14) & 0x3fff) + 1)
    }
    case 'VP8X': {
      const orientation = view.getUint8(data) & HAS_EXIF ? webpOrientation(view) : 1
      return as(uint24(data + 4) + 1, uint24(data + 7) + 1, orientation)
    }
    default:
      throw new RangeError('no chunk of an image')
  }
}

function webpOrientation(view: DataView): Orientation {
  for (let offset = 12; offset + 8 <= view.byteLength; ) {
    const length = view.getUint32(offset + 4, true)
    if (fourLetters(view, offset) === 'EXIF') return exifOrientation(view, offset + 8, length)
    offset += 8 + length + (length & 1)
  }
  return 1
}

const ORIENTATION_TAG = 0x0112

/** Upright where the tag is missing or makes no sense: the image itself may be whole. Source: EXIF 2.3, 4.6.4. */
function exifOrientation(view: DataView, offset: number, length: number): Orientation {
  const start = startsWith(view, offset, EXIF_PREFIX) ? EXIF_PREFIX.length : 0
  const available = Math.min(length, view.byteLength - offset) - start
  if (available < 8) return 1
  const tiff = new DataView(view.buffer, view.byteOffset + offset + start, available)
  const isLittleEndian = tiff.getUint16(0) === 0x4949
  const directory = tiff.getUint32(4, isLittleEndian)
  if (directory + 2 > available) return 1
  const entries = tiff.getUint16(directory, isLittleEndian)
  for (let entry = 0; entry < entries; entry++) {
    const at = directory + 2 + 12 * entry
    if (at + 12 > available) return 1
    if (tiff.getUint16(at, isLittleEndian) !== ORIENTATION_TAG) continue
    const value = tiff.getUint16(at + 8, isLittleEndian)
    return value >= 1 && value <= 8 ? (value as Orientation) : 1
  }
  return 1
}
