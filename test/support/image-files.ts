// Image files written byte by byte: what no encoder writes that we have, in the forms that other programs write.
import { crc32, deflateSync } from 'node:zlib'

/** TIFF's types of values, by name. */
export const EXIF_TYPES = {
  BYTE: 1,
  ASCII: 2,
  SHORT: 3,
  LONG: 4,
  RATIONAL: 5,
  SBYTE: 6,
  UNDEFINED: 7,
  SSHORT: 8,
  SLONG: 9,
  SRATIONAL: 10,
  FLOAT: 11,
} as const

const SIZES: Readonly<Record<number, 1 | 2 | 4>> = { 1: 1, 2: 1, 3: 2, 6: 1, 7: 1, 8: 2 }

interface ExifTag {
  readonly value: number
  /** The orientation's by default. */
  readonly tag?: number
  readonly type?: keyof typeof EXIF_TYPES
  readonly count?: number
}

/** A TIFF structure of one directory, with these tags in their order. */
export function exif(
  first: ExifTag & { readonly isLittleEndian?: boolean },
  ...more: readonly ExifTag[]
): Uint8Array {
  const { isLittleEndian = true } = first
  const tags = [first, ...more]
  const directory = 8
  const values = directory + 2 + 12 * tags.length + 4
  const tiff = new DataView(new ArrayBuffer(values + 32 * tags.length))
  tiff.setUint16(0, isLittleEndian ? 0x4949 : 0x4d4d)
  tiff.setUint16(2, 42, isLittleEndian)
  tiff.setUint32(4, directory, isLittleEndian)
  tiff.setUint16(directory, tags.length, isLittleEndian)
  tags.forEach(({ value, tag = 0x0112, type = 'SHORT', count = 1 }, i) => {
    const entry = directory + 2 + 12 * i
    const [number, size] = [EXIF_TYPES[type], SIZES[EXIF_TYPES[type]] ?? 4]
    const isRational = type === 'RATIONAL' || type === 'SRATIONAL'
    const isInline = !isRational && size * count <= 4
    const at = isInline ? entry + 8 : values + 32 * i
    tiff.setUint16(entry, tag, isLittleEndian)
    tiff.setUint16(entry + 2, number, isLittleEndian)
    tiff.setUint32(entry + 4, count, isLittleEndian)
    if (!isInline) tiff.setUint32(entry + 8, at, isLittleEndian)
    if (size === 1) tiff.setUint8(at, value)
    else if (size === 2) tiff.setUint16(at, value, isLittleEndian)
    else if (type === 'FLOAT') tiff.setFloat32(at, value, isLittleEndian)
    else tiff.setUint32(at, value, isLittleEndian)
    if (isRational) tiff.setUint32(at + 4, 1, isLittleEndian)
  })
  return new Uint8Array(tiff.buffer)
}

const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1')
const EXIF_PREFIX = latin1('Exif\0\0')

/** The segment APP1. */
export const exifSegment = (tiff: Uint8Array): Uint8Array =>
  jpegSegment(0xe1, Buffer.concat([EXIF_PREFIX, tiff]))

export function jpegSegment(marker: number, data: Uint8Array): Uint8Array {
  const head = Buffer.from([0xff, marker, 0, 0])
  head.writeUInt16BE(data.length + 2, 2)
  return Buffer.concat([head, data])
}

/** A JPEG with more segments, at its beginning or just before its scan. */
export function withSegments(
  jpeg: Uint8Array,
  segments: readonly Uint8Array[],
  isBeforeScan = false,
): Uint8Array {
  const at = isBeforeScan ? Buffer.from(jpeg).indexOf(Buffer.from([0xff, 0xda])) : 2
  return Buffer.concat([jpeg.subarray(0, at), ...segments, jpeg.subarray(at)])
}

export function pngChunk(name: string, data: Uint8Array): Uint8Array {
  const chunk = Buffer.alloc(data.length + 12)
  chunk.writeUInt32BE(data.length, 0)
  chunk.write(name, 4, 'latin1')
  chunk.set(data, 8)
  chunk.writeUInt32BE(crc32(chunk.subarray(4, 8 + data.length)), 8 + data.length)
  return chunk
}

/** A PNG with one more chunk, before its pixels or after them. */
export function withChunk(
  png: Uint8Array,
  name: string,
  data: Uint8Array,
  where: 'before' | 'after' = 'before',
): Uint8Array {
  const at = where === 'before' ? 33 : Buffer.from(png).indexOf('IEND') - 4
  return Buffer.concat([png.subarray(0, at), pngChunk(name, data), png.subarray(at)])
}

function riffChunk(name: string, data: Uint8Array): Uint8Array {
  const head = Buffer.alloc(8)
  head.write(name, 0, 'latin1')
  head.writeUInt32LE(data.length, 4)
  return Buffer.concat([head, data, Buffer.alloc(data.length % 2)])
}

