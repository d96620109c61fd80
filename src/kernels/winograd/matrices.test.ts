import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Matrix, POINT_SETS, type PointCount, transformsOf, winogradMatrices } from './matrices.ts'
import { add, multiply, type Rational, rational, ZERO } from './rational.ts'

const POINT_COUNTS: readonly PointCount[] = [4, 5, 6, 7, 8]

/** Every F(outputs, taps) for every set of points. */
const tiles = POINT_COUNTS.flatMap((points) =>
  Array.from({ length: points }, (_, i) => ({ points, outputs: points - i, taps: i + 1 })),
)

const times = (matrix: Matrix, vector: readonly Rational[]): Rational[] =>
  matrix.map((row) => row.reduce((sum, value, i) => add(sum, multiply(value, vector[i]!)), ZERO))

const rationals = (values: readonly number[]) => values.map((value) => rational(value))

const integers = (length: number) =>
  fc.array(fc.integer({ min: -99, max: 99 }), { minLength: length, maxLength: length })

describe.each(tiles)('F($outputs, $taps) on $points points', ({ points, outputs, taps }) => {
  const { output, filter, input } = winogradMatrices(POINT_SETS[points], outputs, taps)

  it('is the correlation, exactly', () => {
    const property = fc.property(integers(taps), integers(points), (g, d) => {
      const [filters, inputs] = [times(filter, rationals(g)), times(input, rationals(d))]
      const products = filters.map((value, i) => multiply(value, inputs[i]!))
      const y = Array.from({ length: outputs }, (_, i) =>
        g.reduce((sum, value, k) => sum + value * d[i + k]!, 0),
      )
      expect(times(output, products)).toEqual(rationals(y))
    })
    fc.assert(property, { numRuns: 20 })
  })

  it('has an input of whole numbers, the same where filter and outputs change places', () => {
    for (const { denominator } of input.flat()) expect(denominator).toBe(1n)
    expect(winogradMatrices(POINT_SETS[points], taps, outputs).input).toEqual(input)
  })

  it('has matrices of n x n, n x taps and outputs x n', () => {
    const shapes = [input, filter, output].map((matrix) => [
      matrix.length,
      new Set(matrix.map((row) => row.length)),
    ])
    expect(shapes).toEqual([
      [points, new Set([points])],
      [points, new Set([taps])],
      [outputs, new Set([points])],
    ])
  })
})

/** F(5, 3) as computed by hand, at 0, 1, -1, 2, -1/2, -2 and infinity. */
const BY_HAND = {
  input: [
    [4, 8, -5, -10, 1, 2, 0],
    [0, 4, 12, 7, -3, -2, 0],
    [0, 4, 4, -9, -1, 2, 0],
    [0, -2, -5, 0, 5, 2, 0],
    [0, -4, 0, 5, 0, -1, 0],
    [0, -2, -3, 4, 3, -2, 0],
    [0, 4, 8, -5, -10, 1, 2],
  ],
  filter: [
    [1 / 4, 0, 0],
    [1 / 18, 1 / 18, 1 / 18],
    [1 / 6, -1 / 6, 1 / 6],
    [1 / 120, 1 / 60, 1 / 30],
    [32 / 45, -16 / 45, 8 / 45],
    [1 / 72, -1 / 36, 1 / 18],
    [0, 0, 1 / 2],
  ],
  output: [
    [1, 1, 1, 1, 1, 1, 0],
    [0, 1, -1, 2, -1 / 2, -2, 0],
    [0, 1, 1, 4, 1 / 4, 4, 0],
    [0, 1, -1, 8, -1 / 8, -8, 0],
    [0, 1, 1, 16, 1 / 16, 16, 1],
  ],
}

it('F(5, 3) on 7 points is the one worked out by hand', () => {
  const { input, filter, output } = transformsOf(7, 5, 3)
  // A row of the input may be negative if the filter's is too: their product is the same.
  const sign = (row: readonly number[]) => Math.sign(row.find((value) => value !== 0)!)
  const signs = input.map((row, i) => sign(row) * sign(BY_HAND.input[i]!))
  // Zero has no sign.
  const signed = (matrix: readonly (readonly number[])[]) =>
    matrix.map((row, i) => row.map((value) => value * signs[i]! + 0))
  expect(input).toEqual(signed(BY_HAND.input))
  expect(filter).toEqual(signed(BY_HAND.filter))
  expect(output).toEqual(BY_HAND.output)
})

it('transforms are made once, by points, outputs and taps', () => {
  expect(transformsOf(7, 5, 3)).toBe(transformsOf(7, 5, 3))
  expect(transformsOf(7, 3, 5).filter).not.toEqual(transformsOf(7, 5, 3).filter)
})

it('refuses a tile that does not fit the points, with its numbers', () => {
  expect(() => winogradMatrices(POINT_SETS[7], 4, 3)).toThrow('F(4, 3) takes 6 points, not 7')
  expect(() => transformsOf(6, 5, 3)).toThrow('F(5, 3) takes 7 points, not 6')
})
