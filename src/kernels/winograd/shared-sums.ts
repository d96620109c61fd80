/** factor * node */
export interface Term {
  readonly node: number
  readonly factor: number
}

/**
 * y = matrix * x as sums: of inputs, and of what several rows have in common, made once. Nodes are the inputs, then `shared`,
 * each made of nodes before it; a row without terms is zero.
 */
export interface SharedSums {
  readonly inputs: number
  readonly shared: readonly (readonly Term[])[]
  readonly rows: readonly (readonly Term[])[]
  /** In which rows are best made: those that share much, one after the other. */
  readonly order: readonly number[]
}

type Matrix = readonly (readonly number[])[]

/** Additions, and multiplications fused with them: one for each term of a sum but the first, if that has factor 1. */
export function operationsOf({ shared, rows }: Pick<SharedSums, 'shared' | 'rows'>): number {
  return [...shared, ...rows].reduce((total, terms) => {
    const isFirstFree = terms.some(({ factor }) => factor === 1)
    return total + terms.length - (isFirstFree ? 1 : 0)
  }, 0)
}

const known = new Map<string, SharedSums>()

/**
 * The sums of a matrix with few operations, found greedily. Points come in pairs p and -p, so rows do that are equal but for
 * signs: half their sum and half their difference are added for one and subtracted for the other. And whatever two nodes
 * are in the same proportion in several rows, that sum is made once.
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

/** With these pairs of rows made of their halved sum and difference. */
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

/** As long as two nodes are in one proportion in several sums: makes that once. */
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
    // Of the two, the one that more of these sums have as it is: they will have the new node as it is.
    const ofNode = (node: number) => both.filter((sum) => sum.get(node) === 1).length
    // Where that takes no factor that float32 would round.
    const isTurned = ofNode(b) > ofNode(a) && Math.fround(1 / ratio) === 1 / ratio
    const [one, other] = isTurned ? [b, a] : [a, b]
    const node = inputs + shared.length
    shared.push([
      { node: one, factor: 1 },
      { node: other, factor: isTurned ? 1 / ratio : ratio },
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
