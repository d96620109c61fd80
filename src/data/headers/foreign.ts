// What a file is that is not a supported picture, so that the error says what to do.
import { lettersAt, startsWith, viewOf } from './bytes.ts'

const image = (name: string): string => `${name}; convert it to JPEG or PNG`

/** `it is a GIF image; convert it to JPEG or PNG`; null if these bytes are not recognised. */
export function whatItIs(bytes: Uint8Array): string | null {
  if (bytes.length === 0) return 'it is empty'
  if (bytes.every((byte) => byte === 0)) return 'it contains only zeros'
  const view = viewOf(bytes)
  const format =
    FORMATS.find(({ magic, offset = 0 }) => startsWith(view, offset, magic))?.name ?? boxFormat(view)
  if (format) return `it is ${format}`
  const text = textOf(bytes)
  return text === null ? null : `it is ${kindOfText(text)}`
}

interface Format {
  /** Includes what to do about it. */
  readonly name: string
  readonly magic: readonly number[]
  readonly offset?: number
}

const ascii = (letters: string): number[] => Array.from(letters, (letter) => letter.charCodeAt(0))

const FORMATS: readonly Format[] = [
  { name: image('a GIF image'), magic: ascii('GIF8') },
  { name: image('a TIFF image, or a camera’s raw one'), magic: [...ascii('II'), 42, 0] },
  { name: image('a TIFF image, or a camera’s raw one'), magic: [...ascii('MM'), 0, 42] },
  { name: image('a BigTIFF image'), magic: [...ascii('II'), 43, 0] },
  { name: image('a BMP image'), magic: ascii('BM') },
  { name: image('a JPEG XL image'), magic: [0xff, 0x0a] },
  { name: image('a JPEG XL image'), magic: ascii('JXL '), offset: 4 },
  { name: image('a JPEG 2000 image'), magic: ascii('jP  '), offset: 4 },
  { name: image('a JPEG 2000 image'), magic: [0xff, 0x4f, 0xff, 0x51] },
  { name: image('an icon'), magic: [0, 0, 1, 0] },
  { name: image('a Photoshop image'), magic: ascii('8BPS') },
  { name: image('a QOI image'), magic: ascii('qoif') },
  { name: 'a PDF document', magic: ascii('%PDF') },
  { name: 'a ZIP archive; unpack it', magic: [...ascii('PK'), 3, 4] },
  { name: 'a gzip archive; unpack it', magic: [0x1f, 0x8b] },
]

const BRANDS: Readonly<Record<string, string>> = {
  avif: image('an AVIF image'),
  avis: image('an AVIF image'),
  mif1: image('a HEIC or AVIF image'),
  msf1: image('a HEIC or AVIF image'),
}

/** Files of boxes (ISO/IEC 14496-12), which phones write for pictures and videos. */
function boxFormat(view: DataView): string | undefined {
  if (view.byteLength < 12 || lettersAt(view, 4) !== 'ftyp') return undefined
  const brand = lettersAt(view, 8)
  if (/^he[ivm][cxms]$/.test(brand)) return image('a HEIC image')
  return BRANDS[brand] ?? 'a video'
}

const TEXT_BYTES = 512

/** The beginning of the file if it is text, otherwise null. */
function textOf(bytes: Uint8Array): string | null {
  try {
    const beginning = bytes.subarray(0, TEXT_BYTES)
    const text = new TextDecoder('utf-8', { fatal: true }).decode(beginning, { stream: true })
    // biome-ignore lint/suspicious/noControlCharactersInRegex: text has none of them
    return /[\0-\x08\x0e-\x1f]/.test(text) ? null : text.trimStart()
  } catch {
    return null // not UTF-8
  }
}

function kindOfText(text: string): string {
  if (/^<(!doctype\s+html|html|head|body)\b/i.test(text))
    return 'an HTML page, an error message perhaps; fetch it again'
  if (text.startsWith('version https://git-lfs'))
    return 'a pointer of Git LFS, not the image itself; fetch that with: git lfs pull'
  if (/^(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)?(<!doctype svg[^>]*>\s*)?<svg\b/is.test(text))
    return image('an SVG drawing')
  return 'text'
}
