// Command lines that are printed for a person to paste.

/**
 * Characters that mean nothing to a shell. At the start of a word `=` does, and in PowerShell `@`; in PowerShell `,`
 * does anywhere.
 */
const PLAIN_POSIX = /^[\w@%+:,./-][\w@%+=:,./-]*$/
const PLAIN_WINDOWS = /^[\w+:./\\-][\w@+=:./\\-]*$/
const CONTROL = /\p{Cc}/u

/**
 * One word of a command line, quoted so that a POSIX shell reads back exactly this text. So do cmd and PowerShell on
 * Windows, except for `%NAME%` in cmd, and `$` and backticks in PowerShell: no form prevents both shells from expanding
 * them. The word is on one line, so it can be part of an error message.
 */
export function shellWord(text: string, platform: string | undefined = globalThis.process?.platform): string {
  if (platform === 'win32') {
    // No path there contains a quote; programs read one after a single backslash as text
    return PLAIN_WINDOWS.test(text) ? text : `"${text.replace(/\\+$/, '$&$&')}"`
  }
  if (PLAIN_POSIX.test(text)) return text
  if (!CONTROL.test(text)) return `'${text.replaceAll("'", "'\\''")}'`
  // Line breaks and the like can be written only in this form (POSIX 2024; bash, zsh and ksh have long had it)
  const escaped = text.replace(/['\\]/g, '\\$&').replace(/\p{Cc}/gu, octal)
  return `$'${escaped}'`
}

/**
 * The bytes of its UTF-8, since a shell's escapes stand for bytes; three digits each, so that no digit after them is
 * read as part of one.
 */
const octal = (character: string): string =>
  Array.from(new TextEncoder().encode(character), (byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('')

export const shellCommand = (...words: readonly string[]): string =>
  words.map((word) => shellWord(word)).join(' ')
