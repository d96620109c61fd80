// JPEG by libjpeg-turbo, in the WASM build of @cwasm/jpeg-turbo: the only one on npm that can decode at a reduced size.
// convmark uses only the package's binary, through libjpeg-turbo's own TurboJPEG interface, because the package's
// script always decodes in full and to RGBA. The pixels are the same bits as those of sharp's build of libjpeg.
import { ConvmarkError, FormatError } from '../errors.ts'
import type { DecodedImage } from './dataset.ts'
import type { ImageHeader } from './headers/image-header.ts'
import { BLOCK_SIDE } from './headers/jpeg.ts'
import { compiledBinary, startDecoder } from './wasm-modules.ts'

/** Addresses and lengths are bytes in `memory`. Source: libjpeg-turbo 2.0, turbojpeg.h. */
interface Exports {
  readonly memory: WebAssembly.Memory
  /** 0 if there is no memory. */
  malloc(byteLength: number): number
  free(address: number): void
  /** 0 if there is no memory. */
  tjInitDecompress(): number
  tjDestroy(handle: number): number
  /** Writes four 32-bit integers: width, height, subsampling, colour space. */
  tjDecompressHeader3(
    handle: number,
    bytes: number,
    byteLength: number,
    width: number,
    height: number,
    subsampling: number,
    colourSpace: number,
  ): number
  /**
   * Decodes at the largest of its scales (eighths) at which the image fits into width x height. Returns -1 also for a
   * warning.
   */
  tjDecompress2(
    handle: number,
    bytes: number,
    byteLength: number,
    pixels: number,
    width: number,
    pitch: number,
    height: number,
    pixelFormat: number,
    flags: number,
  ): number
}

interface TurboJpeg extends Exports {
  /** Reads the last error's message; after a decode with warnings, that of the first one. */
  message(): string
}

const RGB = { id: 0, channels: 3 } // TJPF_RGB
const CMYK = { id: 11, channels: 4 } // TJPF_CMYK
const IS_CMYK = 4
const PACKAGE = '@cwasm/jpeg-turbo'

let opened: Promise<TurboJpeg> | null = null

function open(): Promise<TurboJpeg> {
  return startDecoder(`of JPEG (${PACKAGE})`, async () => {
    const module = await compiledBinary(
      '@cwasm/jpeg-turbo/jpeg-turbo.wasm',
      // Bundlers recognise exactly this text
      () => new URL('@cwasm/jpeg-turbo/jpeg-turbo.wasm', import.meta.url),
    )
    const exports = (await WebAssembly.instantiate(module, IMPORTS)).exports as unknown as Exports
    return { ...exports, message: messageReader(exports.memory) }
  })
}

/** libjpeg's own JMSG_LENGTH_MAX. */
const MESSAGE_BYTES = 200
const NO_MESSAGE = 'No error'

/**
 * Reads libjpeg's last message. The binary does not export its address, so the message is searched for: no other text
 * begins like it and has as much room after it.
 */
function messageReader(memory: WebAssembly.Memory): () => string {
  const textAt = (address: number, length?: number): string =>
    new TextDecoder('latin1').decode(new Uint8Array(memory.buffer, address, length))
  const address = textAt(0).indexOf(NO_MESSAGE.padEnd(MESSAGE_BYTES, '\0'))
  if (address < 0) throw new Error('it is another build than convmark knows')
  return () => textAt(address, MESSAGE_BYTES).split('\0')[0]!
}

/** Thrown for an error from which libjpeg can't continue: it never returns, so the instance can't be used any more. */
class LibjpegError extends Error {}

const never = (): never => {
  throw new LibjpegError()
}

const IMPORTS = {
  env: { setjmp: () => 0, longjmp: never },
  wasi_snapshot_preview1: {
    environ_sizes_get: () => 0,
    environ_get: never,
    proc_exit: never,
    fd_close: never,
    fd_seek: never,
    fd_write: never,
  },
}

/**
 * Decodes a whole JPEG as stored, not rotated upright, with sides of `eighths` / 8 of what the header says, rounded up.
 * Rejects with FormatError for damaged data, and with UnavailableError if the decoder can't start.
 */
