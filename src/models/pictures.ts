// What may be given as a picture, and how it is decoded.

import {
  type DecodedImage,
  type Decoder,
  openDecoder,
  type Preprocessing,
  resizedSquare,
} from '../data/index.ts'
import { DamagedImageError, UsageError } from '../errors.ts'
import { shownValue } from '../plain-text.ts'
import { isNode } from '../runtime/host.ts'

/** Pixels with four channels, red, green, blue and opacity: a canvas' `getImageData`. */
export interface RgbaPixels {
  readonly width: number
  readonly height: number
  /** (height, width, 4) */
  readonly data: Uint8ClampedArray | Uint8Array
}

/**
 * A picture: a file's path (in a page, its address), the bytes of a JPEG, PNG or WebP file, a page's `File` or `Blob`, or
 * pixels. Opacity is ignored: a transparent pixel shows its stored colour.
 */
export type Picture = string | Uint8Array | ArrayBuffer | Blob | DecodedImage | RgbaPixels

let opened: Promise<Decoder> | null = null
const sharedDecoder = (): Promise<Decoder> => {
  opened ??= openDecoder()
  return opened
}

/** How a model's pictures are prepared. */
export interface Preparation {
  readonly preprocessing: Preprocessing
  /**
   * Whether pictures of other sizes than the model was trained on are resized although the preprocessing resizes none: it
   * comes from a training on images of one size.
   */
  readonly isForAnySize: boolean
}

/** Images of which crops were taken as they are were at most so many times as large as the crop. */
const LARGEST_OVER_SIZE = 1.5

/**
 * The picture's pixels: those of a file in the square that the preprocessing resizes to, others as they are. Rejects with
 * DamagedImageError, naming the file, for what can't be read or decoded, and with UsageError for what is no picture.
 */
export async function decodedPicture(
  picture: Picture,
  { preprocessing, isForAnySize }: Preparation,
  name = 'picture',
): Promise<DecodedImage> {
  const { size, resize, fit } = preprocessing
  const decoded = isPixels(picture)
    ? asDecoded(picture)
    : await (await sharedDecoder()).decode(await bytesOf(picture, name), resize, fit)
  const { width, height } = decoded
  const isLikeTrained = Math.min(width, height) >= size && Math.max(width, height) <= LARGEST_OVER_SIZE * size
  return isForAnySize && resize === null && !isLikeTrained ? resizedSquare(decoded, size, fit) : decoded
}

async function bytesOf(picture: unknown, name: string): Promise<{ name: string; bytes: Uint8Array }> {
  if (picture instanceof Uint8Array) return { name, bytes: picture }
  if (picture instanceof ArrayBuffer) return { name, bytes: new Uint8Array(picture) }
  if (typeof Blob !== 'undefined' && picture instanceof Blob) {
    const { name: fileName = name } = picture as Partial<File>
    return { name: fileName, bytes: new Uint8Array(await picture.arrayBuffer()) }
  }
  if (typeof picture !== 'string') {
    throw new UsageError(
      `${name} is ${shownValue(picture)}; it must be a path, the bytes of a JPEG, PNG or WebP file, or pixels`,
    )
  }
  if (!isNode) return { name: picture, bytes: await fetched(picture) }
  const { readImageFile } = await import('../data/node/image-file.ts')
  return readImageFile(picture)
}

/** In a page. Throws UsageError, naming the address. */
export async function fetched(address: string): Promise<Uint8Array> {
  const response = await fetch(address).catch((error: unknown) => {
    throw new UsageError(`${address}: can't be read: ${error instanceof Error ? error.message : error}`, {
      cause: error,
    })
  })
  if (!response.ok) throw new UsageError(`${address}: can't be read: the server answers ${response.status}`)
  return new Uint8Array(await response.arrayBuffer())
}

type Pixels = DecodedImage | RgbaPixels

function isPixels(picture: unknown): picture is Pixels {
  const { width, height, data, pixels } = (picture ?? {}) as Partial<RgbaPixels & DecodedImage>
  return Number.isInteger(width) && Number.isInteger(height) && (data !== undefined || pixels !== undefined)
}

const COLOURS = 3
const WITH_OPACITY = 4

function asDecoded(picture: Pixels): DecodedImage {
  const { width, height } = picture
  if ('pixels' in picture) {
    const { channels, pixels } = picture
    if (pixels.length === width * height * channels && pixels.length > 0) return picture
    throw new DamagedImageError(
      'picture',
      `${pixels.length} pixels' values are not ${width} x ${height} x ${channels}`,
    )
  }
  const { data } = picture
  const count = width * height
  if (data.length !== WITH_OPACITY * count || count === 0)
    throw new DamagedImageError(
      'picture',
      `${data.length} values are not ${width} x ${height} x ${WITH_OPACITY}`,
    )
  const pixels = new Uint8Array(COLOURS * count)
  for (let i = 0; i < count; i++)
    for (let c = 0; c < COLOURS; c++) pixels[COLOURS * i + c] = data[WITH_OPACITY * i + c]!
  return { width, height, channels: COLOURS, pixels }
}
