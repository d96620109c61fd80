// PNG and WebP by jSquash's builds of Rust's png and of libwebp, in Node and in browsers.
import { ConvmarkError, FormatError } from '../errors.ts'
import type { DecodedImage } from './dataset.ts'
import { firstFrameOf, onCanvas } from './first-frame.ts'
import type { DecodeStored, ImageHeader } from './headers/image-header.ts'
import { compiledIfNode, startDecoder } from './wasm-modules.ts'

type Rgba = Pick<ImageData, 'width' | 'height' | 'data'>
/** Throws, or gives null, for what it can't decode. */
type Decode = (bytes: Uint8Array) => Rgba | null

export const decodePng: DecodeStored = decodeWasm

/** Of an animation the first picture. */
export const decodeWebp: DecodeStored = async (bytes, header) => {
  const frame = firstFrameOf(bytes, header)
  return frame
    ? onCanvas(await decodeWasm(frame.bytes, frame.header), frame, header)
    : decodeWasm(bytes, header)
}

async function decodeWasm(bytes: Uint8Array, header: ImageHeader): Promise<DecodedImage> {
  const format = header.format === 'png' ? 'png' : 'webp'
  const decode = await openedDecoder(format)
  let image: Rgba | null
  try {
    image = decode(bytes)
  } catch (error) {
    opened.delete(format) // what a failed decode had allocated is never freed: the next one starts afresh
    throw failure(header, error)
  }
  if (!image) throw failure(header)
  return withoutAlpha(image)
}

/** The decoders say nothing of use: `unwrap_throw failed`. What they lacked may have been memory. */
function failure({ format, width, height }: ImageHeader, cause?: unknown): Error {
  const what = format === 'png' ? 'PNG' : 'WebP'
  if (canHave(RGBA_CHANNELS * width * height))
    return new FormatError(`its ${what} data are damaged`, { cause })
  return new ConvmarkError(`not enough memory to decode a ${what} of ${width} x ${height} pixels`, { cause })
}

const RGBA_CHANNELS = 4
const PAGE_BYTES = 65_536

function canHave(byteLength: number): boolean {
  try {
    return new WebAssembly.Memory({ initial: Math.ceil(byteLength / PAGE_BYTES) }).buffer.byteLength > 0
  } catch {
    return false
  }
}

const OPENERS = { png: openPng, webp: openWebp } as const
const opened = new Map<keyof typeof OPENERS, Promise<Decode>>()

function openedDecoder(format: keyof typeof OPENERS): Promise<Decode> {
  let decoder = opened.get(format)
  if (!decoder) {
    decoder = OPENERS[format]()
    opened.set(format, decoder)
    decoder.catch(() => opened.delete(format))
  }
  return decoder
}

function openPng(): Promise<Decode> {
  return startDecoder('of PNG (@jsquash/png)', async () => {
    const { default: init, decode } = await import('@jsquash/png/codec/pkg/squoosh_png.js')
    await init(await compiledIfNode('@jsquash/png/codec/pkg/squoosh_png_bg.wasm'))
    return decode
  })
}

function openWebp(): Promise<Decode> {
  return startDecoder('of WebP (@jsquash/webp)', async () => {
    const { default: open } = await import('@jsquash/webp/codec/dec/webp_dec.js')
    const compiled = await compiledIfNode('@jsquash/webp/codec/dec/webp_dec.wasm')
    const { decode } = await open({
      noInitialRun: true,
      printErr: () => {}, // what it would print is in the error too
      ...(compiled && { instantiateWasm: instantiating(compiled) }),
    })
    return (bytes) => decode(Uint8Array.from(bytes).buffer)
  })
}

/** How Emscripten takes a module that is compiled already. */
const instantiating =
  (compiled: WebAssembly.Module) =>
  (imports: WebAssembly.Imports, receive: (instance: WebAssembly.Instance) => void) => {
    const instance = new WebAssembly.Instance(compiled, imports)
    receive(instance)
    return instance.exports
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
