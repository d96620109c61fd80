import type { ProgramBuilder, Vector } from '../codegen/program.ts'

// Cephes' polynomials (Moshier), in float32; the relative error is about 2e-7 in the range that the kernels use.
const LOG_POLYNOMIAL = [
  7.0376836292e-2, -1.151461031e-1, 1.167699874e-1, -1.2420140846e-1, 1.4249322787e-1, -1.6668057665e-1,
  2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1,
]
/** e^x for x from -ln(2) / 2 to ln(2) / 2, fitted here for the least relative error: 3e-9 before rounding. */
const EXP_POLYNOMIAL = [1.38145395e-3, 8.36874545e-3, 4.1668389e-2, 1.66665211e-1, 4.9999994e-1, 1, 1]

/** tanh x = x + x^3 times this polynomial in x^2, for x from -TANH_POLYNOMIAL_END to TANH_POLYNOMIAL_END. */
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
/** Adding and then subtracting it rounds to the nearest integer. */
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

/** log(1 + x) of values from 0 to 1, exact to the last digits if x is small. Source: Kahan (HP-15C handbook, 1982). */
export function log1p(b: ProgramBuilder, x: Vector): Vector {
  const one = b.splat(1)
  const sum = b.add(one, x)
  const kept = b.sub(sum, one) // of x, what is left after the sum was rounded
  return b.select(b.binary('equal', kept, b.splat(0)), x, b.mul(log(b, sum), b.div(x, kept)))
}

/** e^x; the result is clamped to 2^-126 and 2^126. NaN stays NaN. */
export function exp(b: ProgramBuilder, x: Vector): Vector {
  return expOf(b, x, 1, LARGEST_EXPONENT * Math.LN2)
}

/** e^(x * share), where the share is a power of 2; clamped to 2^-126 and to that of `highest`, 2^126 at most. */
function expOf(b: ProgramBuilder, x: Vector, share: number, highest: number): Vector {
  const bounded = b.max(b.min(x, b.splat(highest)), b.splat((-LARGEST_EXPONENT * Math.LN2) / share))
  const rounder = b.splat(ROUNDER)
  const power = b.sub(b.add(b.mul(bounded, b.splat(Math.LOG2E * share)), rounder), rounder)
  // ln 2 in two parts, so that the remainder keeps its last bits; nothing reads what is bounded after that.
  b.fma(bounded, power, b.splat(-0.693359375 / share))
  b.fma(bounded, power, b.splat(2.1219444e-4 / share))
  const scale = b.shift('shiftLeft', b.unary('toInt', power), MANTISSA_BITS)
  const degree = EXP_POLYNOMIAL.length - 1
  const coefficients = EXP_POLYNOMIAL.map((coefficient, i) => coefficient * share ** (degree - i))
  return b.binary('addInt', polynomial(b, bounded, coefficients), scale)
}

/** From here on the sigmoid is 1 in float32, and e^x is finite. */
const SIGMOID_ONE_FROM = 40

/**
 * 1 / (1 + e^-x), with a relative error of about 4e-7 down to the smallest values of float32 (on x64, which flushes
 * denormals, the smallest normal ones); NaN stays NaN.
 */
export function sigmoid(b: ProgramBuilder, x: Vector): Vector {
  // The power is made by squaring its root, since exp alone would end at 2^-126.
  const root = expOf(b, x, 0.5, SIGMOID_ONE_FROM)
  const power = b.mul(root, root)
  return b.div(power, b.add(power, b.splat(1)))
}

/** The hyperbolic tangent, with a relative error of about 2e-7; NaN stays NaN. Near 0 a polynomial is used: Cephes' tanhf. */
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

/** |x| */
export const magnitude = (b: ProgramBuilder, x: Vector): Vector => b.binary('and', x, b.splatInt(~SIGN_BIT))

/** e^x, from 0 to infinity, where `exp` ends at 2^-126 and 2^126; NaN stays NaN. */
export function exponential(b: ProgramBuilder, x: Vector): Vector {
  const root = expOf(b, x, 0.5, 2 * LARGEST_EXPONENT * Math.LN2)
  return b.mul(root, root)
}

/** x / 6 + 1/2, but at least 0 and at most 1. */
export function hardSigmoid(b: ProgramBuilder, x: Vector): Vector {
  const from0To6 = b.min(b.max(b.add(x, b.splat(3)), b.splat(0)), b.splat(6))
  return b.mul(from0To6, b.splat(1 / 6))
}

