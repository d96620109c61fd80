import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { interpret } from '../../codegen/interpret.ts'
import { ProgramBuilder } from '../../codegen/program.ts'
import { normal } from '../../random.ts'
import { bytes } from '../kernel.ts'
import { type PointCount, transformsOf } from './matrices.ts'
import { columnsOf } from './tiling.ts'
import { type Transform2d, transformScratch, writeTransform } from './transform.ts'

type Matrix = readonly (readonly number[])[]

const LANES = 4
/** Values between the source, the sink and the scratch. */
const GUARD = 4 * LANES
/** Both transforms sum up to 8 values, with a product or a halving at each: at most this many roundings. */
const FLOAT32_ERROR = 2 * 16 * 2 ** -24

/** Rows of vectors with gaps between them, in values. */
class Place {
  readonly at: number
  readonly rows: number
  readonly columns: number
  readonly column: number
  readonly row: number

  constructor(at: number, rows: number, columns: number, gap: number) {
    this.at = at
    this.rows = rows
    this.columns = columns
    this.column = (1 + gap) * LANES
    this.row = columns * this.column + gap
  }

  get end(): number {
    return this.at + this.rows * this.row
  }

  value(row: number, column: number, lane: number): number {
    return this.at + row * this.row + column * this.column + lane
  }

  /** Visits every value of every vector. */
  each(visit: (row: number, column: number, lane: number, index: number) => void): void {
    for (let row = 0; row < this.rows; row++) {
      for (let column = 0; column < this.columns; column++) {
        for (let lane = 0; lane < LANES; lane++) visit(row, column, lane, this.value(row, column, lane))
      }
    }
  }
}

interface Case {
  readonly vertical: Matrix
  readonly horizontal: Matrix
  readonly seed: number
  /** Gaps between vectors of the source and of the sink. */
  readonly gaps: readonly [number, number]
  readonly times?: number
  readonly finish?: (b: ProgramBuilder) => Transform2d['finish']
}

/**
 * Runs a transform in memory filled with NaN except for its source; returns the sink's values beside those computed in
 * float64.
 */
function runTransform({ vertical, horizontal, seed, gaps, times = 1, finish }: Case) {
  const [rows, columns] = [vertical[0]!.length, horizontal[0]!.length]
  const source = new Place(GUARD, rows, columns, gaps[0])
  const sink = new Place(source.end + GUARD, vertical.length, horizontal.length, gaps[1])
  const scratch = { at: sink.end + GUARD, length: rows * horizontal.length * LANES }
  const floats = new Float32Array(scratch.at + scratch.length + GUARD).fill(Number.NaN)
  const x = new Float32Array(rows * columns * LANES)
  normal(x, { seed, tensor: 'x' })
  source.each((row, column, lane, index) => (floats[index] = x[(row * columns + column) * LANES + lane]!))
  const before = floats.slice()

  const b = new ProgramBuilder('transform', LANES, ['source', 'sink', 'scratch'])
  const steps = ({ row, column }: Place) => ({ row: bytes(row), column: bytes(column) })
  b.loop(times, () =>
    writeTransform(b, {
      vertical,
      horizontal,
      source: { pointer: b.parameter('source'), ...steps(source) },
      sink: { pointer: b.parameter('sink'), ...steps(sink) },
      scratch: b.parameter('scratch'),
      ...(finish && { finish: finish(b)! }),
    }),
  )
  interpret(b.finish(), floats.buffer)(bytes(source.at), bytes(sink.at), bytes(scratch.at))

  const results: { actual: number; expected: number }[] = []
  const allowed = new Set(Array.from({ length: scratch.length }, (_, i) => scratch.at + i))
  sink.each((row, column, lane, index) => {
    allowed.add(index)
    let expected = 0
    for (const [i, v] of vertical[row]!.entries()) {
      for (const [j, h] of horizontal[column]!.entries())
        expected += v * h * before[source.value(i, j, lane)]!
    }
    results.push({ actual: floats[index]!, expected })
  })
  const touched = [...floats.keys()].filter((i) => !Object.is(floats[i], before[i]) && !allowed.has(i))
  const largest = (matrix: Matrix) =>
    Math.max(...matrix.map((row) => row.reduce((sum, value) => sum + Math.abs(value), 0)))
  const magnitude =
    largest(vertical) * largest(horizontal) * x.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
  return { results, touched, tolerance: FLOAT32_ERROR * magnitude, scratchLength: scratch.length }
}

function expectTransform(transform: Case): void {
  const { results, touched, tolerance } = runTransform(transform)
  for (const { actual, expected } of results)
    expect(Math.abs(actual - expected)).toBeLessThanOrEqual(tolerance)
  expect(touched).toEqual([])
}

/** A matrix as layers use it: for the input or the filter some consecutive columns, for the output the first rows. */
const sides = (points: PointCount) =>
  fc
    .record({
      taps: fc.integer({ min: 1, max: points }),
      kind: fc.constantFrom('input', 'filter', 'output'),
      a: fc.nat(points),
      b: fc.nat(points),
    })
    .map(({ taps, kind, a, b }): Matrix => {
      const { input, filter, output } = transformsOf(points, points - taps + 1, taps)
      if (kind === 'output') return output.slice(0, Math.max(1, a))
      const matrix = kind === 'input' ? input : filter
      return columnsOf(matrix, Math.min(a, b), Math.abs(a - b))
    })

const gaps = fc.tuple(fc.nat(2), fc.nat(2))

describe.each<PointCount>([4, 5, 6, 7, 8])('a transform on %s points', (points) => {
  const { input, filter, output } = transformsOf(points, points - 2, 3)

  it.each([
    ['input', input],
    ['filter', filter],
    ['output', output],
  ])('is that of float64: %s', (_what, matrix) => {
    expectTransform({ vertical: matrix, horizontal: matrix, seed: 1, gaps: [0, 1] })
  })

  it('reads and writes nothing else, whatever is cut away', () => {
    const property = fc.property(
      sides(points),
      sides(points),
      gaps,
      fc.nat(),
      (vertical, horizontal, between, seed) => expectTransform({ vertical, horizontal, seed, gaps: between }),
    )
    fc.assert(property, { numRuns: 30 })
  })

  it.each([
    ['rows', 0, points],
    ['columns', points, 0],
    ['rows and columns', 0, 0],
  ])('is zero over no %s', (_what, rows, columns) => {
    const none = {
      vertical: columnsOf(input, 0, rows),
      horizontal: columnsOf(input, 0, columns),
      seed: 1,
      gaps: [0, 1] as const,
    }
    const { results, touched } = runTransform(none)
    expect(results).toHaveLength(points ** 2 * LANES)
    expect(results.filter(({ actual }) => actual !== 0)).toEqual([])
    expect(touched).toEqual([])
  })

  it('needs no more scratch than is set aside', () => {
    const { scratchLength } = runTransform({ vertical: input, horizontal: input, seed: 1, gaps: [0, 0] })
    expect(scratchLength).toBeLessThanOrEqual(transformScratch(points ** 2, LANES))
  })
})

const { output } = transformsOf(7, 5, 3)
const example = { vertical: output, horizontal: output, seed: 1, gaps: [1, 2] } as const

it('leaves the pointers where they stood', () => expectTransform({ ...example, times: 2 }))

it('finishes every value before it is stored', () => {
  const plain = runTransform(example)
  const negative = runTransform({ ...example, finish: (b) => (value) => b.sub(b.splat(0), value) })
  expect(negative.results.map(({ actual }) => actual)).toEqual(plain.results.map(({ actual }) => 0 - actual))
})
