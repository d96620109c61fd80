import type { Result } from '../bench/result.ts'

export interface ResultTitle {
  /** What kind of measurement it is. */
  readonly kind: 'comparison' | 'benchmark'
  /** `x64, wasm and wasm@1 compared on lenet`, `lenet on x64`. */
  readonly text: string
}

/** What a result is about, derived from its contents. */
export function titleOf(result: Result): ResultTitle {
  const { runs, comparisons = [] } = result
  const kind = isComparison(result) ? 'comparison' : 'benchmark'
  if (runs.length === 0) return { kind, text: 'no run' }
  const networks = listed(runs.map(({ network }) => network))
  const names = listed(runs.map(({ engine }) => engine.name))
  if (kind === 'benchmark') return { kind, text: `${networks} on ${names}` }
  // The fastest and the engines it was compared with; without a verdict, the engines in the order they were given
  const specs = comparisons.flatMap(({ engine, baseline }) => [engine, baseline])
  return { kind, text: `${specs.length > 0 ? listed(specs) : names} compared on ${networks}` }
}

/**
 * A comparison has this list, which is empty if it was stopped too early. A benchmark may have rounds, but it has no
 * such list.
 */
export const isComparison = ({ comparisons }: Result): boolean => comparisons !== undefined

/** `a, b and c`, each once. */
function listed(words: readonly string[]): string {
  const each = [...new Set(words)]
  return each.length < 2 ? each.join('') : `${each.slice(0, -1).join(', ')} and ${each.at(-1)}`
}
