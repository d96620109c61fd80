import { expect, it } from 'vitest'
import { hasColors } from './output.ts'

it('colours are for terminals that can, and whose user did not ask for none', () => {
  expect(hasColors({ TERM: 'xterm' }, { isTTY: true })).toBe(true)
  expect(hasColors({ TERM: 'xterm', NO_COLOR: '' }, { isTTY: true })).toBe(true)
  expect(hasColors({ TERM: 'xterm', NO_COLOR: '1' }, { isTTY: true })).toBe(false)
  expect(hasColors({ TERM: 'dumb' }, { isTTY: true })).toBe(false)
  expect(hasColors({ TERM: 'xterm' }, { isTTY: false })).toBe(false)
  // As Node has it for pipes and files
  expect(hasColors({ TERM: 'xterm', CI: 'true' }, {})).toBe(false)
})
