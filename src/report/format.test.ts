import { expect, it } from 'vitest'
import type { Environment, Summary } from '../bench/result.ts'
import {
  capitalized,
  formatCount,
  formatDuration,
  formatImageRate,
  formatLike,
  formatLoss,
  formatMeanMs,
  formatMeanRate,
  formatMedianMs,
  formatMegabytes,
  formatMemory,
  formatMs,
  formatPeakFraction,
  formatPercent,
  formatRate,
  formatRelativeError,
  formatSpreadMs,
  hostFact,
} from './format.ts'

type Format = (value: number) => string

it.each<[Format, readonly (readonly [number, string])[]]>([
  [
    formatMs,
    [
      [448.123, '448.1'],
      [100, '100.0'],
      [99.994, '99.99'],
      [12.345, '12.35'],
      [10, '10.00'],
      [9.9994, '9.999'],
      [0.00042, '0.00042'],
      [1e-10, '0.000'],
    ],
  ],
  [
    formatSpreadMs,
    [
      [12.34, '12'],
      [0.1234, '0.12'],
      [1e-10, '0'],
    ],
  ],
  [
    formatRate,
    [
      [94.14, '94.1'],
      [10, '10.0'],
      [9.994, '9.99'],
      [0.0031, '0.0031'],
    ],
  ],
  [
    formatImageRate,
    [
      [12_345, '12,345'],
      [1000, '1,000'],
      [999.94, '999.9'],
      [61.2, '61.2'],
    ],
  ],
  [
    formatCount,
    [
      [0, '0'],
      [999, '999'],
      [1000, '1,000'],
      [2_469_696, '2,469,696'],
    ],
  ],
  [
    formatMegabytes,
    [
      [283_400_000, '283 MB'],
      [2.31e9, '2,310 MB'],
    ],
  ],
  [
    formatMemory,
    [
      [700 * 2 ** 20, '700 MiB'],
      [2 ** 30 - 1, '1024 MiB'],
      [2 ** 30, '1.0 GiB'],
      [7.6 * 2 ** 30, '7.6 GiB'],
    ],
  ],
  [
    formatPercent,
    [
      [0.913, '91.3%'],
      [-0.14, '-14.0%'],
      [1000, '100000.0%'],
      [1001, 'over 100,000%'],
      [-1001, 'under -100,000%'],
      [Number.NaN, '-'],
    ],
  ],
  [
    formatRelativeError,
    [
      [1.26e-6, '1.3e-6'],
      [0.99, '9.9e-1'],
      [1, '1.00'],
      [12, '12.0'],
    ],
  ],
  [
    formatLoss,
    [
      [0.03124, '0.0312'],
      [0.001, '0.0010'],
      [0.000999, '9.99e-4'],
      [0, '0.0000'],
      [999_999, '999999.0000'],
      [1e6, '1.00e6'],
      [Infinity, 'not finite'],
    ],
  ],
  [
    formatDuration,
    [
      [0, '0.0 s'],
      [45_200, '45.2 s'],
      [59_949, '59.9 s'],
      [59_950, '1 min 00 s'],
      [200_000, '3 min 20 s'],
      [3_599_499, '59 min 59 s'],
      [3_599_500, '1 h 00 min'],
      [3_720_000, '1 h 02 min'],
      [3_600_000_000, '1,000 h 00 min'],
      [Infinity, '-'],
    ],
  ],
])('%o', (format, cases) => {
  for (const [value, text] of cases) expect(format(value), String(value)).toBe(text)
})

it('a share of the peak is a multiple where Winograd goes past it', () => {
  expect(formatPeakFraction(0.913, true)).toBe('91.3%')
  expect(formatPeakFraction(1, true)).toBe('100.0%')
  expect(formatPeakFraction(1.234, true)).toBe('1.23 x')
  expect(formatPeakFraction(1.234, false)).toBe('123.4%')
})

it('a rate has the digits that the interval of its mean leaves it, inverted', () => {
  const summary = (meanIntervalMs?: [number, number], meanMs = 10) =>
    ({ meanMs, ...(meanIntervalMs && { meanIntervalMs }) }) as Summary
  expect(formatMeanRate(3200.4, summary())).toBe('3200.4')
  expect(formatMeanRate(3200.4, summary(undefined, 0))).toBe('-')
  expect(formatMeanRate(3234.4, summary([9.99, 10.01]))).toBe('3234')
  // The rate may be 1,617 to 3,594, so half the interval is some hundreds; inverting its ends wrongly would give
  // thousands
  expect(formatMeanRate(3234.4, summary([9, 20]))).toBe('3200')
})

it('median and mean each have the digits that their own interval leaves them', () => {
  const lone = { medianMs: 12.345, meanMs: 45.678 } as Summary
  expect([formatMedianMs(lone), formatMeanMs(lone)]).toEqual(['12.35', '45.68'])
  const several = { ...lone, medianIntervalMs: [11, 14], meanIntervalMs: [45.4, 46] } as Summary
  expect([formatMedianMs(several), formatMeanMs(several)]).toEqual(['12', '45.7'])
})

it.each([
  [{}, ['Node', 'v20.19.0 (V8 11.3)']],
  [{ runtime: 'Bun 1.4.5', v8: 'none' }, ['runtime', 'Bun 1.4.5']],
  [{ browser: 'Chromium 140', v8: '14.0' }, ['browser', 'Chromium 140 (V8 14.0)']],
  [{ browser: 'Firefox 150', runtime: 'Bun 1.4.5', v8: 'none' }, ['browser', 'Firefox 150']],
])('what ran the JavaScript: %o', (changes, fact) => {
  expect(hostFact({ node: 'v20.19.0', v8: '11.3', ...changes } as Environment)).toEqual(fact)
})

it('says that there is no number where there is none', () => {
  expect(formatMemory(null)).toBe('the system does not say')
  expect(formatLoss(null)).toBe('not finite')
})

it('a sentence begins with a capital', () => expect(capitalized('end it')).toBe('End it'))

it('a number beside another has its decimals, but is not shown as 0', () => {
  expect(formatLike(1.2345, '12.30')).toBe('1.23')
  expect(formatLike(0.004, '12.30')).toBe('0.004')
  expect(formatLike(0, '12.30')).toBe('0.00')
  expect(formatLike(12.6, '1.2e7')).toBe('13')
  expect(formatLike(12.6, '450')).toBe('13')
  expect(formatLike(0.005, '12.30')).toBe('0.01')
  expect(formatLike(0.012, '12.30')).toBe('0.01')
})
