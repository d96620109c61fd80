// Real images for tests, made by the encoders that come with the decoders.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import encodeJpeg, { init as initJpeg } from '@jsquash/jpeg/encode.js'
import encodePng, { init as initPng } from '@jsquash/png/encode.js'
import encodeWebp, { init as initWebp } from '@jsquash/webp/encode.js'
import type { DecodedImage } from '../../src/data/dataset.ts'
import { exif, withExif } from './image-files.ts'

const wasm = (path: string): ArrayBuffer =>
  Uint8Array.from(readFileSync(createRequire(import.meta.url).resolve(`@jsquash/${path}`))).buffer

await initJpeg({ wasmBinary: wasm('jpeg/codec/enc/mozjpeg_enc.wasm') })
await initPng(wasm('png/codec/pkg/squoosh_png_bg.wasm'))
// Of its two builds the one for engines with SIMD, as all that run convmark
await initWebp({ wasmBinary: wasm('webp/codec/enc/webp_enc_simd.wasm') })

/** An image by a function of its pixels, which gives [red, green, blue]. */
export function painted(
  width: number,
  height: number,
  colourAt: (x: number, y: number) => readonly [number, number, number],
): DecodedImage {
  const pixels = new Uint8Array(3 * width * height)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) pixels.set(colourAt(x, y), 3 * (y * width + x))
  }
  return { width, height, channels: 3, pixels }
}

/** What survives JPEG well: colours that change slowly, and differently along x and y. */
export const gradient = (width: number, height: number, phase = 0): DecodedImage =>
  painted(width, height, (x, y) => [
    Math.round((255 * x) / width),
    Math.round((255 * y) / height),
    (40 * phase + 100) % 256,
  ])

export async function jpegOf(
  image: DecodedImage,
  quality = 90,
  options: Parameters<typeof encodeJpeg>[1] = {},
): Promise<Uint8Array> {
  return new Uint8Array(await encodeJpeg(rgba(image), { quality, ...options }))
}

export async function pngOf(image: DecodedImage, alphaAt?: AlphaAt): Promise<Uint8Array> {
  return new Uint8Array(await encodePng(rgba(image, alphaAt)))
}

/** `exact`: the colours of transparent pixels are kept. */
export async function webpOf(
  image: DecodedImage,
  isLossless = false,
  alphaAt?: AlphaAt,
): Promise<Uint8Array> {
  const options = { lossless: isLossless ? 1 : 0, quality: 95, exact: 1 }
  return new Uint8Array(await encodeWebp(rgba(image, alphaAt), options))
}

/** 16 x 16 of cyan, magenta, yellow and black, which make (200, 60, 40) or so; by libjpeg. */
export const CMYK_JPEG: Uint8Array = Buffer.from(
  '/9j/7gAOQWRvYmUAZAAAAAAA/9sAQwAGBAUGBQQGBgUGBwcGCAoQCgoJCQoUDg8MEBcUGBgXFBYWGh0lHxobIxwWFiAsICMmJykqKRkfLTAtKDAlKCko' +
    '/8AAFAgAEAAQBEMRAE0RAFkRAEsRAP/EABYAAQEBAAAAAAAAAAAAAAAAAAAHCP/EABQQAQAAAAAAAAAAAAAAAAAAAAD/2gAOBEMATQBZAEsAAD8A1SgTPC3g' +
    'AAAP/9k=',
  'base64',
)

/** A JPEG with EXIF's tag Orientation, in either byte order, as cameras write it. */
export const withOrientation = (jpeg: Uint8Array, orientation: number, isLittleEndian = true): Uint8Array =>
  withExif.jpeg(jpeg, exif({ value: orientation, isLittleEndian }))

/** An image with the largest size that a PNG's header can say, of a few bytes. */
export function pngBomb(): Uint8Array {
  const header = Buffer.alloc(33)
  Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]).copy(header)
  header.writeUInt32BE(13, 8)
  header.write('IHDR', 12)
  header.writeUInt32BE(50_000, 16)
  header.writeUInt32BE(50_000, 20)
  return header
}

type AlphaAt = (x: number, y: number) => number

function rgba({ width, height, pixels }: DecodedImage, alphaAt: AlphaAt = () => 255): ImageData {
  const data = new Uint8ClampedArray(4 * width * height)
  for (let i = 0; i < width * height; i++) {
    data.set(pixels.subarray(3 * i, 3 * i + 3), 4 * i)
    data[4 * i + 3] = alphaAt(i % width, Math.floor(i / width))
  }
  return { width, height, data, colorSpace: 'srgb' } as ImageData
}
