import { expect, it } from 'vitest'
import type { GateFinding } from '../bench/gate.ts'
import { findingLine } from './gate.ts'

const finding = (changes: Partial<GateFinding>): GateFinding => ({
  pass: 'forward',
  engine: 'wasm simd128, 2 threads',
  slowdown: 1,
  interval: [0.99, 1.01],
  isRegression: false,
  hasRounds: true,
  ...changes,
})
const HEAD = 'Forward on wasm simd128, 2 threads: '

it('is fine only where no regression beyond the limit can be hidden in the interval', () => {
  expect(findingLine(finding({}), 0.05)).toBe(
    `${HEAD}+0.0% of time, 95% interval -1.0% to +1.0%: within the limit of 5.0%`,
  )
  expect(findingLine(finding({ slowdown: 0.8, interval: [0.7, 0.9] }), 0.05)).toMatch(
    /: within the limit of 5\.0%$/,
  )
  expect(findingLine(finding({ slowdown: 1.02, interval: [0.97, 1.05] }), 0.05)).toMatch(
    /: within the limit of 5\.0%$/,
  )
})

it('says how large a regression it could not have seen', () => {
  expect(findingLine(finding({ slowdown: 0.86, interval: [0.67, 1.12] }), 0.05)).toBe(
    `${HEAD}-14.0% of time, 95% interval -33.0% to +12.0%: no regression beyond 5.0% was found, but one of up to 12.0% could not have ` +
      'been seen; more --rounds or a quieter machine make the interval narrower',
  )
  expect(findingLine(finding({ slowdown: 1.08, interval: [0.99, 1.18], hasRounds: false }), 0.05)).toMatch(
    /: no regression beyond 5\.0% was found, but one of up to 18\.0% could not have been seen; .*; without rounds: compared more cautiously$/,
  )
})

it('names a regression', () => {
  const line = findingLine(finding({ slowdown: 1.1, interval: [1.05, 1.3], isRegression: true }), 0.05)
  expect(line).toBe(`${HEAD}+10.0% of time, 95% interval +5.0% to +30.0%: a regression beyond 5.0%`)
})
