// Files as they come back from bad disks, half-finished copies, editors and strangers.
import fc from 'fast-check'

/** What may stand where another value was meant, by what that begins with. */
const NUMBERS = [
  '0',
  '-1',
  '-0',
  '0.5',
  '1e-45',
  '1e308',
  '1e999',
  '-1e400',
  '9007199254740993',
  '4294967296',
  '2',
]
const TEXTS = [
  '""',
  '"\\n\\u0007\\u001b[31m"',
  '"__proto__"',
  '"\\ud800"',
  '"a"',
  '"wasm"',
  '"2026-01-31T12:00:00.000Z"',
]
const OTHERS = ['null', 'true', 'false', '[]', '{}', '[[[[]]]]', '{"a":{"a":{}}}', '[1,2,3,4,5,6,7,8,9]']
const BROKEN = ['NaN', '\n', ',', '}', '"', '[[[[[[[[[[', '']

const VALUE = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:e[+-]?\d+)?|true|false|null/g

interface Damage {
  readonly kind: 'number' | 'value' | 'broken' | 'cut' | 'doubled' | 'left out' | 'byte'
  readonly at: number
  readonly length: number
}

const damage: fc.Arbitrary<Damage> = fc.record({
  // One that keeps the grammar gets further
  kind: fc.constantFrom(
    ...([
      'number',
      'number',
      'number',
      'value',
      'value',
      'broken',
      'cut',
      'doubled',
      'left out',
      'byte',
    ] as const),
  ),
  // Not fc.double, whose values lie near 0 most of the time
  at: fc.nat(2 ** 20 - 1).map((value) => value / 2 ** 20),
  length: fc.integer({ min: 1, max: 200 }),
})

/** A text, damaged in a place or two. */
export const damagedText = (text: string): fc.Arbitrary<string> =>
  fc.array(damage, { minLength: 1, maxLength: 2 }).map((list) => list.reduce(damageText, text))

function damageText(text: string, { kind, at, length }: Damage): string {
  if (kind === 'number' || kind === 'value' || kind === 'broken') {
    const values = [...text.matchAll(VALUE)].filter(([value]) => kind !== 'number' || /^[-\d]/.test(value))
    const found = values[Math.floor(at * values.length)]
    if (!found) return text
    const [value] = found
    const like = /^[-\d]/.test(value) ? NUMBERS : value.startsWith('"') ? TEXTS : OTHERS
    const strangers = { number: NUMBERS, value: length < 120 ? like : [...TEXTS, ...OTHERS], broken: BROKEN }[
      kind
    ]
    const stranger = strangers[length % strangers.length]!
    return text.slice(0, found.index) + stranger + text.slice(found.index + value.length)
  }
  const from = Math.floor(at * text.length)
  if (kind === 'cut') return text.slice(0, from)
  if (kind === 'doubled') return text.slice(0, from + length) + text.slice(from)
  if (kind === 'left out') return text.slice(0, from) + text.slice(from + length)
  return (
    text.slice(0, from) + String.fromCharCode((text.charCodeAt(from) ^ length) & 0xff) + text.slice(from + 1)
  )
}

/** A file of safetensors: what describes it is damaged as a text, with a length that fits or not, or its bytes are. */
export const damagedSafetensors = (bytes: Uint8Array): fc.Arbitrary<Uint8Array> => {
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true))
  const header = new TextDecoder('latin1').decode(bytes.subarray(8, 8 + length))
  const values = bytes.subarray(8 + length)
  const withHeader = fc
    .tuple(damagedText(header), fc.constantFrom(0, 0, 0, 1, -1, 2 ** 40))
    .map(([text, wrong]) => {
      const start = new Uint8Array(8 + text.length)
      new DataView(start.buffer).setBigUint64(0, BigInt(Math.max(0, text.length + wrong)), true)
      for (let i = 0; i < text.length; i++) start[8 + i] = text.charCodeAt(i)
      return Uint8Array.from([...start, ...values])
    })
  const inBytes = fc
    .array(damage, { minLength: 1, maxLength: 3 })
    .map((list) => list.reduce((damaged, each) => damageBytes(damaged, each), bytes))
  return fc.oneof({ arbitrary: withHeader, weight: 3 }, { arbitrary: inBytes, weight: 1 })
}

/** A file of any bytes, in which some are changed, cut off, doubled or left out. */
export const damagedBytes = (bytes: Uint8Array): fc.Arbitrary<Uint8Array> =>
  fc
    .array(damage, { minLength: 1, maxLength: 3 })
    .map((list) => list.reduce((damaged, each) => damageBytes(damaged, each), bytes))

/**
 * Data in which some numbers, texts or lists were replaced by others, as nothing but a wrong writer makes them.
 * `Uint8Array`s stay as they are.
 */
export const damagedData = <T>(data: T): fc.Arbitrary<T> =>
  fc
    .array(fc.record({ at: fc.nat(2 ** 20 - 1), which: fc.nat(1000) }), { minLength: 1, maxLength: 3 })
    .map((list) => {
      const places = placesIn(data)
      const chosen = new Map(list.map(({ at, which }) => [places[at % places.length]!, which]))
      return withDamage(data, [], chosen) as T
    })

const STRANGE_NUMBERS = [
  0,
  -1,
  1,
  2,
  3,
  7,
  64,
  255,
  65_536,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 40,
  2 ** 53 - 1,
  -(2 ** 62),
]

/** The paths of all numbers, texts and lists. */
function placesIn(data: unknown, path: readonly string[] = []): string[] {
  if (data instanceof Uint8Array) return []
  const own = path.length > 0 && !isPlainObject(data) ? [path.join('.')] : []
  if (typeof data !== 'object' || data === null) return own
  return [...own, ...Object.entries(data).flatMap(([key, value]) => placesIn(value, [...path, key]))]
}

const isPlainObject = (data: unknown): boolean =>
  typeof data === 'object' && data !== null && !Array.isArray(data)

function withDamage(data: unknown, path: readonly string[], chosen: ReadonlyMap<string, number>): unknown {
  const which = chosen.get(path.join('.'))
  if (which !== undefined) {
    if (typeof data === 'number') return STRANGE_NUMBERS[which % STRANGE_NUMBERS.length]
    if (typeof data === 'string') return ['', 'a', `${data}b`][which % 3]
    if (Array.isArray(data)) return [[], data.slice(1), [...data, ...data], [...data].reverse()][which % 4]
  }
  if (data instanceof Uint8Array || typeof data !== 'object' || data === null) return data
  const entries = Object.entries(data).map(([key, value]) => [key, withDamage(value, [...path, key], chosen)])
  return Array.isArray(data) ? entries.map(([, value]) => value) : Object.fromEntries(entries)
}

function damageBytes(bytes: Uint8Array, { kind, at, length }: Damage): Uint8Array {
  const from = Math.floor(at * bytes.length)
  if (kind === 'cut') return bytes.slice(0, from)
  if (kind === 'doubled')
    return Uint8Array.from([...bytes.subarray(0, from + length), ...bytes.subarray(from)])
  if (kind === 'left out')
    return Uint8Array.from([...bytes.subarray(0, from), ...bytes.subarray(from + length)])
  return bytes.map((byte, i) => (i === from ? byte ^ length : byte))
}
