import { oneOf, optional, positiveInteger, type Rules, requireOptions } from '../check-options.ts'
import { DamagedImageError, messageOf, UnavailableError } from '../errors.ts'
import { isNode } from '../runtime/host.ts'
import type { DecodedImage, NamedBytes } from './dataset.ts'
import { type RawDecode, readImageHeader } from './image-header.ts'
import { upright } from './orientation.ts'
import { centralSquare } from './resample.ts'
import { decodeWasm } from './wasm-decoders.ts'

export interface DecoderOptions {
  /** `auto` is sharp where it is installed. */
  readonly decoder?: 'auto' | 'sharp' | 'wasm'
  /** Larger images are refused by what their header says. 100 million by default. */
  readonly maxPixels?: number
}

export const decoderRules: Rules<DecoderOptions> = {
  decoder: optional(oneOf(['auto', 'sharp', 'wasm'])),
  maxPixels: optional(positiveInteger),
}

/** JPEG, PNG and WebP; colours as stored (a profile is not applied), transparency dropped, EXIF's orientation obeyed. */
export interface Decoder {
  readonly name: 'sharp' | 'wasm'
  /** Why this one: `sharp 0.35.5 is installed`. */
  readonly reason: string
  /** With `side`, as `centralSquare` would make it. 3 channels. Rejects with DamagedImageError, naming the file. */
  decode(file: NamedBytes, side?: number | null): Promise<DecodedImage>
}

export const DEFAULT_MAX_PIXELS = 100_000_000

/** Throws UnavailableError where sharp was asked for and can't be loaded. */
export async function openDecoder(options: DecoderOptions = {}): Promise<Decoder> {
  requireOptions('openDecoder', options, decoderRules)
  const { decoder = 'auto', maxPixels = DEFAULT_MAX_PIXELS } = options
  const as = (name: Decoder['name'], reason: string, decodeRaw: RawDecode): Decoder => ({
    name,
    reason,
    decode: (file, side = null) => decodeChecked(file, side, maxPixels, decodeRaw),
  })
  const wasm: RawDecode = async (bytes, header, side) => {
    const image = await decodeWasm(bytes, header)
    return side === null ? image : centralSquare(image, side)
  }
  if (decoder === 'wasm') return as('wasm', 'asked for', wasm)
  if (!isNode) {
    if (decoder === 'sharp') throw new UnavailableError('sharp runs in Node alone; take the decoder wasm')
    return as('wasm', 'this is a browser', wasm)
  }
  const { loadSharp } = await import('./node/sharp.ts')
  const sharp = await loadSharp()
  if ('decode' in sharp) return as('sharp', `sharp ${sharp.version} is installed`, sharp.decode)
  if (decoder === 'sharp') throw new UnavailableError(`${sharp.reason}; install it with: npm i sharp`)
  return as('wasm', sharp.reason, wasm)
}

async function decodeChecked(
  file: NamedBytes,
  side: number | null,
  maxPixels: number,
  decodeRaw: RawDecode,
): Promise<DecodedImage> {
  const header = readImageHeader(file)
  const { width, height } = header
  if (width * height > maxPixels) {
    throw new DamagedImageError(
      file.name,
      `is ${width} x ${height} pixels by its header, over the limit of ${maxPixels / 1e6} million`,
    )
  }
  const image = await decodeRaw(file.bytes, header, side).catch((error: unknown) => {
    throw new DamagedImageError(file.name, `can't be decoded: ${messageOf(error)}`, { cause: error })
  })
  return upright(image, header.orientation)
}
