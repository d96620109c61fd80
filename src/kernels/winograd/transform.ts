import type { Pointer, ProgramBuilder, Vector } from '../../codegen/program.ts'

/** factor * node */
export interface Term {
  readonly node: number
  readonly factor: number
}

/**
 * y = matrix * x as sums: of inputs, and of what several rows have in common, made once. Nodes are the inputs, then `shared`
 * in their order; a row without terms is zero.
 */
export interface SharedSums {
  readonly inputs: number
  readonly shared: readonly (readonly Term[])[]
  readonly rows: readonly (readonly Term[])[]
}

/** Multiplications, additions and fused ones: a term each, but a sum's first if its factor is 1. */
export function operationsOf({ shared, rows }: SharedSums): number {
  return [...shared, ...rows].reduce((total, terms) => {
    const free = terms.some(({ factor }) => factor === 1) ? 1 : 0
    return total + terms.length - free
  }, 0)
}

/**
 * Points come in pairs p and -p, so columns do that are equal but for signs: their sum and difference serve all rows. And so
 * do rows: what two have in common and what is opposite in them are added for one and subtracted for the other.
 */
export function sharedSums(matrix: readonly (readonly number[])[]): SharedSums {
  const inputs = matrix[0]?.length ?? 0
  let columns = Array.from({ length: inputs }, (_, node) => ({
    node,
    values: matrix.map((row) => row[node]!),
    isPaired: false,
  }))
  const shared: Term[][] = []
  const addShared = (terms: Term[]): number => inputs + shared.push(terms) - 1

  for (let j = 0; j < inputs; j++) {
    for (let k = j + 1; k < inputs; k++) {
      const [a, b] = [columns.find(({ node }) => node === j), columns.find(({ node }) => node === k)]
      if (!a || !b) continue
      if (!a.values.every((value, i) => Math.abs(value) === Math.abs(b.values[i]!))) continue
      const same = a.values.map((value, i) => (value === b.values[i] ? value : 0))
      const opposite = a.values.map((value, i) => (value === b.values[i] ? 0 : value))
      const made = [same, opposite].filter((values) => values.some((value) => value !== 0))
      if (a.values.filter((value) => value !== 0).length <= made.length) continue
      columns = columns.filter((column) => column !== a && column !== b)
      for (const values of made) {
        const factor = values === same ? 1 : -1
        const node = addShared([
          { node: j, factor: 1 },
          { node: k, factor },
        ])
        columns.push({ node, values, isPaired: true })
      }
    }
  }

  const termsOf = (values: (column: (typeof columns)[number]) => number): Term[] =>
    columns
      .map((column) => ({ node: column.node, factor: values(column) }))
      .filter(({ factor }) => factor !== 0)
  const rows: Term[][] = matrix.map((_, i) => termsOf(({ values }) => values[i]!))
  const isPaired = matrix.map(() => false)
  for (let i = 0; i < rows.length; i++) {
    for (let j = i + 1; j < rows.length; j++) {
      if (isPaired[i] || isPaired[j]) continue
      const common = termsOf(({ values }) => (values[i]! + values[j]!) / 2)
      const opposite = termsOf(({ values }) => (values[i]! - values[j]!) / 2)
      const before = { inputs, shared: [], rows: [rows[i]!, rows[j]!] }
      const after = { inputs, shared: [], rows: [common, opposite] }
      if (operationsOf(after) + 2 >= operationsOf(before)) continue
      const [even, odd] = [addShared(common), addShared(opposite)]
      for (const [row, factor] of [
        [i, 1],
        [j, -1],
      ] as const) {
        rows[row] = [
          { node: even, factor: 1 },
          { node: odd, factor },
        ]
        isPaired[row] = true
      }
    }
  }
  return { inputs, shared, rows }
}

/** Calls `emit` with each row's sum, one after the other, so that few are in registers at a time. */
export function writeSums(
  b: ProgramBuilder,
  sums: SharedSums,
  inputs: readonly Vector[],
  emit: (row: number, value: Vector) => void,
): void {
  const nodes = [...inputs]
  for (const terms of sums.shared) nodes.push(writeSum(b, terms, nodes))
  sums.rows.forEach((terms, row) => {
    emit(row, writeSum(b, terms, nodes))
  })
}

function writeSum(b: ProgramBuilder, terms: readonly Term[], nodes: readonly Vector[]): Vector {
  if (terms.length === 0) return b.splat(0)
  // A sum begins with a product, to which others are added in place, or else with a node as it is.
  const first =
    terms.find(({ factor }) => Math.abs(factor) !== 1) ??
    terms.find(({ factor }) => factor === 1) ??
    terms[0]!
  let sum = first.factor === 1 ? nodes[first.node]! : b.mul(nodes[first.node]!, b.splat(first.factor))
  for (const { node, factor } of terms) {
    if (node === first.node) continue
    if (factor === 1) sum = b.add(sum, nodes[node]!)
    else if (factor === -1) sum = b.sub(sum, nodes[node]!)
    else b.fma(sum, nodes[node]!, b.splat(factor))
  }
  return sum
}

/** vertical * X * horizontal transposed, for one vector of each value of X. */
export interface Transform2d {
  /** Outputs by those inputs that there are: what lies outside is not read. */
  readonly vertical: readonly (readonly number[])[]
  readonly horizontal: readonly (readonly number[])[]
  /** Steps in bytes. */
  readonly source: { readonly pointer: Pointer; readonly row: number; readonly column: number }
  readonly sink: { readonly pointer: Pointer; readonly row: number; readonly column: number }
  /** Room for inputs of `vertical` by outputs of `horizontal` vectors. */
  readonly scratch: Pointer
  /** What becomes of a value before it is stored. */
  readonly finish?: (value: Vector) => Vector
}

/** Scratch that a transform needs, in values, by the points of a tile. */
export const transformScratch = (points: number, lanes: number): number => points * lanes

/** First every row, then every column of what that made. The pointers stand where they stood when it is done. */
export function writeTransform(b: ProgramBuilder, transform: Transform2d): void {
  const { source, sink, scratch, finish = (value) => value } = transform
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
    ],
    () => {
      const values = Array.from({ length: sourceRows }, (_, i) => b.load(scratch, i * scratchRow))
      writeSums(b, vertical, values, (i, value) => b.store(sink.pointer, i * sink.row, finish(value)))
    },
  )
}
