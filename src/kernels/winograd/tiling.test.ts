import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type PointCount, transformsOf } from './matrices.ts'
import { columnsOf, cutRuns, type TiledAxisOptions, type TileRun, tiledAxis } from './tiling.ts'

/** An input gradient's padding may be negative; blocks may leave an input shorter than its outputs need. */
const cases = fc
  .record({
    points: fc.constantFrom<PointCount>(4, 5, 6, 7, 8),
    input: fc.integer({ min: 1, max: 40 }),
    output: fc.integer({ min: 1, max: 40 }),
    before: fc.integer({ min: -4, max: 12 }),
    kernel: fc.integer({ min: 2, max: 7 }),
  })
  .filter(({ points, kernel }) => kernel < points)
  .map(({ points, ...options }): [PointCount, TiledAxisOptions] => [points, options])

/** The tiles that runs describe. */
const tilesOf = (runs: readonly TileRun[]) =>
  runs.flatMap(({ first, count, skip, taps, outputs }) =>
    Array.from({ length: count }, (_, i) => ({ tile: first + i, skip, taps, outputs })),
  )

describe('an axis in tiles', () => {
  it('has runs of all tiles, once and in order, whose outputs are the axis', () => {
    fc.assert(
      fc.property(cases, ([points, options]) => {
        const axis = tiledAxis(points, options)
        expect(axis.outputs).toBe(points - options.kernel + 1)
        const tiles = tilesOf(axis.runs)
        expect(tiles.map(({ tile }) => tile)).toEqual(Array.from({ length: axis.count }, (_, tile) => tile))
        expect(tiles.reduce((sum, { outputs }) => sum + outputs, 0)).toBe(options.output)
        // Only the last may have fewer: tiles begin where whole ones would.
        for (const { outputs } of tiles.slice(0, -1)) expect(outputs).toBe(axis.outputs)
        expect(tiles.at(-1)!.outputs).toBeGreaterThan(0)
        for (const { count } of axis.runs) expect(count).toBeGreaterThan(0)
      }),
    )
  })

  it('reads of each tile what lies inside the input, and nothing else', () => {
    fc.assert(
      fc.property(cases, ([points, options]) => {
        const { runs, outputs } = tiledAxis(points, options)
        for (const { tile, skip, taps } of tilesOf(runs)) {
          const start = tile * outputs - options.before
          const inside = Array.from({ length: points }, (_, i) => i).filter(
            (i) => start + i >= 0 && start + i < options.input,
          )
          expect(Array.from({ length: taps }, (_, i) => skip + i)).toEqual(inside)
        }
      }),
    )
  })

  it('joins tiles that are alike', () => {
    // 13 outputs of F(5, 3): the first tile lacks a value at its beginning; the last one has 3 outputs and lacks 3
    // values at its end.
    expect(tiledAxis(7, { input: 13, output: 13, kernel: 3, before: 1 }).runs).toEqual([
      { first: 0, count: 1, skip: 1, taps: 6, outputs: 5 },
      { first: 1, count: 1, skip: 0, taps: 7, outputs: 5 },
      { first: 2, count: 1, skip: 0, taps: 4, outputs: 3 },
    ])
    // Without padding all tiles are whole; the last one is cut off only in its outputs.
    expect(tiledAxis(7, { input: 40, output: 23, kernel: 3, before: 0 }).runs).toEqual([
      { first: 0, count: 4, skip: 0, taps: 7, outputs: 5 },
      { first: 4, count: 1, skip: 0, taps: 7, outputs: 3 },
    ])
  })

  it('has the matrices of F(outputs, kernel), and of F(kernel, outputs) for the weights', () => {
    const { forward, weightsGradient } = tiledAxis(8, { input: 27, output: 27, kernel: 5, before: 2 })
    expect(forward).toBe(transformsOf(8, 4, 5))
    expect(weightsGradient).toBe(transformsOf(8, 5, 4))
  })
})

it('some of the tiles are the same, one by one, counted from the first of them', () => {
  fc.assert(
    fc.property(cases, fc.nat(20), fc.integer({ min: 1, max: 20 }), ([points, options], from, size) => {
      const { runs, count } = tiledAxis(points, options)
      const first = from % count
      const some = Math.min(size, count - first)
      const expected = tilesOf(runs).slice(first, first + some)
      expect(tilesOf(cutRuns(runs, first, some))).toEqual(expected.map((tile, i) => ({ ...tile, tile: i })))
    }),
  )
})

it('columns that are there', () => {
  const matrix = [
    [1, 2, 3],
    [4, 5, 6],
  ]
  expect(columnsOf(matrix, 1, 2)).toEqual([
    [2, 3],
    [5, 6],
  ])
  expect(columnsOf(matrix, 0, 0)).toEqual([[], []])
})
