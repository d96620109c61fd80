// sharp where the user has it: twice as fast as the WASM decoders, and it reads large JPEGs at a reduced scale.
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { messageOf } from '../../errors.ts'
import { withChannels } from '../dataset.ts'
import type { RawDecode } from '../image-header.ts'

/** What is used of sharp, which is no dependency. */
interface Sharp {
  (bytes: Uint8Array, options: Readonly<Record<string, unknown>>): SharpImage
  readonly versions: { readonly sharp: string }
  concurrency(threads: number): void
  cache(isOn: boolean): void
}

interface SharpImage {
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

async function decode(sharp: Sharp, ...[bytes, , side]: Parameters<RawDecode>): ReturnType<RawDecode> {
  // The pixels were counted before, by the caller's own limit
  const options = { failOn: 'truncated', limitInputPixels: false, ignoreIcc: true, sequentialRead: true }
  const stored = sharp(bytes, options)
  const image =
    side === null ? stored : stored.resize(side, side, { fit: 'cover', position: 'centre', kernel: 'linear' })
  const { data, info } = await image
    .toColourspace('srgb')
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true })
  const { width, height, channels } = info
  const pixels = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  return withChannels({ width, height, channels: channels === 1 ? 1 : 3, pixels }, 3)
}