export async function decodeJpeg(
  bytes: Uint8Array,
  header: ImageHeader,
  eighths = BLOCK_SIDE,
): Promise<DecodedImage> {
  opened ??= open()
  const turbo = await opened.catch((error: unknown) => {
    opened = null
    throw error
  })
  try {
    return decodeWith(turbo, bytes, header, eighths)
  } catch (error) {
    opened = null // what a failed decode has allocated is never freed, so the next one starts with a new instance
    if (error instanceof LibjpegError) throw failure(turbo.message(), header, error)
    if (!(error instanceof WebAssembly.RuntimeError)) throw error
    throw new FormatError('its JPEG data are damaged', { cause: error })
  }
}

/** `reason` is libjpeg's own message. */
function failure(reason: string, { width, height }: ImageHeader, cause?: unknown): Error {
  return reason.startsWith('Insufficient memory')
    ? new ConvmarkError(`not enough memory to decode a JPEG of ${width} x ${height} pixels`, { cause })
    : new FormatError(`its JPEG data are damaged (${reason})`, { cause })
}

/** Warnings about files whose pictures are intact all the same. */
const HARMLESS = [
  /^Unknown Adobe color transform code/,
  /^Warning: unknown JFIF revision number/,
  /^Invalid SOS parameters for sequential JPEG/,
  /^Inconsistent progression sequence/,
]
/**
 * Useless bytes in a file, of which some cameras leave a few. If there are more, the data are damaged: the image was
 * complete before they ended.
 */
const LEFT_OVER = /^Corrupt JPEG data: (\d+) extraneous bytes/
const MAX_LEFT_OVER_SHARE = 0.1

function isHarmless(warning: string, byteLength: number): boolean {
  const leftOver = LEFT_OVER.exec(warning)
  if (leftOver) return Number(leftOver[1]) <= MAX_LEFT_OVER_SHARE * byteLength
  return HARMLESS.some((known) => known.test(warning))
}

function decodeWith(turbo: TurboJpeg, bytes: Uint8Array, header: ImageHeader, eighths: number): DecodedImage {
  const scaled = (length: number): number => Math.ceil((length * eighths) / BLOCK_SIDE)
  const [width, height] = [scaled(header.width), scaled(header.height)]
  const { id, channels } = header.components === IS_CMYK ? CMYK : RGB
  const byteLength = channels * width * height
  const allocate = (length: number): number => {
    const address = turbo.malloc(length)
    if (address !== 0) return address
    throw failure('Insufficient memory', header)
  }
  const [file, sizes, output] = [allocate(bytes.length), allocate(16), allocate(byteLength)]
  const handle = turbo.tjInitDecompress()
  if (handle === 0) throw failure('Insufficient memory', header)
  new Uint8Array(turbo.memory.buffer, file, bytes.length).set(bytes)
  // Its result only says whether the chroma subsampling is a usual one, which decoding does not require
  turbo.tjDecompressHeader3(handle, file, bytes.length, sizes, sizes + 4, sizes + 8, sizes + 12)
  const [ownWidth, ownHeight] = new Uint32Array(turbo.memory.buffer, sizes, 2)
  if (ownWidth !== header.width || ownHeight !== header.height)
    throw new FormatError('it states two different sizes')
  if (turbo.tjDecompress2(handle, file, bytes.length, output, width, 0, height, id, 0) !== 0) {
    const warning = turbo.message()
    if (!isHarmless(warning, bytes.length)) throw failure(warning, header)
  }
  const decoded = new Uint8Array(turbo.memory.buffer, output, byteLength)
  const pixels = channels === CMYK.channels ? coloursOfInks(decoded, header.isInverted) : decoded.slice()
  for (const address of [file, sizes, output]) turbo.free(address)
  turbo.tjDestroy(handle)
  return { width, height, channels: 3, pixels }
}

/**
 * Each ink absorbs its share of a colour's light, and black a share of all three: without a profile, as in browsers and
 * Pillow.
 */
function coloursOfInks(inks: Uint8Array, isInverted: boolean): Uint8Array {
  const pixels = new Uint8Array((inks.length / 4) * 3)
  const flip = isInverted ? 0 : 255
  for (let from = 0, to = 0; from < inks.length; from += 4) {
    const light = inks[from + 3]! ^ flip
    for (let c = 0; c < 3; c++) pixels[to++] = Math.round(((inks[from + c]! ^ flip) * light) / 255)
  }
  return pixels
}
