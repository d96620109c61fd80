import { FormatError } from './errors.ts'

/** The longest string in V8, on 64 bits. */
const MAX_STRING_LENGTH = 2 ** 29 - 24
/** A character in UTF-8 takes at most three bytes for each of its units in a string. */
const MAX_BYTES_OF_A_UNIT = 3

/** A file with more bytes can't be one string, whatever its encoding. */
export const MAX_TEXT_BYTES = MAX_BYTES_OF_A_UNIT * MAX_STRING_LENGTH

/**
 * The text of a file, without a byte order mark: UTF-8, or UTF-16 in either byte order, as PowerShell's `>` writes.
 * Throws FormatError, naming the file, for other encodings, and for text longer than a string can be.
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
  // Without a mark: JSON begins with an ASCII character
  if (second === 0 && first !== 0 && first !== undefined) return 'utf-16le'
  if (first === 0 && second !== 0 && second !== undefined) return 'utf-16be'
  return 'utf-8'
}
