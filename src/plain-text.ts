/** Characters that end a line or steer a terminal. */
const CONTROLS = /[\p{Cc}\u2028\u2029]/gu
const LINE_BREAKS = /\s*[\n\r\v\f\u0085\u2028\u2029]\s*/g

/** The text without line breaks, and with other control characters shown as replaced: for words from a file. */
export function inOneLine(text: string): string {
  return text.trim().replace(LINE_BREAKS, ' ').replaceAll('\t', ' ').replace(CONTROLS, '\ufffd')
}
