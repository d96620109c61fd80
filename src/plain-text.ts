// Text that others wrote, such as names in a file, made fit for a message in one line.

/** Control characters, line and paragraph separators, and what changes the direction of the text after it. */
const UNSAFE = /[\p{Cc}\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/gu

const ESCAPES: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }

/** In one line, with no character that a terminal would obey: `\n` and `\u001b` instead of these characters themselves. */
export function inOneLine(text: string): string {
  return text
    .trim()
    .replace(
      UNSAFE,
      (character) => ESCAPES[character] ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
    )
}

/** At most `length` characters: the middle of a longer text is left out, so that its beginning and its end are seen. */
export function shortened(text: string, length: number): string {
  if (text.length <= length) return text
  const end = Math.floor(length / 3)
  return `${text.slice(0, length - end - 1)}…${text.slice(text.length - end)}`
}

const MAX_VALUE_LENGTH = 60

/** A value of any type as a message shows it: `'64'`, `64`, `[1, 2]`, `a function`. Short, and never throws. */
export function shownValue(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return `'${shortened(value, MAX_VALUE_LENGTH)}'`
    case 'bigint':
      return `${value}n`
    case 'function':
      return 'a function'
    case 'object':
      return shownObject(value)
    default:
      return String(value)
  }
}

function shownObject(value: object | null): string {
  if (ArrayBuffer.isView(value) && 'length' in value)
    return `a ${value.constructor.name} of ${value.length} values`
  try {
    return shortened(JSON.stringify(value), MAX_VALUE_LENGTH)
  } catch {
    return Array.isArray(value) ? 'an array' : 'an object' // it holds itself, or a bigint
  }
}

/** A record with each of its texts in one line: what comes from a file, before it goes to a terminal. */
export function withPlainTexts<Value>(value: Value): Value
export function withPlainTexts(value: unknown): unknown {
  if (typeof value === 'string') return inOneLine(value)
  if (Array.isArray(value))
    return typeof value[0] === 'number' ? value : value.map((each) => withPlainTexts(each))
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, withPlainTexts(each)]))
}
