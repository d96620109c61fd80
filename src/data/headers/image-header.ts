import type { DecodedImage } from '../dataset.ts'
import type { Orientation } from './exif.ts'

/** What an image's header says. */
export interface ImageHeader {
  readonly format: 'jpeg' | 'png' | 'webp'
  /** As stored, before the picture is turned upright. */
  readonly width: number
  readonly height: number
  /** Of a JPEG: 1 is grey, 3 colours, 4 CMYK. Other formats say 3. */
  readonly components: number
  /** A JPEG whose inks are stored inverted, as Adobe's programs do. */
  readonly isInverted: boolean
  readonly orientation: Orientation
}

/**
 * What a decoder does: the whole image as stored, not turned upright. Rejects with FormatError for damaged data,
 * UnavailableError if the decoder can't start.
 */
export type DecodeStored = (bytes: Uint8Array, header: ImageHeader) => Promise<DecodedImage>

/** Of a file, as far as it can be seen without decoding it. */
export type Damage = 'cut short' | 'damaged'
