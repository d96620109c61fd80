import type { ProgramBuilder, Vector } from '../codegen/program.ts'

// Cephes' polynomials (Moshier), float32; relative error about 2e-7 in the range that the kernels use.
const LOG_POLYNOMIAL = [
  7.0376836292e-2, -1.151461031e-1, 1.167699874e-1, -1.2420140846e-1, 1.4249322787e-1, -1.6668057665e-1,
  2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1,
]
const EXP_POLYNOMIAL = [
  1.98756915e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1,
]

/** tanh x = x + x^3 times this of x^2, for x from -TANH_POLYNOMIAL_END to TANH_POLYNOMIAL_END. */
const TANH_POLYNOMIAL = [
  -5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1,
]
const TANH_POLYNOMIAL_END = 0.625

const SIGN_BIT = 1 << 31
const ONE_BITS = 0x3f800000
const SQRT_HALF_BITS = 0x3f3504f3
const MANTISSA_MASK = 0x007fffff
const MANTISSA_BITS = 23
const EXPONENT_BIAS = 127
/** Added and taken away again, it rounds to the nearest integer. */
const ROUNDER = 1.5 * 2 ** 23
const LARGEST_EXPONENT = 126

function polynomial(b: ProgramBuilder, x: Vector, coefficients: readonly number[]): Vector {
  const [first, ...rest] = coefficients
  return rest.reduce<Vector>((sum, coefficient) => {
    const next = b.splat(coefficient)
    b.fma(next, sum, x)
    return next
  }, b.splat(first!))
}

/** The natural logarithm of positive, normal values. */
export function log(b: ProgramBuilder, x: Vector): Vector {
  // x = 2^exponent * m with m from sqrt(1/2) to sqrt(2)
  const shifted = b.binary('addInt', x, b.splatInt(ONE_BITS - SQRT_HALF_BITS))
  const exponent = b.binary(
    'subInt',
    b.shift('shiftRight', shifted, MANTISSA_BITS),
    b.splatInt(EXPONENT_BIAS),
  )
  const mantissa = b.binary('and', shifted, b.splatInt(MANTISSA_MASK))
  const m = b.sub(b.binary('addInt', mantissa, b.splatInt(SQRT_HALF_BITS)), b.splat(1))
  const square = b.mul(m, m)
  const tail = b.mul(b.mul(m, square), polynomial(b, m, LOG_POLYNOMIAL))
  const sum = b.sub(m, b.sub(b.mul(square, b.splat(0.5)), tail))
  b.fma(sum, b.unary('toFloat', exponent), b.splat(Math.LN2))
  return sum
}

/** log(1 + x) of values from 0 to 1, to the last digits where x is small. Source: Kahan (HP-15C handbook, 1982). */
export function log1p(b: ProgramBuilder, x: Vector): Vector {
  const one = b.splat(1)
  const sum = b.add(one, x)
  const kept = b.sub(sum, one) // of x, what the sum's rounding left
  return b.select(b.binary('equal', kept, b.splat(0)), x, b.mul(log(b, sum), b.div(x, kept)))
}

/** e^x; the result is clamped to 2^-126 and 2^126. */
export function exp(b: ProgramBuilder, x: Vector): Vector {
  const highest = b.splat(LARGEST_EXPONENT * Math.LN2)
  const lowest = b.splat(-LARGEST_EXPONENT * Math.LN2)
  const bounded = b.max(b.select(b.binary('lessThan', x, highest), x, highest), lowest)
  const rounder = b.splat(ROUNDER)
  const power = b.sub(b.add(b.mul(bounded, b.splat(Math.LOG2E)), rounder), rounder)
  // ln 2 in two parts, so that what is left keeps its last bits
  const rest = b.sub(b.sub(bounded, b.mul(power, b.splat(0.693359375))), b.mul(power, b.splat(-2.1219444e-4)))
  const value = b.add(rest, b.splat(1))
  b.fma(value, b.mul(rest, rest), polynomial(b, rest, EXP_POLYNOMIAL))
  const scale = b.shift('shiftLeft', b.unary('toInt', power), MANTISSA_BITS)
  return b.binary('addInt', value, scale)
}

/** 1 / (1 + e^-x), to about 4e-7 of itself, down to the smallest values that float32 has (on x64, that have all of their digits); NaN stays NaN. */
export function sigmoid(b: ProgramBuilder, x: Vector): Vector {
  // The power is at most 1. It is squared, since exp alone would end at 2^-126.
  const root = exp(b, b.mul(b.binary('or', x, b.splatInt(SIGN_BIT)), b.splat(0.5)))
  const power = b.mul(root, root)
  const one = b.splat(1)
  const isBelow = b.binary('lessThan', x, b.splat(0))
  const value = b.div(b.select(isBelow, power, one), b.add(one, power))
  return b.select(b.binary('unordered', x, x), x, value)
}

/** The hyperbolic tangent, to about 2e-7 of itself; NaN stays NaN. Near 0 a polynomial: Cephes' tanhf. */
export function tanh(b: ProgramBuilder, x: Vector): Vector {
  const square = b.mul(x, x)
  const near = b.add(x, b.mul(b.mul(x, square), polynomial(b, square, TANH_POLYNOMIAL)))
  const sign = b.splatInt(SIGN_BIT)
  const negative = b.binary('or', x, sign)
  const power = exp(b, b.add(negative, negative))
  const one = b.splat(1)
  const magnitude = b.div(b.sub(one, power), b.add(one, power))
  const far = b.binary('or', magnitude, b.binary('and', x, sign))
  return b.select(b.binary('lessThan', negative, b.splat(-TANH_POLYNOMIAL_END)), far, near)
}

/** x^-beta of positive values and of infinity; NaN stays. By square roots where beta is a quarter, a half, three quarters or one. */
export function inversePower(b: ProgramBuilder, x: Vector, beta: number): Vector {
  if (beta === 0) return b.splat(1)
  const inverseOf = (value: Vector): Vector => b.div(b.splat(1), value)
  if (beta === 1) return inverseOf(x)
  const isRootEnough = beta === 0.25 || beta === 0.5 || beta === 0.75
  if (isRootEnough) {
    const root = b.sqrt(x)
    if (beta === 0.5) return inverseOf(root)
    return inverseOf(beta === 0.25 ? b.sqrt(root) : b.mul(root, b.sqrt(root)))
  }
  const power = exp(b, b.mul(log(b, x), b.splat(-beta)))
  // The logarithm knows neither infinity nor NaN
  const isBelowInfinity = b.binary('lessThan', x, b.splat(Infinity))
  return b.select(isBelowInfinity, power, beta > 0 ? inverseOf(x) : x)
}
