// sharp where the user has it: it reads CMYK, and large JPEGs at a reduced scale.
import { messageOf } from '../../errors.ts'
import { nodeModule } from '../../runtime/host.ts'
import { withChannels } from '../dataset.ts'
import type { ImageHeader, RawDecode } from '../image-header.ts'
import { centralSquare, centralSquareOf } from '../resample.ts'

const { createRequire } = nodeModule('node:module')
const { join } = nodeModule('node:path')

/** What is used of sharp, which is no dependency. */
interface Sharp {
  (bytes: Uint8Array, options: Readonly<Record<string, unknown>>): SharpImage
  readonly versions: { readonly sharp: string }
  concurrency(threads: number): void
  cache(isOn: boolean): void
}

interface SharpImage {
  extract(area: { left: number; top: number; width: number; height: number }): SharpImage
  resize(width: number, height: number, options: Readonly<Record<string, unknown>>): SharpImage
  toColourspace(name: 'srgb'): SharpImage
  removeAlpha(): SharpImage
  raw(): SharpImage
  toBuffer(options: { resolveWithObject: true }): Promise<{
    data: Uint8Array
    info: { width: number; height: number; channels: number }
  }>
}

export type LoadedSharp =
  | { readonly version: string; readonly decode: RawDecode }
  /** Why there is none. */
  | { readonly reason: string }

/** From where convmark is installed, or from the user's own project. */
export async function loadSharp(): Promise<LoadedSharp> {
  const places = [import.meta.url, join(process.cwd(), 'index.js')]
  let reason = ''
  for (const place of places) {
    const require = createRequire(place)
    try {
      return prepared(require('sharp') as Sharp)
    } catch (error) {
      // A sharp that is installed and broken says more than one that is missing elsewhere
      const isMissing = (error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND'
      if (!isMissing) reason ||= `sharp can't be loaded: ${messageOf(error).split('\n')[0]}`
    }
  }
  return { reason: reason || 'sharp is not installed' }
}

function prepared(sharp: Sharp): LoadedSharp {
  sharp.concurrency(1) // the images are spread over threads already
  sharp.cache(false)
  return { version: sharp.versions.sharp, decode: (...request) => decode(sharp, ...request) }
}

/** Where the shorter side is so many times too long, the image is read at a reduced scale. */
const FAR_TOO_LARGE = 4
const REDUCED_TO = 2
const FILLING = { fit: 'fill', kernel: 'linear' } as const

async function decode(sharp: Sharp, ...[bytes, header, side]: Parameters<RawDecode>): ReturnType<RawDecode> {
  // The pixels were counted before, by the caller's own limit
  const options = { failOn: 'truncated', limitInputPixels: false, ignoreIcc: true, sequentialRead: true }
  const image = resized(sharp(bytes, options), header, side)
  const { data, info } = await image
    .toColourspace('srgb')
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true })
  const { width, height, channels } = info
  const pixels = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  const colours = withChannels({ width, height, channels: channels === 1 ? 1 : 3, pixels }, 3)
  return side === null ? colours : centralSquare(colours, side)
}

/**
 * As `centralSquare`, whose results it gives to a fraction of a grey level, or on the way to it. What is far too large
 * is brought near first, since sharp reads a JPEG or WebP at a reduced scale then; but not precisely, so that our own
 * code does the rest. Our own code enlarges, too: there sharp is off by half a pixel.
 */
function resized(image: SharpImage, header: ImageHeader, side: number | null): SharpImage {
  const { left, top, extent } = centralSquareOf(header)
  if (side === null || extent < side) return image
  if (extent < FAR_TOO_LARGE * side)
    return image.extract({ left, top, width: extent, height: extent }).resize(side, side, FILLING)
  const scaled = (length: number): number => Math.round((length * REDUCED_TO * side) / extent)
  return image.resize(scaled(header.width), scaled(header.height), FILLING)
}
