// What an image's header says, read without decoding: so that huge ones are refused before they take memory.
import { DamagedImageError, FormatError } from '../../errors.ts'
import type { NamedBytes } from '../dataset.ts'
import { viewOf } from './bytes.ts'
import { whatItIs } from './foreign.ts'
import type { Damage, ImageHeader } from './image-header.ts'
import { isWholeJpeg, readJpeg } from './jpeg.ts'
import { pngDamage, readPng } from './png.ts'
import { isWholeWebp, readWebp } from './webp.ts'

/**
 * Throws DamagedImageError, which says what they are instead, for bytes that are no JPEG, PNG or WebP, and for those that end
 * too early or make no sense before the size.
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

/** What can be seen of a file without decoding it, and what some decoders fill with grey without a word. Null for nothing. */
export function visibleDamage(bytes: Uint8Array, { format }: ImageHeader): Damage | null {
  const view = viewOf(bytes)
  if (format === 'png') return pngDamage(view)
  const isWhole = format === 'jpeg' ? isWholeJpeg(view) : isWholeWebp(view)
  return isWhole ? null : 'cut short'
}
