// Reads an image's header without decoding the image, so that huge ones are refused before they take memory.
import { DamagedImageError, FormatError } from '../../errors.ts'
import type { NamedBytes } from '../dataset.ts'
import { viewOf } from './bytes.ts'
import { whatItIs } from './foreign.ts'
import type { Damage, ImageHeader } from './image-header.ts'
import { isWholeJpeg, readJpeg } from './jpeg.ts'
import { pngDamage, readPng } from './png.ts'
import { isWholeWebp, readWebp } from './webp.ts'

/**
 * Throws DamagedImageError for bytes that are not a JPEG, PNG or WebP, saying what they are instead, and for those that
 * end too early or are invalid before the size.
 */
export function readImageHeader(file: NamedBytes): ImageHeader {
  const { name, bytes } = file
  const header = headerOf(file)
  if (!header) {
    const what = whatItIs(bytes)
    throw new DamagedImageError(name, `is not a JPEG, PNG or WebP image${what === null ? '' : `: ${what}`}`)
  }
  if (header.width === 0 || header.height === 0)
    throw new DamagedImageError(name, `says that it is ${header.width} x ${header.height} pixels`)
  return header
}

function headerOf({ name, bytes }: NamedBytes): ImageHeader | null {
  const view = viewOf(bytes)
  try {
    return readJpeg(view) ?? readPng(view) ?? readWebp(view)
  } catch (error) {
    if (error instanceof RangeError)
      throw new DamagedImageError(name, `ends within its header, after ${bytes.length} bytes`, {
        cause: error,
      })
    if (error instanceof FormatError) throw new DamagedImageError(name, error.message, { cause: error })
    throw error
  }
}

/** Damage that can be seen without decoding, and that some decoders would silently fill with grey. Null if there is none. */
export function visibleDamage(bytes: Uint8Array, { format }: ImageHeader): Damage | null {
  const view = viewOf(bytes)
  if (format === 'png') return pngDamage(view)
  const isWhole = format === 'jpeg' ? isWholeJpeg(view) : isWholeWebp(view)
  return isWhole ? null : 'cut short'
}
