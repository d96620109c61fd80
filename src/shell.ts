// Command lines that are printed for a person to paste.

/** Nothing in these means anything to a shell. At the start of a word `=` does, and in PowerShell `@`; there `,` does anywhere. */
const PLAIN_POSIX = /^[\w@%+:,./-][\w@%+=:,./-]*$/
const PLAIN_WINDOWS = /^[\w+:./\\-][\w@+=:./\\-]*$/
const CONTROL = /\p{Cc}/u

/**
 * One word of a command line, quoted so that a POSIX shell reads back this very text. On Windows cmd and PowerShell do, but
 * for `%NAME%` in cmd, and `$` and backticks in PowerShell: no one form keeps both from expanding them. The word is on one
 * line, so it can stand in an error.
 */
export function shellWord(text: string, platform: string | undefined = globalThis.process?.platform): string {
  if (platform === 'win32') {
    // No path there has a quote; programs take one after a single backslash for text
    return PLAIN_WINDOWS.test(text) ? text : `"${text.replace(/\\+$/, '$&$&')}"`
  }
  if (PLAIN_POSIX.test(text)) return text
  if (!CONTROL.test(text)) return `'${text.replaceAll("'", "'\\''")}'`
  // Line breaks and the like have names in this form alone (POSIX 2024; bash, zsh and ksh have long had it)
  const escaped = text.replace(/['\\]/g, '\\$&').replace(/\p{Cc}/gu, octal)
  return `$'${escaped}'`
}

/** The bytes of its UTF-8, as a shell's escapes are of bytes; three digits each, so that none runs into the next text. */
const octal = (character: string): string =>
  Array.from(new TextEncoder().encode(character), (byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('')

export const shellCommand = (...words: readonly string[]): string =>
  words.map((word) => shellWord(word)).join(' ')