/** x if x > 0, else alpha (e^x - 1). With t = tanh(x / 2), e^x - 1 is 2 t / (1 - t), which keeps its digits near 0. */
export function elu(b: ProgramBuilder, x: Vector, alpha: number): Vector {
  const t = tanh(b, b.mul(x, b.splat(0.5)))
  const below = b.div(b.mul(t, b.splat(2 * alpha)), b.sub(b.splat(1), t))
  return b.select(b.binary('lessThan', b.splat(0), x), x, below)
}

/** log(1 + e^x) */
export function softplus(b: ProgramBuilder, x: Vector): Vector {
  const power = exponential(b, b.binary('or', x, b.splatInt(SIGN_BIT)))
  return b.add(b.max(x, b.splat(0)), log1p(b, power))
}

/** The derivative of softplus, given its value y: 1 - e^-y, which is 2 t / (1 + t) with t = tanh(y / 2). */
export function softplusSlope(b: ProgramBuilder, y: Vector): Vector {
  const t = tanh(b, b.mul(y, b.splat(0.5)))
  return b.div(b.add(t, t), b.add(b.splat(1), t))
}

/** From here on mish(x) is x in float32. */
const MISH_ALL_FROM = 20

/** p = e^x, and tanh(softplus(x)), which is n / (n + 2) with n = p (p + 2). */
function mishParts(b: ProgramBuilder, x: Vector): { power: Vector; share: Vector } {
  const power = exponential(b, b.min(x, b.splat(MISH_ALL_FROM)))
  const two = b.splat(2)
  const n = b.mul(power, b.add(power, two))
  return { power, share: b.div(n, b.add(n, two)) }
}

export const mishShare = (b: ProgramBuilder, x: Vector): Vector => mishParts(b, x).share

/** The derivative of mish: share + x sigmoid(x) (1 - share^2). */
export function mishGradient(b: ProgramBuilder, x: Vector): Vector {
  const { power, share } = mishParts(b, x)
  const one = b.splat(1)
  const logistic = b.div(power, b.add(one, power))
  const slope = b.mul(b.mul(b.sub(one, share), b.add(one, share)), logistic)
  return b.add(share, b.mul(x, slope))
}

/** The exponent of Numerical Recipes' erfc (section 6.2): erfc z = t e^(-z^2 + this polynomial in t), t = 1 / (1 + z / 2). */
const ERFC_POLYNOMIAL = [
  0.17087277, -0.82215223, 1.48851587, -1.13520398, 0.27886807, -0.18628806, 0.09678418, 0.37409196,
  1.00002368, -1.26551223,
]

/** Half of erfc z = 1 - erf z, of z from 0 on, with a relative error of about 2e-7. */
function halfErfc(b: ProgramBuilder, z: Vector): Vector {
  const t = b.div(b.splat(1), b.add(b.splat(1), b.mul(z, b.splat(0.5))))
  const exponent = b.sub(polynomial(b, t, ERFC_POLYNOMIAL), b.mul(z, z))
  return b.mul(b.mul(t, b.splat(0.5)), exponential(b, exponent))
}

/** The share of the standard normal distribution that is below x, with a relative error of about 2e-7. */
export function normalShare(b: ProgramBuilder, x: Vector): Vector {
  const beyond = halfErfc(b, b.mul(magnitude(b, x), b.splat(Math.SQRT1_2)))
  return b.select(b.binary('lessThan', x, b.splat(0)), beyond, b.sub(b.splat(1), beyond))
}

/** erf x is x times this polynomial in x^2, for x from -1 to 1: Cephes' erff. */
const ERF_POLYNOMIAL = [
  7.853861353153693e-5, -8.010193625184903e-4, 5.188327685732524e-3, -2.685381193529856e-2,
  1.128358514861418e-1, -3.7612625824233e-1, 1.12837916572671,
]

/** The error function, with a relative error of about 2e-7; NaN stays NaN. */
export function erf(b: ProgramBuilder, x: Vector): Vector {
  const near = b.mul(x, polynomial(b, b.mul(x, x), ERF_POLYNOMIAL))
  const size = magnitude(b, x)
  const beyond = halfErfc(b, size)
  const far = b.binary(
    'or',
    b.sub(b.splat(1), b.add(beyond, beyond)),
    b.binary('and', x, b.splatInt(SIGN_BIT)),
  )
  return b.select(b.binary('lessThan', size, b.splat(1)), near, far)
}

