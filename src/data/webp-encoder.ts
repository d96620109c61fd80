// Small pictures for pages, as WebP by libwebp in the build of @jsquash/webp: a tenth of a PNG's size.
import type { WebPModule } from '@jsquash/webp/codec/enc/webp_enc.js'
import open from '@jsquash/webp/codec/enc/webp_enc_simd.js'
import { defaultOptions } from '@jsquash/webp/meta.js'
import { ConvmarkError } from '../errors.ts'
import type { DecodedImage } from './dataset.ts'
import { compiledBinary, startDecoder } from './wasm-modules.ts'

const QUALITY = 80

let opened: Promise<WebPModule> | null = null

/** A file of an image of three channels. Throws UnavailableError if the encoder can't start. */
export async function encodedWebp({ width, height, pixels }: DecodedImage): Promise<Uint8Array> {
  opened ??= startDecoder('of small pictures (@jsquash/webp)', openEncoder)
  const { encode } = await opened
  const bytes = encode(withAlpha(pixels), width, height, { ...defaultOptions, quality: QUALITY })
  if (!bytes) throw new ConvmarkError(`a picture of ${width} x ${height} pixels can't be encoded as WebP`)
  return bytes
}

async function openEncoder(): Promise<WebPModule> {
  const module = await compiledBinary(
    '@jsquash/webp/codec/enc/webp_enc_simd.wasm',
    // Bundlers recognise exactly this text
    () => new URL('@jsquash/webp/codec/enc/webp_enc_simd.wasm', import.meta.url),
  )
  return open({
    noInitialRun: true,
    // How Emscripten accepts a module that is already compiled
    instantiateWasm: (imports: WebAssembly.Imports, receive: (instance: WebAssembly.Instance) => void) => {
      const instance = new WebAssembly.Instance(module, imports)
      receive(instance)
      return instance.exports
    },
  })
}

const RGBA_CHANNELS = 4
const OPAQUE = 255

function withAlpha(pixels: Uint8Array): Uint8Array<ArrayBuffer> {
  const rgba = new Uint8Array((pixels.length / 3) * RGBA_CHANNELS).fill(OPAQUE)
  for (let from = 0, to = 0; from < pixels.length; from += 3, to += RGBA_CHANNELS)
    rgba.set(pixels.subarray(from, from + 3), to)
  return rgba
}
