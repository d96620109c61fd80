import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type PointCount, transformsOf } from './matrices.ts'
import { operationsOf, type SharedSums, sharedSums, type Term } from './shared-sums.ts'

type Matrix = readonly (readonly number[])[]

/** Every row's sum, computed through the nodes. */
function evaluate({ shared, rows }: SharedSums, x: readonly number[]): number[] {
  const nodes = [...x]
  const sum = (terms: readonly Term[]) =>
    terms.reduce((total, { node, factor }) => total + factor * nodes[node]!, 0)
  for (const terms of shared) nodes.push(sum(terms))
  return rows.map(sum)
}

/** The operations of the matrix as it is: sharing must not need more. */
const withoutSharing = (matrix: Matrix): number =>
  operationsOf({
    shared: [],
    rows: matrix.map((row) => row.flatMap((factor, node) => (factor === 0 ? [] : [{ node, factor }]))),
  })

function expectProduct(matrix: Matrix, x: readonly number[]): void {
  const products = matrix.map((row) => row.map((value, i) => value * x[i]!))
  // Halves of two rows cancel in one of them, so an error is measured against the sum of all rows' magnitudes.
  const magnitude = products.flat().reduce((sum, value) => sum + Math.abs(value), 0)
  const y = evaluate(sharedSums(matrix), x)
  expect(y).toHaveLength(matrix.length)
  for (const [row, terms] of products.entries()) {
    const expected = terms.reduce((sum, value) => sum + value, 0)
    expect(Math.abs(y[row]! - expected)).toBeLessThanOrEqual(1e-12 * magnitude)
  }
}

/** Nodes may use only earlier nodes, and every row appears once. */
function expectOrder(matrix: Matrix): void {
  const { inputs, shared, rows, order } = sharedSums(matrix)
  const isBefore = (terms: readonly Term[], end: number) => terms.every(({ node }) => node >= 0 && node < end)
  for (const [i, terms] of shared.entries()) expect(isBefore(terms, inputs + i)).toBe(true)
  for (const terms of rows) expect(isBefore(terms, inputs + shared.length)).toBe(true)
  expect([...order].sort((a, b) => a - b)).toEqual(matrix.map((_, row) => row))
}

const numbers = (length: number) =>
  fc.array(fc.integer({ min: -50, max: 50 }), { minLength: length, maxLength: length })

/** Few different entries, so that rows have much in common; some rows are empty. */
const matrices = fc.nat(5).chain((columns) => {
  const entries = (entry: fc.Arbitrary<number>) => fc.array(entry, { minLength: columns, maxLength: columns })
  const row = fc.oneof(
    { weight: 4, arbitrary: entries(fc.integer({ min: -3, max: 3 })) },
    { weight: 1, arbitrary: entries(fc.integer({ min: -99, max: 99 })) },
    { weight: 1, arbitrary: entries(fc.constant(0)) },
  )
  return fc.record({ matrix: fc.array(row, { maxLength: 6 }), x: numbers(columns) })
})

describe('any matrix', () => {
  it('times x is what the sums come to, each made of nodes before it', () => {
    fc.assert(
      fc.property(matrices, ({ matrix, x }) => {
        expectProduct(matrix, x)
        expectOrder(matrix)
      }),
    )
  })

  it('has rows without terms where all is zero', () => {
    expect(sharedSums([[], []])).toMatchObject({ inputs: 0, shared: [], rows: [[], []] })
    expect(sharedSums([[0, 0]])).toMatchObject({ inputs: 2, shared: [], rows: [[]] })
  })
})

describe('what is shared', () => {
  it('halves of two rows: their sum and their difference', () => {
    // No two inputs occur twice in the same proportion, but half the sum of the first two rows is the third.
    const rows = [
      [1, 3, 6, 4],
      [1, 1, -4, -4],
      [1, 2, 1, 0],
    ]
    expect([operationsOf(sharedSums(rows)), withoutSharing(rows)]).toEqual([6, 8])
  })

  it('two inputs in one proportion', () => {
    // a + 2b, computed once, in all three
    const rows = [
      [1, 2, 1, 0, 0],
      [1, 2, 0, 1, 0],
      [1, 2, 0, 0, 1],
    ]
    const { shared, rows: sums } = sharedSums(rows)
    expect(shared).toEqual([
      [
        { node: 0, factor: 1 },
        { node: 1, factor: 2 },
      ],
    ])
    for (const terms of sums) expect(terms).toContainEqual({ node: 5, factor: 1 })
    expect([operationsOf(sharedSums(rows)), withoutSharing(rows)]).toEqual([4, 6])
  })
})

const transforms = ([6, 7, 8] as const satisfies PointCount[]).flatMap((points) => [
  { name: `${points} points: the input's`, matrix: transformsOf(points, points - 2, 3).input },
  ...Array.from({ length: points }, (_, i) => [
    {
      name: `F(${points - i}, ${i + 1}): the filter's`,
      matrix: transformsOf(points, points - i, i + 1).filter,
    },
    {
      name: `F(${points - i}, ${i + 1}): the output's`,
      matrix: transformsOf(points, points - i, i + 1).output,
    },
  ]).flat(),
])

describe('the transforms', () => {
  it.each(transforms)('$name', ({ matrix }) => {
    fc.assert(
      fc.property(numbers(matrix[0]!.length), (x) => expectProduct(matrix, x)),
      { numRuns: 20 },
    )
    expectOrder(matrix)
    expect(operationsOf(sharedSums(matrix))).toBeLessThanOrEqual(withoutSharing(matrix))
  })

  it('the input of 7 points takes at most 21 operations', () => {
    const { input } = transformsOf(7, 5, 3)
    expect(withoutSharing(input)).toBe(31)
    expect(operationsOf(sharedSums(input))).toBeLessThanOrEqual(21)
  })
})
