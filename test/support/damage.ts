// Files as they come back from bad disks, half-finished copies, editors and strangers.
import fc from 'fast-check'

/** What may stand where another value was meant. */
const STRANGERS = [
  'null',
  'true',
  '0',
  '-1',
  '-0',
  '0.5',
  '1e308',
  '1e999',
  '-1e400',
  '9007199254740993',
  '4294967296',
  '""',
  '"\\n\\u0007\\u001b[31m"',
  '"__proto__"',
  '"\\ud800"',
  '[]',
  '{}',
  '[[[[]]]]',
  '{"a":{"a":{}}}',
  '[1,2,3,4,5,6,7,8,9]',
  'NaN',
  '\n',
  ',',
  '}',
  '"',
]

const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:e[+-]?\d+)?|true|false|null|[[\]{}:,]/g

interface Damage {
  readonly kind: 'token' | 'cut' | 'doubled' | 'left out' | 'byte'
  readonly at: number
  readonly length: number
  readonly stranger: string
}

const damage: fc.Arbitrary<Damage> = fc.record({
  kind: fc.constantFrom('token', 'token', 'token', 'cut', 'doubled', 'left out', 'byte'),
  at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  length: fc.integer({ min: 1, max: 200 }),
  stranger: fc.constantFrom(...STRANGERS),
})

/** A text, damaged in one to three places. */
export const damagedText = (text: string): fc.Arbitrary<string> =>
  fc.array(damage, { minLength: 1, maxLength: 3 }).map((list) => list.reduce(damageText, text))

function damageText(text: string, { kind, at, length, stranger }: Damage): string {
  if (kind === 'token') {
    const tokens = [...text.matchAll(TOKEN)]
    const token = tokens[Math.floor(at * tokens.length)]
    if (!token) return stranger
    return text.slice(0, token.index) + stranger + text.slice(token.index + token[0].length)
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

function damageBytes(bytes: Uint8Array, { kind, at, length }: Damage): Uint8Array {
  const from = Math.floor(at * bytes.length)
  if (kind === 'cut') return bytes.slice(0, from)
  if (kind === 'doubled')
    return Uint8Array.from([...bytes.subarray(0, from + length), ...bytes.subarray(from)])
  if (kind === 'left out')
    return Uint8Array.from([...bytes.subarray(0, from), ...bytes.subarray(from + length)])
  return bytes.map((byte, i) => (i === from ? byte ^ length : byte))
}
