import { describe, expect, it } from 'vitest'
import { FormatError } from '../errors.ts'
import { parseJson } from './parse-json.ts'
import { parseResult } from './result.ts'

describe('JSON of a file', () => {
  it('comes as text or as bytes of any encoding, with a mark or without', () => {
    expect(parseJson('{"a": 1}', 'f')).toEqual({ a: 1 })
    expect(parseJson('\ufeff{"a": 1}', 'f')).toEqual({ a: 1 })
    expect(parseJson(new TextEncoder().encode('\ufeff{"a": 1}'), 'f')).toEqual({ a: 1 })
    expect(parseJson(Uint8Array.of(0xff, 0xfe, 0x35, 0), 'f')).toBe(5)
  })

  it('that is none is refused in one line, with the file and a little of it', () => {
    const text = `{\n"a": 1,\n\u001b[31m${'x'.repeat(1e5)}\u2028`
    const error = (() => {
      try {
        return parseJson(text, 'a\nb.json')
      } catch (error) {
        return error as FormatError
      }
    })()
    expect(error).toBeInstanceOf(FormatError)
    expect((error as FormatError).message).toMatch(
      /^a\\nb\.json: not JSON, or cut short: [^\p{Cc}\u2028]{1,200}$/u,
    )
    expect(() => parseResult(Uint8Array.of(0xe4), 'f')).toThrow('f: it is not text in UTF-8')
  })

  it('that is too long is refused before it can end the process: an array of so many items would', () => {
    const text = `[${'1,'.repeat(2 ** 27)}1]`
    expect(() => parseJson(text, 'f')).toThrow(`f: its JSON has ${2 ** 28 + 3} characters, and up to`)
  })
})
