/** factor * node */
export interface Term {
  readonly node: number
  readonly factor: number
}

/**
 * y = matrix * x as sums of the inputs and of terms that several rows share and that are computed once. Nodes are the
 * inputs, then `shared`, each made of earlier nodes; a row without terms is zero.
 */
export interface SharedSums {
  readonly inputs: number
  readonly shared: readonly (readonly Term[])[]
  readonly rows: readonly (readonly Term[])[]
  /** The order in which rows are best computed: rows that share much come one after the other. */
  readonly order: readonly number[]
}

type Matrix = readonly (readonly number[])[]

/**
 * The number of operations (a multiplication and its addition are one): one for each term of a sum, less one if any
 * term has factor 1, since the sum begins with it.
 */
export function operationsOf({ shared, rows }: Pick<SharedSums, 'shared' | 'rows'>): number {
  return [...shared, ...rows].reduce((total, terms) => {
    const isFirstFree = terms.some(({ factor }) => factor === 1)
    return total + terms.length - (isFirstFree ? 1 : 0)
  }, 0)
}

const known = new Map<string, SharedSums>()

/**
 * The sums of a matrix with few operations, found greedily. Points come in pairs p and -p, which make pairs of rows
 * that differ only in signs: half their sum and half their difference are added for one row and subtracted for the
 * other. In addition, two nodes that occur in the same proportion in several rows are summed once.
 */
export function sharedSums(matrix: Matrix): SharedSums {
  const key = JSON.stringify(matrix)
  let best = known.get(key)
  if (best) return best
  const pairs: [number, number][] = []
  best = withPairs(matrix, pairs)
  for (;;) {
    const free = matrix.map((_, row) => row).filter((row) => !pairs.flat().includes(row))
    const tries = free.flatMap((a, i) => free.slice(i + 1).map((b): [number, number] => [a, b]))
    const found = tries
      .map((pair) => ({ pair, sums: withPairs(matrix, [...pairs, pair]) }))
      .sort((a, b) => operationsOf(a.sums) - operationsOf(b.sums))[0]
    if (!found || operationsOf(found.sums) >= operationsOf(best)) break
    pairs.push(found.pair)
    best = found.sums
  }
  known.set(key, best)
  return best
}

/** Computes these pairs of rows from their halved sum and difference. */
function withPairs(matrix: Matrix, pairs: readonly (readonly [number, number])[]): SharedSums {
  const inputs = matrix[0]?.length ?? 0
  const paired = pairs.flat()
  const unpaired = matrix.map((values, row) => (paired.includes(row) ? values.map(() => 0) : values))
  const halves = pairs.flatMap(([a, b]) => [
    matrix[a]!.map((value, i) => (value + matrix[b]![i]!) / 2),
    matrix[a]!.map((value, i) => (value - matrix[b]![i]!) / 2),
  ])
  const { shared, rows: sums } = shareProportions(inputs, [...unpaired, ...halves])
  const halfAt = inputs + shared.length
  const rows = sums.slice(0, matrix.length)
  pairs.forEach(([a, b], i) => {
    const [even, odd] = [halfAt + 2 * i, halfAt + 2 * i + 1]
    rows[a] = [
      { node: even, factor: 1 },
      { node: odd, factor: 1 },
    ]
    rows[b] = [
      { node: even, factor: 1 },
      { node: odd, factor: -1 },
    ]
  })
  const single = matrix.map((_, row) => row).filter((row) => !paired.includes(row))
  return { inputs, shared: [...shared, ...sums.slice(matrix.length)], rows, order: [...paired, ...single] }
}

/** While two nodes occur in the same proportion in several sums, makes a shared node of them. */
function shareProportions(inputs: number, matrix: Matrix): { shared: Term[][]; rows: Term[][] } {
  const shared: Term[][] = []
  const sums = matrix.map((row) => new Map([...row.entries()].filter(([, factor]) => factor !== 0)))
  for (;;) {
    const counts = new Map<string, { a: number; b: number; ratio: number; count: number }>()
    for (const sum of sums) {
      for (const [a, factorA] of sum) {
        for (const [b, factorB] of sum) {
          if (a >= b) continue
          const ratio = factorB / factorA
          const key = `${a} ${b} ${ratio}`
          const found = counts.get(key)
          if (found) found.count++
          else counts.set(key, { a, b, ratio, count: 1 })
        }
      }
    }
    const most = [...counts.values()].sort((a, b) => b.count - a.count)[0]
    if (!most || most.count < 2) break
    const { a, b, ratio } = most
    const both = sums.filter((sum) => sum.has(a) && sum.has(b) && sum.get(b)! / sum.get(a)! === ratio)
    // Chooses the one of the two that more of these sums have with factor 1: they will then have the new node with
    // factor 1.
    const ofNode = (node: number) => both.filter((sum) => sum.get(node) === 1).length
    // But only if the factor is exact in float32.
    const isSwapped = ofNode(b) > ofNode(a) && Math.fround(1 / ratio) === 1 / ratio
    const [one, other] = isSwapped ? [b, a] : [a, b]
    const node = inputs + shared.length
    shared.push([
      { node: one, factor: 1 },
      { node: other, factor: isSwapped ? 1 / ratio : ratio },
    ])
    for (const sum of both) {
      const factor = sum.get(one)!
      sum.delete(a)
      sum.delete(b)
      sum.set(node, factor)
    }
  }
  return {
    shared,
    rows: sums.map((sum) => [...sum].map(([node, factor]) => ({ node, factor }))),
  }
}