export function riff(...chunks: readonly Uint8Array[]): Uint8Array {
  const body = Buffer.concat([latin1('WEBP'), ...chunks])
  const head = latin1('RIFF\0\0\0\0')
  head.writeUInt32LE(body.length, 4)
  return Buffer.concat([head, body])
}

function extendedHeader(flags: number, width: number, height: number): Uint8Array {
  const data = Buffer.alloc(10)
  data[0] = flags
  data.writeUIntLE(width - 1, 4, 3)
  data.writeUIntLE(height - 1, 7, 3)
  return riffChunk('VP8X', data)
}

/** The image's own chunks, of a WebP that may be extended. */
function chunksOfImage(webp: Uint8Array): Uint8Array {
  const isExtended = Buffer.from(webp).toString('latin1', 12, 16) === 'VP8X'
  return webp.subarray(isExtended ? 30 : 12)
}

/** A file with EXIF data, where each format has them. */
export const withExif = {
  jpeg: (jpeg: Uint8Array, tiff: Uint8Array): Uint8Array => withSegments(jpeg, [exifSegment(tiff)]),
  png: (png: Uint8Array, tiff: Uint8Array): Uint8Array => withChunk(png, 'eXIf', tiff),
  webp: (webp: Uint8Array, tiff: Uint8Array, [width, height] = [0, 0], flags = 0x08): Uint8Array =>
    riff(extendedHeader(flags, width, height), chunksOfImage(webp), riffChunk('EXIF', tiff)),
}

/** An animation: WebPs of their own, and where each lies on the canvas (even numbers). */
export function animatedWebp(
  width: number,
  height: number,
  frames: readonly { webp: Uint8Array; width: number; height: number; left: number; top: number }[],
): Uint8Array {
  const isAnimatedWithAlpha = 0x12
  const animation = riffChunk('ANIM', Buffer.from([30, 20, 10, 255, 0, 0]))
  const chunks = frames.map((frame) => {
    const head = Buffer.alloc(16)
    const values = [frame.left / 2, frame.top / 2, frame.width - 1, frame.height - 1, 100]
    for (const [i, value] of values.entries()) head.writeUIntLE(value, 3 * i, 3)
    return riffChunk('ANMF', Buffer.concat([head, chunksOfImage(frame.webp)]))
  })
  return riff(extendedHeader(isAnimatedWithAlpha, width, height), animation, ...chunks)
}

/** PNG's colour types, and how many samples a pixel has in each. */
export const PNG_TYPES = {
  grey: { id: 0, samples: 1 },
  rgb: { id: 2, samples: 3 },
  palette: { id: 3, samples: 1 },
  'grey + alpha': { id: 4, samples: 2 },
  rgba: { id: 6, samples: 4 },
} as const

export interface PngImage {
  readonly width: number
  readonly height: number
  readonly type: keyof typeof PNG_TYPES
  readonly depth: 1 | 2 | 4 | 8 | 16
  /** (height, width, samples), of `depth` bits. */
  readonly samples: readonly number[]
  /** Before the pixels: PLTE, tRNS, gAMA, iCCP ... */
  readonly chunks?: readonly (readonly [name: string, data: Uint8Array])[]
}

/** Not interlaced, no filter. */
export function pngFile(image: PngImage): Uint8Array {
  const { width, height, type, depth, samples } = image
  const perRow = width * PNG_TYPES[type].samples
  const rows = Array.from({ length: height }, (_, y) => {
    const row = Buffer.alloc(1 + Math.ceil((perRow * depth) / 8))
    samples.slice(y * perRow, (y + 1) * perRow).forEach((sample, i) => {
      if (depth === 16) row.writeUInt16BE(sample, 1 + 2 * i)
      else row[1 + ((i * depth) >> 3)]! |= sample << (8 - depth - ((i * depth) & 7))
    })
    return row
  })
  return pngAround(image, deflateSync(Buffer.concat(rows)))
}

/** In colours, all of it as it should be but its data, which are none that were compressed. */
export const pngOfNothing = (width: number, height: number): Uint8Array =>
  pngAround({ width, height, type: 'rgb', depth: 8, samples: [] }, Buffer.from('nothing that was compressed'))

function pngAround({ width, height, type, depth, chunks = [] }: PngImage, pixels: Uint8Array): Uint8Array {
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header[8] = depth
  header[9] = PNG_TYPES[type].id
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    pngChunk('IHDR', header),
    ...chunks.map(([name, data]) => pngChunk(name, data)),
    pngChunk('IDAT', pixels),
    pngChunk('IEND', Buffer.alloc(0)),
  ])
}
