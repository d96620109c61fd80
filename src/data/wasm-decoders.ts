// The decoders that are always there: jSquash's builds of mozjpeg, libwebp and Rust's png, in Node and in browsers.
import { FormatError } from '../errors.ts'
import { isNode, nodeModule } from '../runtime/host.ts'
import type { DecodedImage } from './dataset.ts'
import type { ImageHeader } from './image-header.ts'

type Rgba = Pick<ImageData, 'width' | 'height' | 'data'>
type Decode = (bytes: ArrayBuffer) => Promise<Rgba>

/** Of a JPEG: cyan, magenta, yellow and black. */
const CMYK_COMPONENTS = 4

/** Decodes bytes whose header was read; as stored, not turned upright. Rejects with what the decoder said. */
export async function decodeWasm(bytes: Uint8Array, header: ImageHeader): Promise<DecodedImage> {
  if (header.components === CMYK_COMPONENTS)
    throw new FormatError('it is a CMYK JPEG, which sharp alone reads here (npm i sharp)')
  const image = await inTurn(() => decodeAs(header.format, bytes))
  return withoutAlpha(image)
}

let last: Promise<unknown> = Promise.resolve()

/** One decode at a time: a decoder's complaints come by a callback that knows of no image. */
function inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
  const result = last.then(work)
  last = result.catch(() => {})
  return result
}

const opened = new Map<ImageHeader['format'], Promise<Decode>>()

async function decodeAs(format: ImageHeader['format'], bytes: Uint8Array): Promise<Rgba> {
  if (!opened.has(format)) opened.set(format, OPENERS[format]())
  const decode = await opened.get(format)!
  try {
    return await decode(Uint8Array.from(bytes).buffer)
  } catch (error) {
    opened.delete(format) // what a failed decode had allocated is never freed: the next one starts afresh
    throw error
  }
}

const OPENERS: Readonly<Record<ImageHeader['format'], () => Promise<Decode>>> = {
  jpeg: openJpeg,
  png: async () => {
    const { decode, init } = await import('@jsquash/png/decode.js')
    await init(await wasmOf('@jsquash/png/codec/pkg/squoosh_png_bg.wasm'))
    return async (bytes) =>
      decode(bytes).catch((error: unknown) => {
        throw new FormatError('its PNG data are damaged', { cause: error }) // the decoder says `unwrap_throw failed`
      })
  },
  webp: async () => {
    const { default: decode, init } = await import('@jsquash/webp/decode.js')
    await init(await emscripten('@jsquash/webp/codec/dec/webp_dec.wasm'))
    return decode
  },
}

/** libjpeg fills what is missing with grey, and only warns. Its other warnings are of no consequence. */
const TRUNCATED = /^Premature end/

async function openJpeg(): Promise<Decode> {
  const { default: decode, init } = await import('@jsquash/jpeg/decode.js')
  let complaints: string[] = []
  const printErr = (line: string): void => {
    complaints.push(line)
  }
  await init({ ...(await emscripten('@jsquash/jpeg/codec/dec/mozjpeg_dec.wasm')), printErr })
  return async (bytes) => {
    complaints = []
    const image = await decode(bytes).catch((error: unknown) => {
      throw new FormatError(complaints.join(', ') || 'its JPEG data are damaged', { cause: error })
    })
    const truncated = complaints.find((line) => TRUNCATED.test(line))
    if (truncated) throw new FormatError(truncated)
    return image
  }
}

/** Node's fetch reads no files, so they are read here; a browser's decoder fetches its own, beside its script. */
async function wasmOf(path: string): Promise<ArrayBuffer | undefined> {
  if (!isNode) return undefined
  const { readFile } = nodeModule('node:fs/promises')
  const { createRequire } = nodeModule('node:module')
  return Uint8Array.from(await readFile(createRequire(import.meta.url).resolve(path))).buffer
}

/** Options of Emscripten's module, which takes its binary from there. */
async function emscripten(path: string): Promise<{ wasmBinary?: ArrayBuffer }> {
  const wasmBinary = await wasmOf(path)
  return wasmBinary ? { wasmBinary } : {}
}

function withoutAlpha({ width, height, data }: Rgba): DecodedImage {
  const pixels = new Uint8Array(3 * width * height)
  for (let from = 0, to = 0; from < data.length; from += 4) {
    pixels[to++] = data[from]!
    pixels[to++] = data[from + 1]!
    pixels[to++] = data[from + 2]!
  }
  return { width, height, channels: 3, pixels }
}
