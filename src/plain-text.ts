// Makes text from elsewhere, such as names in a file, safe for a message in one line.

/** Control characters, line and paragraph separators, and characters that change the direction of the text after them. */
const UNSAFE = /[\p{Cc}\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/gu

const ESCAPES: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }

/** In one line, without characters that control a terminal: these are replaced by `\n` or `\u001b`. */
export function inOneLine(text: string): string {
  return text
    .trim()
    .replace(
      UNSAFE,
      (character) => ESCAPES[character] ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
    )
}

/** At most `length` characters: the middle of a longer text is left out, so that its beginning and its end are visible. */
export function shortened(text: string, length: number): string {
  if (text.length <= length) return text
  const end = Math.floor(length / 3)
  return `${text.slice(0, length - end - 1)}…${text.slice(text.length - end)}`
}

const MAX_VALUE_LENGTH = 60

/** A value of any type as shown in a message: `'64'`, `64`, `[1, 2]`, `a function`. Short, and never throws. */
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
    return Array.isArray(value) ? 'an array' : 'an object' // it contains itself, or a bigint
  }
}

/** A record in which every text is in one line: for data from a file, before it is printed on a terminal. */
export function withPlainTexts<Value>(value: Value): Value
export function withPlainTexts(value: unknown): unknown {
  if (typeof value === 'string') return inOneLine(value)
  if (Array.isArray(value))
    return typeof value[0] === 'number' ? value : value.map((each) => withPlainTexts(each))
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, withPlainTexts(each)]))
}
