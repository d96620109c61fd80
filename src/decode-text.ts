import { FormatError } from './errors.ts'

/** V8 has no longer strings, on 64 bits. */
const MAX_STRING_LENGTH = 2 ** 29 - 24
/** Of UTF-8; a character takes one of a string's units at least, and up to three bytes a unit. */
const MAX_BYTES_OF_A_UNIT = 3

/** A file that has more bytes than this can't be one string, whatever its encoding. */
export const MAX_TEXT_BYTES = MAX_BYTES_OF_A_UNIT * MAX_STRING_LENGTH

/**
 * The text of a file, without a byte order mark: UTF-8, or UTF-16 of either byte order, which PowerShell's `>` writes.
 * Throws FormatError, naming the file, for other encodings, and for more than one string can hold.
 */
export function decodeText(bytes: Uint8Array, fileName: string): string {
  const encoding = encodingOf(bytes)
  if (encoding === 'utf-32') throw new FormatError(`${fileName}: it is text in UTF-32; save it as UTF-8`)
  if (encoding !== 'utf-8' && bytes.length / 2 > MAX_STRING_LENGTH) throw tooLong(fileName, bytes.length)
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes)
  } catch (error) {
    if (!(error instanceof TypeError)) throw tooLong(fileName, bytes.length)
    const found =
      encoding === 'utf-8'
        ? 'UTF-8, nor UTF-16 with a byte order mark'
        : `${encoding.toUpperCase()}, as it begins`
    throw new FormatError(`${fileName}: it is not text in ${found}; save it as UTF-8`, { cause: error })
  }
}

export function tooLong(fileName: string, byteLength: number): FormatError {
  return new FormatError(
    `${fileName}: its text of ${byteLength} bytes is longer than a string can be (${MAX_STRING_LENGTH} characters); ` +
      'is it the right file?',
  )
}

function encodingOf(bytes: Uint8Array): 'utf-8' | 'utf-16le' | 'utf-16be' | 'utf-32' {
  const [first, second, third, fourth] = bytes
  const hasMark = first === 0xff && second === 0xfe && third === 0 && fourth === 0
  if (hasMark || (first === 0 && second === 0 && third === 0xfe && fourth === 0xff)) return 'utf-32'
  if (first === 0xff && second === 0xfe) return 'utf-16le'
  if (first === 0xfe && second === 0xff) return 'utf-16be'
  // Without a mark: JSON begins with a character of ASCII
  if (second === 0 && first !== 0 && first !== undefined) return 'utf-16le'
  if (first === 0 && second !== 0 && second !== undefined) return 'utf-16be'
  return 'utf-8'
}
