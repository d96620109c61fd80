import { expect, it } from 'vitest'
import { hasColors } from './output.ts'

it('colours are for terminals that can, and whose user did not ask for none', () => {
  expect(hasColors({ TERM: 'xterm' }, true)).toBe(true)
  expect(hasColors({ TERM: 'xterm', NO_COLOR: '' }, true)).toBe(true)
  expect(hasColors({ TERM: 'xterm', NO_COLOR: '1' }, true)).toBe(false)
  expect(hasColors({ TERM: 'dumb' }, true)).toBe(false)
  expect(hasColors({ TERM: 'xterm' }, false)).toBe(false)
})
