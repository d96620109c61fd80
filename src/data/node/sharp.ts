// sharp, if the user has installed it: it decodes a PNG in two thirds of the time that the WASM decoder takes. JPEGs
// would not be faster, since sharp can't be asked for the reduced sizes at which libjpeg decodes, and WebPs would be
// slower.
import { messageOf } from '../../errors.ts'
import { EndedError, inNativeCode } from '../../runtime/gate.ts'
import { nodeModule } from '../../runtime/host.ts'
import { ownFile } from '../../runtime/worker-file.ts'
import { type DecodedImage, withChannels } from '../dataset.ts'
import type { DecodeStored, ImageHeader } from '../headers/image-header.ts'
import { decodePng } from '../wasm-decoders.ts'

const { createRequire } = nodeModule('node:module')
const { join } = nodeModule('node:path')

/** The functions of sharp that are used; it is not a dependency. */
interface Sharp {
  (bytes: Uint8Array, options: Readonly<Record<string, unknown>>): SharpImage
  readonly versions: { readonly sharp: string }
  concurrency(threads: number): void
  cache(isOn: boolean): void
}

interface SharpImage {
  toColourspace(name: 'srgb'): SharpImage
  removeAlpha(): SharpImage
  raw(): SharpImage
  toBuffer(options: { resolveWithObject: true }): Promise<{
    data: Uint8Array
    info: { width: number; height: number; channels: number }
  }>
}

export type LoadedSharp =
  | { readonly version: string; readonly decode: DecodeStored }
  /** Why it can't be used. */
  | { readonly reason: string }

/** From where convmark is installed, or from the user's own project. */
export async function loadSharp(): Promise<LoadedSharp> {
  const places = [ownFile(import.meta.url), join(process.cwd(), 'index.js')]
  let reason = ''
  for (const place of places) {
    try {
      const require = createRequire(place)
      return inNativeCode(() => prepared(require('sharp') as Sharp))
    } catch (error) {
      if (error instanceof EndedError) throw error
      // That an installed sharp is broken says more than that another place has none
      const isMissing = (error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND'
      if (!isMissing) reason ||= `sharp can't be loaded: ${messageOf(error).split('\n')[0]}`
    }
  }
  return { reason: reason || 'sharp is not installed' }
}

function prepared(sharp: Sharp): LoadedSharp {
  sharp.concurrency(1) // images are already spread over threads
  sharp.cache(false)
  return { version: sharp.versions.sharp, decode: (bytes, header) => decode(sharp, bytes, header) }
}

// The pixels were checked before, against the caller's own limit
const OPTIONS = { failOn: 'warning', limitInputPixels: false, ignoreIcc: true, sequentialRead: true } as const

/**
 * Decodes a PNG, and only that: sharp would resize transparent pixels by their alpha, and enlarge with an offset of
 * half a pixel. So the result is the same bits as from the WASM decoder. Files that sharp warns of or refuses are left
 * to that decoder too, which decides whether they can be used.
 */
async function decode(sharp: Sharp, bytes: Uint8Array, header: ImageHeader): Promise<DecodedImage> {
  const image = sharp(bytes, OPTIONS).toColourspace('srgb').removeAlpha().raw()
  // Waits until its callback was called: calling back into a thread that is being ended would crash the process
  const decoded = await inNativeCode(() => image.toBuffer({ resolveWithObject: true }).catch(() => null))
  if (!decoded) return decodePng(bytes, header)
  const { data, info } = decoded
  const { width, height, channels } = info
  const pixels = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  return withChannels({ width, height, channels: channels === 1 ? 1 : 3, pixels }, 3)
}