/** The derivative of the error function. */
export const erfSlope = (b: ProgramBuilder, x: Vector): Vector =>
  b.mul(b.splat(2 / Math.sqrt(Math.PI)), exponential(b, b.sub(b.splat(0), b.mul(x, x))))

/** x to the power of a constant; of numbers below 0 it is NaN unless the exponent is an integer. */
export function power(b: ProgramBuilder, x: Vector, exponent: number): Vector {
  if (exponent < 0) return b.div(b.splat(1), power(b, x, -exponent))
  const count = Math.floor(exponent)
  const whole = count === 0 ? null : wholePower(b, x, count)
  if (exponent === count) return whole ?? b.splat(1)
  const part = exponent - count === 0.5 ? b.sqrt(x) : partialPower(b, x, exponent - count)
  return whole === null ? part : b.mul(whole, part)
}

/** By squaring: as few products as the exponent has binary digits, or twice as many. */
function wholePower(b: ProgramBuilder, x: Vector, count: number): Vector {
  if (count === 1) return x
  const half = wholePower(b, x, Math.floor(count / 2))
  const square = b.mul(half, half)
  return count % 2 === 0 ? square : b.mul(square, x)
}

/** x to a power between 0 and 1. */
function partialPower(b: ProgramBuilder, x: Vector, exponent: number): Vector {
  const made = exp(b, b.mul(log(b, x), b.splat(exponent)))
  // The logarithm is of normal, positive numbers: 0 and infinity stay as they are, what is below 0 becomes NaN, like a
  // root of it.
  const isNormal = b.binary('lessThan', b.splat(SMALLEST_NORMAL), x)
  const isBelowInfinity = b.binary('lessThan', x, b.splat(Infinity))
  return b.select(b.binary('and', isNormal, isBelowInfinity), made, b.sqrt(x))
}

const SMALLEST_NORMAL = 2 ** -126

const NEARLY = Math.sqrt(2 / Math.PI)
const CUBIC = 0.044715
/** From here on all of the distribution is below the value, to the last digit of float32. */
const ALL_FROM = 16

/** The tanh in GPT-2's approximation of the normal share: 2 share - 1. */
function nearlyNormal(b: ProgramBuilder, x: Vector): Vector {
  const factor = b.add(b.splat(NEARLY), b.mul(b.mul(x, x), b.splat(NEARLY * CUBIC)))
  return tanh(b, b.mul(x, factor))
}

/** The share of the standard normal distribution that is below x, as GPT-2 approximates it. */
export const nearlyNormalShare = (b: ProgramBuilder, x: Vector): Vector =>
  b.mul(b.splat(0.5), b.add(b.splat(1), nearlyNormal(b, x)))

/** The derivative of gelu: the share of the normal distribution below x, plus x times the share's derivative. */
export function geluGradient(b: ProgramBuilder, x: Vector, approximate: 'none' | 'tanh'): Vector {
  if (approximate === 'none') {
    const power = exponential(b, b.mul(b.mul(x, x), b.splat(-0.5)))
    const density = b.mul(power, b.splat(1 / Math.sqrt(2 * Math.PI)))
    return b.add(normalShare(b, x), b.mul(x, density))
  }
  const t = nearlyNormal(b, x)
  const one = b.splat(1)
  // x is bounded, since an infinite square times 0 would be NaN.
  const bounded = b.min(magnitude(b, x), b.splat(ALL_FROM))
  const inner = b.add(b.splat(NEARLY), b.mul(b.mul(bounded, bounded), b.splat(3 * NEARLY * CUBIC)))
  const slope = b.mul(b.mul(b.sub(one, t), b.add(one, t)), inner)
  return b.mul(b.splat(0.5), b.add(b.add(one, t), b.mul(x, slope)))
}

/**
 * x^-beta of positive values and infinity; NaN stays NaN. Uses square roots if beta is a quarter, a half, three
 * quarters or one.
 */
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
  // The logarithm handles neither infinity nor NaN
  const isBelowInfinity = b.binary('lessThan', x, b.splat(Infinity))
  return b.select(isBelowInfinity, power, beta > 0 ? inverseOf(x) : x)
}
