import type { Pointer, ProgramBuilder, Vector } from '../../codegen/program.ts'
import { type SharedSums, sharedSums, type Term } from './shared-sums.ts'

/** vertical * X * horizontal transposed, for one vector of each value of X. */
export interface Transform2d {
  /** Outputs by those inputs that lie inside the image: the others are not read. */
  readonly vertical: readonly (readonly number[])[]
  readonly horizontal: readonly (readonly number[])[]
  /** Steps in bytes. */
  readonly source: { readonly pointer: Pointer; readonly row: number; readonly column: number }
  readonly sink: { readonly pointer: Pointer; readonly row: number; readonly column: number }
  /** Room for inputs of `vertical` by outputs of `horizontal` vectors. */
  readonly scratch: Pointer
  /** Moves along the columns as the sink does. */
  readonly beside?: { readonly pointer: Pointer; readonly column: number }
  /** Applied to each value, which is in this row of the sink's column, before it is stored. */
  readonly finish?: (value: Vector, row: number) => Vector
}

/** Scratch that a transform needs, in values, for a tile with this many points. */
export const transformScratch = (points: number, lanes: number): number => points * lanes

/** First transforms every row, then every column of the result. Afterwards the pointers are where they were before. */
export function writeTransform(b: ProgramBuilder, transform: Transform2d): void {
  const { source, sink, beside, scratch, finish = (value) => value } = transform
  const horizontal = sharedSums(transform.horizontal)
  const vertical = sharedSums(transform.vertical)
  const [sourceRows, sinkColumns] = [vertical.inputs, horizontal.rows.length]
  const scratchRow = sinkColumns * b.vectorBytes
  b.walk(
    sourceRows,
    [
      [source.pointer, source.row],
      [scratch, scratchRow],
    ],
    () => {
      const values = Array.from({ length: horizontal.inputs }, (_, i) =>
        b.load(source.pointer, i * source.column),
      )
      writeSums(b, horizontal, values, (i, value) => b.store(scratch, i * b.vectorBytes, value))
    },
  )
  b.walk(
    sinkColumns,
    [
      [scratch, b.vectorBytes],
      [sink.pointer, sink.column],
      ...(beside ? [[beside.pointer, beside.column] as const] : []),
    ],
    () => {
      const values = Array.from({ length: sourceRows }, (_, i) => b.load(scratch, i * scratchRow))
      writeSums(b, vertical, values, (i, value) => b.store(sink.pointer, i * sink.row, finish(value, i)))
    },
  )
}

/** Calls `emit` with each row's sum as soon as it is computed, so that few sums are in registers at a time. */
function writeSums(
  b: ProgramBuilder,
  sums: SharedSums,
  inputs: readonly Vector[],
  emit: (row: number, value: Vector) => void,
): void {
  const made = new Map<number, Vector>(inputs.entries())
  const nodeOf = (node: number): Vector => {
    const known = made.get(node)
    if (known !== undefined) return known
    const vector = writeSum(b, sums.shared[node - sums.inputs]!, nodeOf)
    made.set(node, vector)
    return vector
  }
  for (const row of sums.order) emit(row, writeSum(b, sums.rows[row]!, nodeOf))
}

function writeSum(b: ProgramBuilder, terms: readonly Term[], nodeOf: (node: number) => Vector): Vector {
  if (terms.length === 0) return b.splat(0)
  for (const { node } of terms) nodeOf(node)
  const first = terms.find(({ factor }) => factor === 1) ?? terms[0]!
  const rest = terms.filter((term) => term !== first)
  const start = nodeOf(first.node)
  if (first.factor === 1 && rest.length === 0) return start
  const isFused = rest.some(({ factor }) => Math.abs(factor) !== 1)
  // Fused multiply-adds work in place: the copy costs no arithmetic.
  let sum = start
  if (first.factor !== 1) sum = b.mul(start, b.splat(first.factor))
  else if (isFused) sum = b.unary('copy', start)
  for (const { node, factor } of rest) {
    if (factor === 1) sum = b.add(sum, nodeOf(node))
    else if (factor === -1) sum = b.sub(sum, nodeOf(node))
    else b.fma(sum, nodeOf(node), b.splat(factor))
  }
  return sum
}
