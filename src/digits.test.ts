import fc from 'fast-check'
import { expect, it } from 'vitest'
import { anyNumber } from '../test/support/any-record.ts'
import {
  formatAtLeast,
  formatExponent,
  formatFixed,
  formatMeasured,
  formatSignificant,
  formatUpperPercent,
} from './digits.ts'

it.each([
  [2.3134, [2.27, 2.36], '2.31', '2.27', '2.36'],
  [448.123, [441.2, 455.6], '448', '441', '456'],
  [448.123, [436.2, 460.6], '450', '440', '460'],
  [0.12345, [0.1229, 0.124], '0.1235', '0.1229', '0.1240'],
  [3, [-40, 50], '3', '-40', '50'],
  [100, [100, 100], '100.00', '100.00', '100.00'],
  // An end that is not 0 is not shown as 0, and nothing is shown as -0.
  [1.62, [0.4, 5.3], '2', '0.4', '5'],
  [3, [-0.2, 50], '3', '-0.2', '50'],
  [2.31e-12, [2.27e-12, 2.36e-12], '2.31e-12', '2.27e-12', '2.36e-12'],
  [3e-10, [6e-11, 5.4e-10], '3e-10', '6e-11', '5e-10'],
  [1e300, [1e299, 2e300], '1.0e300', '1e299', '2.0e300'],
  [1e15, [1e15, 1e15], '1.0000e15', '1.0000e15', '1.0000e15'],
  [1.234e-7, [1.214e-7, 1.254e-7], '0.000000123', '0.000000121', '0.000000125'],
  // But it is rounded as long as it does not become 0
  [30, [7, 53], '30', '10', '50'],
  [30, [5, 55], '30', '10', '60'],
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
  [1e-7, '0.0001%'],
  [Number.NaN, '-'],
  [Number.NEGATIVE_INFINITY, '-'],
])('%f as an upper bound is %s', (fraction, text) => expect(formatUpperPercent(fraction)).toBe(text))

it.each([
  [formatFixed, -0.0001, 2, '0.00'],
  [formatFixed, 1e300, 2, '1.0e300'],
  [formatFixed, 5e-324, 400, '0.000000000'],
  [formatAtLeast, 0.0042, 2, '0.0042'],
  [formatAtLeast, 4.2, 2, '4.20'],
  [formatAtLeast, 0, 2, '0.00'],
  [formatAtLeast, 0.01, 2, '0.01'],
  [formatFixed, 1e15, 2, '1.0e15'],
  [formatFixed, 1e15 - 1, 0, '999999999999999'],
  [formatSignificant, 1.2e-8, 2, '0.000000012'],
  [formatSignificant, 1.2e-9, 2, '1.2e-9'],
  [formatExponent, 0, 1, '0'],
  [formatSignificant, Number.NaN, 20, '-'],
  [formatSignificant, 0.0996, 2, '0.10'],
  [formatSignificant, 1234, 2, '1200'],
  [formatSignificant, 5e-324, 2, '4.9e-324'],
  [formatExponent, 1e300, 1, '1.0e300'],
  [formatFixed, Number.POSITIVE_INFINITY, 1, '-'],
  [formatSignificant, Number.NaN, 1, '-'],
] as const)('%o of %f with %i digits is %s', (format, value, digits, text) => {
  expect(format(value, digits)).toBe(text)
})

it('every number has a text that is a number, or a dash', () => {
  const decimals = fc.integer({ min: 0, max: 400 })
  const texts = fc
    .tuple(anyNumber, anyNumber, anyNumber, decimals)
    .map(([value, low, high, digits]) => [
      ...[formatFixed, formatAtLeast, formatExponent].map((format) => format(value, digits)),
      formatSignificant(value, 1 + (digits % 20)),
      ...Object.values(formatMeasured(value, [low, high])),
      formatUpperPercent(value).replace(/%$/, ''),
    ])
  fc.assert(
    fc.property(texts, (all) => {
      for (const text of all) {
        expect(text).toMatch(/^(-|-?\d+(\.\d+)?(e-?\d+)?)$/)
        expect(text).not.toMatch(/^-0(\.0+)?$/)
        expect(text.length).toBeLessThan(30)
      }
    }),
  )
})
