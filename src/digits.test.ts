import fc from 'fast-check'
import { expect, it } from 'vitest'
import { formatMeasured, formatRoundPercent, formatUpperPercent } from './digits.ts'

it.each([
  [2.3134, [2.27, 2.36], '2.31', '2.27', '2.36'],
  [448.123, [441.2, 455.6], '448', '441', '456'],
  [448.123, [436.2, 460.6], '450', '440', '460'],
  [0.12345, [0.1229, 0.124], '0.1235', '0.1229', '0.1240'],
  [3, [-40, 50], '3', '-40', '50'],
  [100, [100, 100], '100.00', '100.00', '100.00'],
] as const)('%f within %o is %s, %s to %s', (value, interval, ...texts) => {
  const { value: text, low, high } = formatMeasured(value, interval)
  expect([text, low, high]).toEqual(texts)
})

it('the last digit is worth no less than a tenth of the noise, and no more than all of it', () => {
  const positive = fc.double({ min: 1e-3, max: 1e4, noNaN: true })
  const noise = fc.double({ min: 1e-3, max: 0.9, noNaN: true })
  fc.assert(
    fc.property(positive, noise, (value, fraction) => {
      const half = value * fraction
      const { value: text } = formatMeasured(value, [value - half, value + half])
      expect(Math.abs(Number(text) - value)).toBeLessThanOrEqual(half / 2 + 1e-9 * value)
      const decimals = text.split('.')[1]?.length ?? 0
      if (decimals > 0) expect(10 ** -decimals).toBeGreaterThan(half / 10.001)
    }),
  )
})

it.each([
  [0.0021, '0.3%'],
  [0.03, '3%'],
  [0.0301, '4%'],
  [0.121, '13%'],
  [1.5, '150%'],
  [0, '0%'],
])('%f as an upper bound is %s', (fraction, text) => expect(formatUpperPercent(fraction)).toBe(text))

it.each([
  [0.0024, '0.2%'],
  [0.0712, '7%'],
  [0.124, '12%'],
])('%f is about %s', (fraction, text) => expect(formatRoundPercent(fraction)).toBe(text))
