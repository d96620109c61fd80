// The names of a model's classes.
import { parseJson } from '../bench/parse-json.ts'
import { decodeText } from '../decode-text.ts'
import { FormatError, ofFile, UsageError } from '../errors.ts'

/** Models made with TensorFlow often have a class 0 that no picture belongs to. */
const BACKGROUND = 'background'

/** The names of classes, and where they come from if nobody gave them. */
export interface Labels {
  readonly classNames: readonly string[]
  /** What was assumed, as a sentence; null if nothing was. */
  readonly assumed: string | null
}

/**
 * The names in a file of labels, in the order of the model's outputs: a text of one name a line, which may begin with its
 * index (`0,tench`), or JSON: an array of names, or names by index, as `{ "0": "tench" }` or Keras'
 * `{ "0": ["n01440764", "tench"] }`. Throws FormatError, naming the file, for a line without a name and for indexes that
 * are not in order.
 */
export function parseLabels(bytes: Uint8Array, fileName: string): readonly string[] {
  return ofFile(fileName, () => {
    const text = decodeText(bytes, fileName).trimEnd()
    return /^\s*[[{]/.test(text) ? ofJson(text) : ofLines(text.split(/\r?\n/))
  })
}

function ofLines(lines: readonly string[]): readonly string[] {
  const indexed = lines.map((line) => /^\s*(\d+)\s*[,:;\t ]\s*(\S.*)$/.exec(line))
  const areIndexed = indexed.every((found, i) => found && Number(found[1]) === Number(indexed[0]![1]) + i)
  const names = lines.map((line, i) => (areIndexed ? indexed[i]![2]! : line).trim())
  const empty = names.indexOf('')
  if (empty >= 0) throw new FormatError(`line ${empty + 1} has no name; a file of labels has one name a line`)
  return names
}

function ofJson(text: string): readonly string[] {
  const found = parseJson(text, 'labels')
  const keys = Object.keys(found as object)
  const isInOrder = keys.every((_, i) => Object.hasOwn(found as object, i))
  const names = keys.map((_, i) => (found as Record<string, unknown>)[i]).map(lastName)
  if (isInOrder && names.every((name) => name !== null)) return names as string[]
  throw new FormatError('its JSON is neither an array of names nor names by index from 0')
}

/** Of `["n01440764", "tench"]` the second. */
const lastName = (value: unknown): string | null => {
  const name: unknown = Array.isArray(value) ? value.at(-1) : value
  return typeof name === 'string' && name.trim() !== '' ? name : null
}

/**
 * The names of a model's classes: those given; ImageNet's if none are and it has as many classes; otherwise `class 0`
 * and so on. Throws UsageError for another number of names than classes; `what` is how the message calls the names.
 */
export async function labelsFor(
  classes: number,
  given: readonly string[] | undefined,
  what = 'labels',
): Promise<Labels> {
  if (given) {
    if (given.length === classes) return { classNames: given, assumed: null }
    throw new UsageError(`${what}: ${given.length} names, but the model knows ${classes} classes`)
  }
  const { IMAGENET_NAMES } = await import('./imagenet-names.ts')
  const count = IMAGENET_NAMES.length
  if (classes === count || classes === count + 1) {
    const classNames = classes === count ? IMAGENET_NAMES : [BACKGROUND, ...IMAGENET_NAMES]
    return { classNames, assumed: `names of classes: ImageNet's, assumed because the model knows ${classes}` }
  }
  return {
    classNames: Array.from({ length: classes }, (_, i) => `class ${i}`),
    assumed: `the model does not say what its ${classes} classes are called; give their names as labels`,
  }
}
