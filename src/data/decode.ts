import { requireOptions } from '../check-options.ts'
import { DamagedImageError, FormatError, UnavailableError } from '../errors.ts'
import { isNode } from '../runtime/host.ts'
import { type DecodedImage, type DecoderOptions, decoderRules, type NamedBytes } from './dataset.ts'
import type { DecodeStored, ImageHeader } from './headers/image-header.ts'
import { BLOCK_SIDE } from './headers/jpeg.ts'
import { readImageHeader, visibleDamage } from './headers/read-header.ts'
import { storedAreaOf, upright } from './orientation.ts'
import { type Fit, resizedSquare } from './resample.ts'
import { decodePng, decodeWebp } from './wasm-decoders.ts'

/**
 * Decodes JPEG, PNG and WebP; of an animation the first picture. Colours are as stored: profiles are not applied, and
 * transparency is ignored, so a transparent pixel shows its stored colour. EXIF's orientation is applied.
 */
export interface Decoder {
  /** What decodes PNGs: see `DecoderOptions`. */
  readonly name: 'sharp' | 'wasm'
  /** Why this decoder: `sharp 0.35.5 is installed`. */
  readonly reason: string
  /**
   * With `side`, the image resized to a square of that side: its central square, or all of it if `fit` is 'stretch'; a
   * JPEG that is far larger is decoded at a reduced size, which differs by less than one grey level on average. 3
   * channels. Rejects with DamagedImageError, naming the file, for what can't be decoded, and with UnavailableError,
   * naming the decoder, if one can't start.
   */
  decode(file: NamedBytes, side?: number | null, fit?: Fit): Promise<DecodedImage>
}

export const DEFAULT_MAX_PIXELS = 100_000_000

/** Opens a decoder for images in files. Throws UnavailableError if sharp was asked for and can't be loaded. */
export async function openDecoder(options: DecoderOptions = {}): Promise<Decoder> {
  requireOptions('openDecoder', options, decoderRules)
  const { decoder = 'auto', maxPixels = DEFAULT_MAX_PIXELS } = options
  const as = (name: Decoder['name'], reason: string, png: DecodeStored): Decoder => ({
    name,
    reason,
    decode: (file, side = null, fit = 'crop') => decodeChecked(file, { side, fit }, maxPixels, png),
  })
  if (decoder === 'wasm') return as('wasm', 'asked for', decodePng)
  if (!isNode) {
    if (decoder === 'sharp') throw new UnavailableError('sharp runs only in Node; use the decoder wasm')
    return as('wasm', 'this is a browser', decodePng)
  }
  const { loadSharp } = await import('./node/sharp.ts')
  const sharp = await loadSharp()
  if ('decode' in sharp) return as('sharp', `sharp ${sharp.version} is installed`, sharp.decode)
  if (decoder === 'sharp') throw new UnavailableError(`${sharp.reason}; install it with: npm i sharp`)
  return as('wasm', sharp.reason, decodePng)
}

const DAMAGE = {
  'cut short': 'is cut short: its image goes on after the file’s end',
  damaged: 'is damaged: a checksum in it is wrong',
} as const

/** The square that is wanted; the image as it is if `side` is null. */
interface Wanted {
  readonly side: number | null
  readonly fit: Fit
}

async function decodeChecked(
  file: NamedBytes,
  wanted: Wanted,
  maxPixels: number,
  png: DecodeStored,
): Promise<DecodedImage> {
  const header = readImageHeader(file)
  const { width, height } = header
  if (width * height > maxPixels) {
    throw new DamagedImageError(
      file.name,
      `is ${width} x ${height} pixels by its header, over the limit of ${maxPixels / 1e6} million`,
    )
  }
  const damage = visibleDamage(file.bytes, header)
  if (damage) throw new DamagedImageError(file.name, DAMAGE[damage])
  try {
    return upright(await decodeSquare(file.bytes, header, wanted, png), header.orientation)
  } catch (error) {
    // A decoder that can't start and a lack of memory are not faults of the file
    if (!(error instanceof FormatError)) throw error
    throw new DamagedImageError(file.name, `can't be decoded: ${error.message}`, { cause: error })
  }
}

async function decodeSquare(
  bytes: Uint8Array,
  header: ImageHeader,
  { side, fit }: Wanted,
  png: DecodeStored,
): Promise<DecodedImage> {
  const eighths = side === null ? BLOCK_SIDE : eighthsFor(header, side)
  const jpeg: DecodeStored = async () =>
    (await import('./jpeg-decoder.ts')).decodeJpeg(bytes, header, eighths)
  const image = await { jpeg, png, webp: decodeWebp }[header.format](bytes, header)
  if (side === null) return image
  const { left, top, width, height } = storedAreaOf(header, fit)
  const scale = eighths / BLOCK_SIDE
  return resizedSquare(image, side, fit, {
    left: scale * left,
    top: scale * top,
    width: scale * width,
    height: scale * height,
  })
}

/**
 * By at least this factor a JPEG is reduced after it was decoded at a reduced size: with less, the difference would be
 * visible.
 */
const REDUCED_AFTERWARDS = 4
/** From five eighths on hardly any time is saved. */
const MOST_EIGHTHS = 4

/** In how many eighths of its size to decode an image of which a square of `side` is then made. */
export function eighthsFor(header: ImageHeader, side: number): number {
  if (header.format !== 'jpeg') return BLOCK_SIDE
  const shorter = Math.min(header.width, header.height)
  const eighths = Math.ceil((BLOCK_SIDE * REDUCED_AFTERWARDS * side) / shorter)
  return eighths <= MOST_EIGHTHS ? eighths : BLOCK_SIDE
}
