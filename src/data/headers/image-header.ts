import type { DecodedImage } from '../dataset.ts'
import type { Orientation } from './exif.ts'

/** What an image's header says. */
export interface ImageHeader {
  readonly format: 'jpeg' | 'png' | 'webp'
  /** As stored, before the picture is rotated upright. */
  readonly width: number
  readonly height: number
  /** Of a JPEG: 1 for grey, 3 for colours, 4 for CMYK. 3 for other formats. */
  readonly components: number
  /** A JPEG whose inks are stored inverted, as Adobe's programs do. */
  readonly isInverted: boolean
  readonly orientation: Orientation
}

/**
 * Decodes the whole image as stored, not rotated upright. Rejects with FormatError for damaged data, and with
 * UnavailableError if the decoder can't start.
 */
export type DecodeStored = (bytes: Uint8Array, header: ImageHeader) => Promise<DecodedImage>

/** What can be seen of a file's damage without decoding it. */
export type Damage = 'cut short' | 'damaged'
