import { expect, it } from 'vitest'
import { clockResolution } from './clock.ts'

it('the clock is as fine as its smallest step', () => {
  let time = 0
  expect(clockResolution(() => Math.floor(time++ / 3) * 0.25)).toBe(0.25)
  expect(clockResolution()).toBeGreaterThan(0)
})

it('a coarse clock is not looked at for long', () => {
  let reads = 0
  expect(clockResolution(() => Math.floor(reads++ / 1000))).toBe(1)
  expect(reads).toBeLessThan(30_000)
})
