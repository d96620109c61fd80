// The first frame of an animated WebP, as browsers show it before it moves and as sharp reads it.
import { FormatError } from '../errors.ts'
import type { DecodedImage } from './dataset.ts'
import { sliceOf, viewOf } from './headers/bytes.ts'
import type { ImageHeader } from './headers/image-header.ts'
import { type Chunk, chunksOf, chunksOfWebp, uint24 } from './headers/webp.ts'

export interface FirstFrame {
  /** A WebP of this frame alone. */
  readonly bytes: Uint8Array
  readonly header: ImageHeader
  /** Its position on the canvas. */
  readonly left: number
  readonly top: number
}

const IS_ANIMATED = 0x02
const HAS_ALPHA = 0x10
const FRAME_HEADER = 16

/**
 * Null if it is not animated. Throws FormatError for a frame that exceeds the canvas, since only the canvas was checked
 * against the limit. Source: RFC 9649, section 2.7.
 */
export function firstFrameOf(bytes: Uint8Array, header: ImageHeader): FirstFrame | null {
  if (header.format !== 'webp') return null
  const chunks = chunksOfWebp(viewOf(bytes))
  const first = chunks.next().value
  if (first?.name !== 'VP8X' || (first.data.getUint8(0) & IS_ANIMATED) === 0) return null
  for (const { name, data } of chunks) {
    if (name !== 'ANMF' || data.byteLength < FRAME_HEADER) continue
    const [left, top] = [2 * uint24(data, 0), 2 * uint24(data, 3)]
    const [width, height] = [uint24(data, 6) + 1, uint24(data, 9) + 1]
    if (left + width > header.width || top + height > header.height)
      throw new FormatError('its first frame goes beyond its canvas')
    const bytes = stillOf(sliceOf(data, FRAME_HEADER), width, height)
    return { left, top, header: { ...header, width, height }, bytes }
  }
  return null
}

/** The frame on its canvas, which is black elsewhere. */
export function onCanvas(
  frame: DecodedImage,
  { left, top }: FirstFrame,
  { width, height }: ImageHeader,
): DecodedImage {
  if (frame.width === width && frame.height === height) return frame
  const { channels } = frame
  const pixels = new Uint8Array(width * height * channels)
  const rowLength = frame.width * channels
  for (let y = 0; y < frame.height; y++) {
    const row = frame.pixels.subarray(y * rowLength, (y + 1) * rowLength)
    pixels.set(row, ((top + y) * width + left) * channels)
  }
  return { width, height, channels, pixels }
}

/** An extended file, since only that may have alpha; libwebp checks that the image has the stated size. */
function stillOf(frame: DataView, width: number, height: number): Uint8Array {
  const parts = [...chunksOf(frame)].filter(({ name }) => ['ALPH', 'VP8 ', 'VP8L'].includes(name))
  const extended = new DataView(new ArrayBuffer(10))
  extended.setUint8(0, HAS_ALPHA)
  setUint24(extended, 4, width - 1)
  setUint24(extended, 7, height - 1)
  const body = [{ name: 'VP8X', data: extended }, ...parts].map(encodedChunk)
  const file = new Uint8Array(12 + body.reduce((sum, { length }) => sum + length, 0))
  file.set(asciiBytes('RIFF'))
  new DataView(file.buffer).setUint32(4, file.length - 8, true)
  file.set(asciiBytes('WEBP'), 8)
  let offset = 12
  for (const chunk of body) {
    file.set(chunk, offset)
    offset += chunk.length
  }
  return file
}

const asciiBytes = (letters: string): Uint8Array => new TextEncoder().encode(letters)

function setUint24(view: DataView, offset: number, value: number): void {
  view.setUint16(offset, value & 0xffff, true)
  view.setUint8(offset + 2, value >>> 16)
}

/** With a padding byte if its length is odd. */
function encodedChunk({ name, data }: Chunk): Uint8Array {
  const { byteLength } = data
  const chunk = new Uint8Array(8 + byteLength + (byteLength & 1))
  chunk.set(asciiBytes(name))
  new DataView(chunk.buffer).setUint32(4, byteLength, true)
  chunk.set(new Uint8Array(data.buffer, data.byteOffset, byteLength), 8)
  return chunk
}
