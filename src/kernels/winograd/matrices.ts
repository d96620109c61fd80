import {
  add,
  divide,
  multiply,
  negate,
  ONE,
  type Rational,
  rational,
  subtract,
  toNumber,
  ZERO,
} from './rational.ts'

/** Rows of exact fractions. */
export type Matrix = readonly (readonly Rational[])[]

/** The points at which products are taken, in addition to infinity. */
export type FinitePoints = readonly Rational[]

const points = (...values: readonly (number | readonly [number, number])[]): FinitePoints =>
  values.map((value) => (typeof value === 'number' ? rational(value) : rational(value[0], value[1])))

/** By the number of points, infinity included; chosen for the smallest error in float32. */
export const POINT_SETS: Readonly<Record<4 | 5 | 6 | 7 | 8, FinitePoints>> = {
  4: points(0, 1, -1),
  5: points(0, 1, -1, 2),
  6: points(0, 1, -1, 2, [-1, 2]),
  7: points(0, 1, -1, 2, [-1, 2], -2),
  8: points(0, 1, -1, 2, -2, [1, 2], [-1, 2]),
}

/**
 * F(m, r): m outputs of a filter with r taps from n = m + r - 1 values by n products, y = output ((filter g) * (input
 * d)). The input's matrix depends on the points alone, so one matrix serves a layer's three passes.
 */
export interface WinogradMatrices {
  readonly outputs: number
  readonly taps: number
  readonly points: number
  /** m x n */
  readonly output: Matrix
  /** n x r */
  readonly filter: Matrix
  /** n x n, whole numbers */
  readonly input: Matrix
}

/**
 * Cook-Toom, by exact fractions: interpolation of a product of polynomials at the points, transposed. The input's rows are
 * scaled to whole numbers and the filter's by the inverse. Source: Lavin & Gray 2016; Blahut 2010, chapter 5.
 */
export function winogradMatrices(finite: FinitePoints, outputs: number, taps: number): WinogradMatrices {
  const n = finite.length + 1
  if (outputs + taps - 1 !== n)
    throw new Error(`F(${outputs}, ${taps}) takes ${outputs + taps - 1} points, not ${n}`)
  const all = product(finite)
  const inputRows: Rational[][] = []
  const filterRows: Rational[][] = []
  finite.forEach((point, i) => {
    const others = finite.filter((_, j) => j !== i)
    const row = [...product(others), ZERO]
    const scale = wholeScale(row)
    const weight = others.reduce((value, other) => multiply(value, subtract(point, other)), ONE)
    inputRows.push(row.map((value) => multiply(value, scale)))
    filterRows.push(powers(point, taps).map((value) => divide(value, multiply(weight, scale))))
  })
  const scale = wholeScale(all)
  inputRows.push(all.map((value) => multiply(value, scale)))
  filterRows.push(Array.from({ length: taps }, (_, k) => (k === taps - 1 ? divide(ONE, scale) : ZERO)))
  const output = Array.from({ length: outputs }, (_, i) => [
    ...finite.map((point) => powers(point, outputs)[i]!),
    i === outputs - 1 ? ONE : ZERO,
  ])
  return { outputs, taps, points: n, output, filter: filterRows, input: inputRows }
}

/** Coefficients of (x - p0)(x - p1)..., of x^0 first. */
function product(roots: readonly Rational[]): Rational[] {
  return roots.reduce<Rational[]>(
    (polynomial, root) =>
      Array.from({ length: polynomial.length + 1 }, (_, k) =>
        add(polynomial[k - 1] ?? ZERO, multiply(negate(root), polynomial[k] ?? ZERO)),
      ),
    [ONE],
  )
}

function powers(point: Rational, count: number): Rational[] {
  const result = [ONE]
  while (result.length < count) result.push(multiply(result.at(-1)!, point))
  return result
}

/** The smallest factor that makes all entries of a row whole numbers. */
function wholeScale(row: readonly Rational[]): Rational {
  return row.reduce((scale, value) => {
    const { denominator } = multiply(value, scale)
    return multiply(scale, rational(denominator))
  }, ONE)
}

const toNumbers = (matrix: Matrix): number[][] => matrix.map((row) => row.map(toNumber))

export type PointCount = keyof typeof POINT_SETS

/** The matrices as numbers. */
export interface Transforms {
  readonly output: readonly (readonly number[])[]
  readonly filter: readonly (readonly number[])[]
  readonly input: readonly (readonly number[])[]
}

const known = new Map<string, Transforms>()

export function transformsOf(points: PointCount, outputs: number, taps: number): Transforms {
  const key = `${points} ${outputs} ${taps}`
  let transforms = known.get(key)
  if (!transforms) {
    const { output, filter, input } = winogradMatrices(POINT_SETS[points], outputs, taps)
    transforms = { output: toNumbers(output), filter: toNumbers(filter), input: toNumbers(input) }
    known.set(key, transforms)
  }
  return transforms
}
