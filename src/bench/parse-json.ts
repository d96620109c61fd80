import * as z from 'zod/mini'
import english from 'zod/v4/locales/en.js'
import { FormatError, messageOf } from '../errors.ts'

/** `where`: the file, and the line of it where it has several records. Throws FormatError. */
export function parseJson(text: string, where: string): unknown {
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
