import { describe, expect, it } from 'vitest'
import { decodeText } from './decode-text.ts'
import { FormatError } from './errors.ts'

const TEXT = '{"name": "Müller, 東京 👩‍🔬"}\r\n'
const utf8 = new TextEncoder().encode(TEXT)

/** All units of UTF-16; `Uint16Array.from` would not split a surrogate pair. */
const units = (text: string): Uint8Array => {
  const bytes = new Uint8Array(2 * text.length)
  for (let i = 0; i < text.length; i++) new DataView(bytes.buffer).setUint16(2 * i, text.charCodeAt(i), true)
  return bytes
}
const swapped = (bytes: Uint8Array): Uint8Array => bytes.map((_, i) => bytes[i ^ 1]!)
const withMark = (mark: readonly number[], bytes: Uint8Array): Uint8Array => Uint8Array.of(...mark, ...bytes)

describe('text', () => {
  it.each<[string, Uint8Array]>([
    ['UTF-8', utf8],
    ['UTF-8 with a mark', withMark([0xef, 0xbb, 0xbf], utf8)],
    ['UTF-16 LE with a mark, as PowerShell writes it', withMark([0xff, 0xfe], units(TEXT))],
    ['UTF-16 BE with a mark', withMark([0xfe, 0xff], swapped(units(TEXT)))],
    ['UTF-16 LE', units(TEXT)],
    ['UTF-16 BE', swapped(units(TEXT))],
  ])('in %s is read', (_name, bytes) => {
    // Also from the middle of a larger buffer
    const inside = new Uint8Array(bytes.length + 3)
    inside.set(bytes, 3)
    expect(decodeText(bytes, 'a.json')).toBe(TEXT)
    expect(decodeText(inside.subarray(3), 'a.json')).toBe(TEXT)
  })

  it.each<[string, Uint8Array, string]>([
    [
      'latin1',
      Uint8Array.of(0x7b, 0xe4, 0x7d),
      'a.json: it is not text in UTF-8, nor UTF-16 with a byte order',
    ],
    ['bytes', Uint8Array.of(0x1f, 0x8b, 0x08, 0xff), 'a.json: it is not text in UTF-8'],
    ['UTF-8 that was cut short', utf8.subarray(0, utf8.indexOf(0xbc)), 'a.json: it is not text in UTF-8'],
    [
      'UTF-32',
      Uint8Array.of(0xff, 0xfe, 0, 0, 0x7b, 0, 0, 0),
      'a.json: it is text in UTF-32; save it as UTF-8',
    ],
    ['half of a unit', withMark([0xff, 0xfe], units('ab').subarray(0, 3)), 'UTF-16LE, as it begins'],
    ['half of a pair', withMark([0xff, 0xfe], units('👩'.slice(0, 1))), 'UTF-16LE, as it begins'],
  ])('in %s is refused', (_name, bytes, message) => {
    expect(() => decodeText(bytes, 'a.json')).toThrow(FormatError)
    expect(() => decodeText(bytes, 'a.json')).toThrow(message)
  })

  it('that is empty, or has a replacement character of its own, is read', () => {
    expect(decodeText(new Uint8Array(0), 'a')).toBe('')
    expect(decodeText(Uint8Array.of(0xff, 0xfe), 'a')).toBe('')
    expect(decodeText(new TextEncoder().encode('\ufffd'), 'a')).toBe('\ufffd')
  })

  // For UTF-8 the decoder reports it: see test/slow/large-files.test.ts
  it('of 2^29 characters in UTF-16 is longer than a string can be', () => {
    const bytes = new Uint8Array(2 ** 30)
    bytes.set([0xff, 0xfe, 0x20])
    expect(() => decodeText(bytes, 'a.json')).toThrow(
      new FormatError(
        `a.json: its text of ${2 ** 30} bytes is longer than a string can be (536870888 characters); is it the right file?`,
      ),
    )
  })
})
