import { lettersAt, sliceOf } from './bytes.ts'
import { afterExifPrefix, type Orientation, tiffOrientation } from './exif.ts'
import type { ImageHeader } from './image-header.ts'

/** Of a RIFF file: letters, size and letters. Of a chunk: letters and size. */
const FILE_HEADER = 12
const CHUNK_HEADER = 8
const HAS_EXIF = 0x08

export interface Chunk {
  readonly name: string
  /** As many bytes as there are, if the file ends before the chunk does. */
  readonly data: DataView
}

/** The chunks that follow each other in a range of the file. */
export function* chunksOf(view: DataView): Generator<Chunk, void> {
  for (let offset = 0; offset + CHUNK_HEADER <= view.byteLength; ) {
    const length = view.getUint32(offset + 4, true)
    yield { name: lettersAt(view, offset), data: sliceOf(view, offset + CHUNK_HEADER, length) }
    offset += CHUNK_HEADER + length + (length & 1)
  }
}

const isWebp = (view: DataView): boolean =>
  view.byteLength >= FILE_HEADER && lettersAt(view, 0) === 'RIFF' && lettersAt(view, 8) === 'WEBP'

/** The file's length as it states it; what comes after belongs to something else. */
const statedLength = (view: DataView): number => CHUNK_HEADER + view.getUint32(4, true)

/** The chunks of a whole file. */
export const chunksOfWebp = (view: DataView): Generator<Chunk, void> =>
  chunksOf(sliceOf(view, FILE_HEADER, statedLength(view) - FILE_HEADER))

export const isWholeWebp = (view: DataView): boolean => statedLength(view) <= view.byteLength

export const uint24 = (view: DataView, offset: number): number =>
  view.getUint16(offset, true) | (view.getUint8(offset + 2) << 16)

/** Null if it is not a WebP. Source: RFC 9649, the WebP image format. */
export function readWebp(view: DataView): ImageHeader | null {
  if (!isWebp(view)) return null
  const first = sliceOf(view, FILE_HEADER + CHUNK_HEADER)
  const as = (width: number, height: number, orientation: Orientation = 1): ImageHeader => {
    return {
      format: 'webp',
      width,
      height,
      components: 3,
      isInverted: false,
      orientation,
    }
  }
  switch (lettersAt(view, FILE_HEADER)) {
    case 'VP8 ':
      return as(first.getUint16(6, true) & 0x3fff, first.getUint16(8, true) & 0x3fff)
    case 'VP8L': {
      const bits = first.getUint32(1, true)
      return as((bits & 0x3fff) + 1, ((bits >>> 14) & 0x3fff) + 1)
    }
    case 'VP8X': {
      const hasExif = (first.getUint8(0) & HAS_EXIF) !== 0
      return as(uint24(first, 4) + 1, uint24(first, 7) + 1, hasExif ? orientationOf(view) : 1)
    }
    default:
      throw new RangeError('no chunk of an image')
  }
}

function orientationOf(view: DataView): Orientation {
  for (const { name, data } of chunksOfWebp(view))
    if (name === 'EXIF') return tiffOrientation(afterExifPrefix(data) ?? data)
  return 1
}
