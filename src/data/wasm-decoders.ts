// PNG and WebP by jSquash's builds of Rust's png and of libwebp, in Node and in browsers.
import { ConvmarkError, FormatError } from '../errors.ts'
import { type Codec, FaultOfData, type Rgba } from './codec.ts'
import type { DecodedImage } from './dataset.ts'
import { firstFrameOf, onCanvas } from './first-frame.ts'
import type { DecodeStored, ImageHeader } from './headers/image-header.ts'
import { startDecoder } from './wasm-modules.ts'

export const decodePng: DecodeStored = decodeWasm

/** Of an animation, the first picture. */
export const decodeWebp: DecodeStored = async (bytes, header) => {
  const frame = firstFrameOf(bytes, header)
  return frame
    ? onCanvas(await decodeWasm(frame.bytes, frame.header), frame, header)
    : decodeWasm(bytes, header)
}

async function decodeWasm(bytes: Uint8Array, header: ImageHeader): Promise<DecodedImage> {
  const format = header.format === 'png' ? 'png' : 'webp'
  let opening: Promise<Codec>
  let codec: Codec
  do {
    opening = openedCodec(format)
    codec = await opening
  } while (opened.get(format) !== opening) // it failed meanwhile, for another caller
  let image: Rgba | null
  try {
    image = codec.decode(bytes)
  } catch (error) {
    opened.delete(format) // what a failed decode has allocated is never freed, so the next one starts with a new instance
    throw failure(header, codec.memory, error)
  }
  if (!image) {
    opened.delete(format) // growing its memory shows whether there was enough
    throw failure(header, codec.memory)
  }
  // An animated PNG states its first picture's size a second time
  if (image.width !== header.width || image.height !== header.height)
    throw new FormatError('it states two different sizes')
  return withoutAlpha(image)
}

/** The codecs' messages don't help: `unwrap_throw failed`. What they lacked may have been memory. */
function failure({ format, width, height }: ImageHeader, memory: WebAssembly.Memory, cause?: unknown): Error {
  const what = format === 'png' ? 'PNG' : 'WebP'
  if (cause instanceof FaultOfData || canGrow(memory, MOST_BYTES_PER_PIXEL * width * height))
    return new FormatError(`its ${what} data are damaged`, { cause })
  return new ConvmarkError(`not enough memory to decode a ${what} of ${width} x ${height} pixels`, { cause })
}

const RGBA_CHANNELS = 4
/** The largest single allocation of a codec: a PNG's values have up to 16 bits. */
const MOST_BYTES_PER_PIXEL = 2 * RGBA_CHANNELS
const PAGE_BYTES = 65_536

function canGrow(memory: WebAssembly.Memory, byteLength: number): boolean {
  try {
    memory.grow(Math.ceil(byteLength / PAGE_BYTES))
    return true
  } catch {
    return false
  }
}

const OPENERS = {
  png: () => startDecoder('of PNG (@jsquash/png)', async () => (await import('./png-codec.ts')).openPng()),
  webp: () =>
    startDecoder('of WebP (@jsquash/webp)', async () => (await import('./webp-codec.ts')).openWebp()),
} as const
const opened = new Map<keyof typeof OPENERS, Promise<Codec>>()

function openedCodec(format: keyof typeof OPENERS): Promise<Codec> {
  let codec = opened.get(format)
  if (!codec) {
    codec = OPENERS[format]()
    opened.set(format, codec)
    codec.catch(() => opened.delete(format))
  }
  return codec
}

function withoutAlpha({ width, height, data }: Rgba): DecodedImage {
  const pixels = new Uint8Array(3 * width * height)
  for (let from = 0, to = 0; from < data.length; from += RGBA_CHANNELS) {
    pixels[to++] = data[from]!
    pixels[to++] = data[from + 1]!
    pixels[to++] = data[from + 2]!
  }
  return { width, height, channels: 3, pixels }
}
