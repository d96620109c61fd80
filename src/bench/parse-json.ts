import * as z from 'zod/mini'
import english from 'zod/v4/locales/en.js'
import { decodeText } from '../decode-text.ts'
import { FormatError, messageOf } from '../errors.ts'
import { heapLimitBytes } from '../runtime/host.ts'

/** Twice as many characters as the longest array in V8 has items: parsing a longer array would crash the process. */
const MAX_ARRAY_LENGTH = 2 ** 28
/** A full heap crashes it too. A value takes up to this many times as many bytes as its text has characters. */
const HEAP_FACTOR = 16
const MAX_LENGTH = Math.min(MAX_ARRAY_LENGTH, Math.floor(heapLimitBytes() / HEAP_FACTOR))

/**
 * Parses the JSON of a file; if it is given as bytes, its encoding is detected. `where`: the file, and the line if it
 * has several records. Throws FormatError, also for JSON that would not fit into memory.
 */
export function parseJson(json: string | Uint8Array, where: string): unknown {
  const text = typeof json === 'string' ? json.replace(/^\ufeff/, '') : decodeText(json, where)
  if (text.length > MAX_LENGTH) {
    throw new FormatError(
      `${where}: its JSON has ${text.length} characters, and up to ${MAX_LENGTH} are read; is it the right file?`,
    )
  }
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new FormatError(`${where}: not JSON, or cut short: ${messageOf(error)}`)
  }
}

/** Refuses another version before its fields are checked. `what`: `a result`. Throws FormatError. */
export function requireVersion(json: unknown, known: number, where: string, what: string): void {
  const version = (json as { schemaVersion?: unknown } | null)?.schemaVersion
  if (typeof version !== 'number' || version === known) return
  throw new FormatError(`${where}: ${what} of schema version ${version}; this convmark reads ${known}`)
}

/** zod's small edition contains no messages of its own. */
const describe = english().localeError

/** The value as the schema parses it; throws FormatError with the first field that does not fit. */
export function requireShape<Shape>(
  json: unknown,
  schema: z.ZodMiniType<Shape>,
  where: string,
  what: string,
): Shape {
  const parsed = z.safeParse(schema, json, { error: describe })
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  const field = issue!.path.join('.') || 'the whole'
  throw new FormatError(`${where}: not ${what}: ${field}: ${issue!.message}`)
}
