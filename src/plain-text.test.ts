import { describe, expect, it } from 'vitest'
import { inOneLine, shortened, shownValue, withPlainTexts } from './plain-text.ts'

describe('in one line', () => {
  it.each([
    ['a\nb\r\nc\td', 'a\\nb\\r\\nc\\td'],
    ['\u001b[31mred\u0007\u0000', '\\u001b[31mred\\u0007\\u0000'],
    ['a\u2028\u2029\u0085\u009bb', 'a\\u2028\\u2029\\u0085\\u009bb'],
    ['\u202egnp\ufeff.exe\u2066', '\\u202egnp\\ufeff.exe\\u2066'],
    ['Müller, 東京, 👩‍🔬: "ok" \\n', 'Müller, 東京, 👩‍🔬: "ok" \\n'],
  ])('%j', (text, expected) => {
    expect(inOneLine(text)).toBe(expected)
    expect(inOneLine(expected)).toBe(expected)
  })
})

it('a long text keeps its beginning and its end', () => {
  const text = `begin${'x'.repeat(1000)}end`
  expect(shortened(text, 20)).toMatch(/^beginx+…x+end$/)
  expect(shortened(text, 20)).toHaveLength(20)
  expect(shortened('short', 20)).toBe('short')
})

describe('a value', () => {
  const itself: Record<string, unknown> = {}
  itself.itself = itself
  it.each<[unknown, string]>([
    ['8', "'8'"],
    [8, '8'],
    [8n, '8n'],
    [Number.NaN, 'NaN'],
    [null, 'null'],
    [undefined, 'undefined'],
    [true, 'true'],
    [() => 1, 'a function'],
    [[1, 'a'], '[1,"a"]'],
    [{ a: 1 }, '{"a":1}'],
    [itself, 'an object'],
    [{ a: 1n }, 'an object'],
    [new Float64Array(3), 'a Float64Array of 3 values'],
    [Symbol('s'), 'Symbol(s)'],
    [Object.create(null), '{}'],
  ])('%o', (value, expected) => expect(shownValue(value)).toBe(expected))

  it('that is long is cut', () => {
    expect(shownValue('x'.repeat(1e6)).length).toBeLessThan(70)
    expect(shownValue(Array(1e5).fill(1)).length).toBeLessThan(70)
  })
})

it('all texts of a record are in one line, and its numbers are as they were', () => {
  const samplesMs = [1, 2]
  const plain = withPlainTexts({ name: 'a\nb', samplesMs, layers: [{ name: '\u001b' }], check: null })
  expect(plain).toEqual({ name: 'a\\nb', samplesMs, layers: [{ name: '\\u001b' }], check: null })
  expect(plain.samplesMs).toBe(samplesMs)
})
