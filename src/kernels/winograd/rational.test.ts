import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  add,
  divide,
  isZero,
  multiply,
  negate,
  ONE,
  type Rational,
  rational,
  subtract,
  toNumber,
  ZERO,
} from './rational.ts'

const whole = fc.bigInt({ min: -1000n, max: 1000n })
const notZero = whole.filter((value) => value !== 0n)
const fraction = fc.tuple(whole, notZero).map(([n, d]) => rational(n, d))

/** Whether the fraction is in lowest terms with a positive denominator. */
function isReduced({ numerator, denominator }: Rational): boolean {
  let [a, b] = [numerator < 0n ? -numerator : numerator, denominator]
  while (b !== 0n) [a, b] = [b, a % b]
  return denominator > 0n && a === 1n
}

describe('a fraction', () => {
  it.each([
    [6, 4, 3n, 2n],
    [-6, 4, -3n, 2n],
    [6, -4, -3n, 2n],
    [-6, -4, 3n, 2n],
    [0, -4, 0n, 1n],
    [7n, 1n, 7n, 1n],
  ])('%s / %s is reduced, its sign in the numerator', (n, d, numerator, denominator) => {
    expect(rational(n, d)).toEqual({ numerator, denominator })
  })

  it('is whole where no denominator is given', () => expect(rational(-3)).toEqual(rational(-6, 2)))

  it('has no denominator 0, made or divided by', () => {
    expect(() => rational(1, 0)).toThrow(new RangeError('a fraction with denominator 0'))
    expect(() => rational(0n, 0n)).toThrow(RangeError)
    expect(() => divide(ONE, ZERO)).toThrow(RangeError)
  })
})

describe('arithmetic', () => {
  it('by hand', () => {
    const [a, b] = [rational(3, 4), rational(-5, 6)]
    expect(add(a, b)).toEqual(rational(-1, 12))
    expect(subtract(a, b)).toEqual(rational(19, 12))
    expect(multiply(a, b)).toEqual(rational(-5, 8))
    expect(divide(a, b)).toEqual(rational(-9, 10))
    expect(negate(b)).toEqual(rational(5, 6))
  })

  it('is that of fractions, and every result is reduced', () => {
    fc.assert(
      fc.property(whole, notZero, whole, notZero, (n, d, m, e) => {
        const [a, b] = [rational(n, d), rational(m, e)]
        // Computed without reducing, as taught in school
        const results: [Rational, bigint, bigint][] = [
          [a, n, d],
          [negate(a), -n, d],
          [add(a, b), n * e + m * d, d * e],
          [subtract(a, b), n * e - m * d, d * e],
          [multiply(a, b), n * m, d * e],
          ...(m === 0n ? [] : [[divide(a, b), n * e, d * m] as [Rational, bigint, bigint]]),
        ]
        for (const [result, numerator, denominator] of results) {
          expect(result.numerator * denominator).toBe(numerator * result.denominator)
          expect(isReduced(result)).toBe(true)
        }
      }),
    )
  })

  it('what is added can be subtracted, and what is multiplied divided', () => {
    fc.assert(
      fc.property(fraction, fraction, (a, b) => {
        expect(subtract(add(a, b), b)).toEqual(a)
        if (!isZero(b)) expect(divide(multiply(a, b), b)).toEqual(a)
      }),
    )
  })

  it('a fraction less itself is zero', () => {
    expect(isZero(ZERO)).toBe(true)
    expect(isZero(rational(1, 1000))).toBe(false)
    fc.assert(
      fc.property(fraction, (a) => {
        expect(subtract(a, a)).toEqual(ZERO)
      }),
    )
  })
})

it('as a number it is the quotient, rounded once', () => {
  expect(toNumber(rational(-1, 3))).toBe(-1 / 3)
  expect(toNumber(ZERO)).toBe(0)
  fc.assert(
    fc.property(whole, notZero, (n, d) => {
      // + 0 removes the sign of a zero
      expect(toNumber(rational(n, d))).toBe(Number(n) / Number(d) + 0)
    }),
  )
})
