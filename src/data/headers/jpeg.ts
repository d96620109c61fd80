import { FormatError } from '../../errors.ts'
import { lettersAt, sliceOf, startsWith } from './bytes.ts'
import { afterExifPrefix, type Orientation, tiffOrientation } from './exif.ts'
import type { ImageHeader } from './image-header.ts'

const START_OF_IMAGE = [0xff, 0xd8, 0xff]
const APP1 = 0xe1
const APP14 = 0xee
const START_OF_SCAN = 0xda
const END_OF_IMAGE = 0xd9
/** C0 to CF without DHT, JPG and DAC: SOF0 to SOF15, each of which begins a frame of its kind. */
const isFrame = (marker: number): boolean =>
  marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)
/** SOF0 to SOF2: baseline, extended, progressive. The others are lossless, hierarchical or in arithmetic coding. */
const USUAL_FRAMES = [0xc0, 0xc1, 0xc2]
const BITS = 8
/** JPEG codes blocks of this many values each way, so a decoder can output an image in eighths of its size. */
export const BLOCK_SIDE = 8

interface Segment {
  readonly marker: number
  /** Of its data, after the two bytes of its length. */
  readonly offset: number
  readonly length: number
}

/**
 * The markers and their segments from `offset` on, skipping whatever is not a marker: padding, entropy-coded data, and
 * bytes that decoders skip. Markers without a segment, such as RST and EOI, have no data. Throws RangeError at the end
 * of the bytes. Source: ITU-T T.81, annex B.
 */
function* segmentsOf(view: DataView, offset: number): Generator<Segment, never> {
  const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength)
  for (let at = offset; ; ) {
    at = bytes.indexOf(0xff, at)
    if (at < 0) throw new RangeError('no marker')
    const marker = view.getUint8(at + 1)
    if (marker === 0xff) {
      at++ // padding
    } else if (marker === 0x00 || marker === 0x01 || (marker >= 0xd0 && marker <= END_OF_IMAGE)) {
      if (marker === END_OF_IMAGE) yield { marker, offset: at + 2, length: 0 }
      at += 2 // a byte of the data, or a marker without a segment
    } else {
      const length = view.getUint16(at + 2)
      yield { marker, offset: at + 4, length: length - 2 }
      at += 2 + length
    }
  }
}

/** Null if it is not a JPEG; throws FormatError for a kind of JPEG that no decoder here reads. */
export function readJpeg(view: DataView): ImageHeader | null {
  if (!startsWith(view, 0, START_OF_IMAGE)) return null
  let orientation: Orientation | null = null
  let frame: Segment | null = null
  let isAdobe = false
  for (const segment of segmentsOf(view, 2)) {
    const { marker, offset, length } = segment
    if (marker === START_OF_SCAN || marker === END_OF_IMAGE) break
    if (isFrame(marker)) frame ??= segment
    else if (marker === APP14) isAdobe ||= length >= 12 && lettersAt(view, offset, 5) === 'Adobe'
    else if (marker === APP1 && orientation === null) {
      const tiff = afterExifPrefix(sliceOf(view, offset, length))
      if (tiff) orientation = tiffOrientation(tiff) // the first one counts, as in sharp
    }
  }
  if (!frame) throw new RangeError('no frame before the scan')
  return { ...headerOf(view, frame, isAdobe), orientation: orientation ?? 1 }
}

function headerOf(
  view: DataView,
  { marker, offset }: Segment,
  isAdobe: boolean,
): Omit<ImageHeader, 'orientation'> {
  if (!USUAL_FRAMES.includes(marker)) {
    const kind = marker >= 0xc9 ? 'in arithmetic coding' : 'that is lossless or hierarchical'
    throw new FormatError(`is a JPEG ${kind}, which hardly any program reads; convert it to a usual one`)
  }
  const bits = view.getUint8(offset)
  if (bits !== BITS)
    throw new FormatError(`is a JPEG of ${bits} bits a value, not of 8; convert it to a usual one`)
  const components = view.getUint8(offset + 5)
  return {
    format: 'jpeg',
    height: view.getUint16(offset + 1),
    width: view.getUint16(offset + 3),
    components,
    isInverted: isAdobe && components === 4,
  }
}

/** Whether the file contains the image's end: a decoder would fill what is missing with grey. */
export function isWholeJpeg(view: DataView): boolean {
  try {
    for (const { marker } of segmentsOf(view, 2)) if (marker === END_OF_IMAGE) return true
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
  }
  return false
}
