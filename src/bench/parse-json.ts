import * as z from 'zod/mini'
import english from 'zod/v4/locales/en.js'
import { decodeText } from '../decode-text.ts'
import { FormatError, messageOf } from '../errors.ts'
import { heapLimitBytes } from '../runtime/host.ts'

/** Twice as many characters as the longest array of V8's has items: parsing one that would have more ends the process. */
const MAX_ARRAY_LENGTH = 2 ** 28
/** So does a full heap. Of that a value takes up to so many times as much as its text has characters. */
const HEAP_FACTOR = 16
const MAX_LENGTH = Math.min(MAX_ARRAY_LENGTH, Math.floor(heapLimitBytes() / HEAP_FACTOR))

/**
 * What the JSON of a file says, whose encoding is looked at if it comes as bytes. `where`: the file, and the line of it where
 * it has several records. Throws FormatError, for JSON that would not fit into memory too.
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

/** Refuses another version before its fields are looked at. `what`: `a result`. Throws FormatError. */
export function requireVersion(json: unknown, known: number, where: string, what: string): void {
  const version = (json as { schemaVersion?: unknown } | null)?.schemaVersion
  if (typeof version !== 'number' || version === known) return
  throw new FormatError(`${where}: ${what} of schema version ${version}; this convmark reads ${known}`)
}

/** zod's small edition has no words of its own. */
const describe = english().localeError

/** What the schema makes of it; throws FormatError with the first field that does not fit. */
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
