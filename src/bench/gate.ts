import { median, medianSorted } from 'simple-statistics'
import type { Result, Run } from './result.ts'

/** One run beside the same of a baseline. */
export interface GateFinding {
  readonly pass: Run['pass']
  /** `x64 avx512, 2 threads` */
  readonly engine: string
  /** How many times as long a batch takes as in the baseline. */
  readonly slowdown: number
  /** 95% */
  readonly interval: readonly [number, number]
  /** Slower than the limit allows, and not by chance. */
  readonly isRegression: boolean
  /** Whether both have rounds; else stretches of samples stand for them. */
  readonly hasRounds: boolean
}

export type GateResult =
  | { readonly kind: 'compared'; readonly findings: readonly GateFinding[] }
  /** What differs, each in words. */
  | { readonly kind: 'not comparable'; readonly reasons: readonly string[] }

const SIGNIFICANCE = 0.05
/** Samples in a row depend on each other: without rounds so many stretches of them are compared, and no more. */
const STRETCHES = 8
/** Stretches of one process are more alike than rounds: what is found must be this many times as far. */
const CAUTION = 2

/** Each run of the result beside the baseline's run of the same pass and engine. */
export function gate(result: Result, baseline: Result, failAbove: number): GateResult {
  const reasons: string[] = []
  const processors = [result, baseline].map(({ environment }) => environment.processor)
  if (processors[0] !== processors[1])
    reasons.push(`the machine is '${processors[0]}', the baseline's '${processors[1]}'`)
  const findings = result.runs.flatMap((run): GateFinding[] => {
    const same = baseline.runs.find((other) => other.pass === run.pass && engineOf(other) === engineOf(run))
    if (!same) {
      reasons.push(`the baseline has no ${run.pass} on ${engineOf(run)}`)
      return []
    }
    const fields = ['network', 'imageSize', 'batch', 'algorithm'] as const
    const different = fields.filter((field) => run[field] !== same[field])
    reasons.push(
      ...different.map((field) => `${run.pass}: ${field} is ${run[field]}, the baseline's ${same[field]}`),
    )
    const hasRounds = [run, same].every(({ rounds }) => rounds !== undefined && rounds.length >= STRETCHES)
    for (const [name, each] of [
      ['the result', run],
      ['the baseline', same],
    ] as const) {
      const count = each.samplesMs.length
      if (count < STRETCHES)
        reasons.push(`${run.pass}: ${name} has ${count} samples; ${STRETCHES} or more are compared`)
      else if (mediansOf(each, hasRounds).includes(0))
        reasons.push(
          `${run.pass}: ${name} has samples in which its clock saw no time; a larger batch takes longer`,
        )
    }
    return reasons.length > 0 ? [] : [findingOf(run, same, hasRounds, failAbove)]
  })
  if (result.runs.length === 0) reasons.push('the result has no run')
  return reasons.length > 0 ? { kind: 'not comparable', reasons } : { kind: 'compared', findings }
}

const engineOf = ({ engine: { name, target, threads } }: Run): string =>
  `${name} ${target}, ${threads} ${threads === 1 ? 'thread' : 'threads'}`

/** Mann and Whitney's test over rounds, and the estimate and interval that belong to it (Hodges & Lehmann 1963). */
function findingOf(run: Run, baseline: Run, hasRounds: boolean, failAbove: number): GateFinding {
  const [own, others] = [run, baseline].map((each) => mediansOf(each, hasRounds)) as [number[], number[]]
  const differences = own.flatMap((a) => others.map((b) => Math.log(a / b))).sort((a, b) => a - b)
  const outside = criticalCount(own.length, others.length)
  const estimate = medianSorted(differences)
  const reach = hasRounds ? 1 : CAUTION
  const widened = (value: number) => estimate + reach * (value - estimate)
  const [low, high] = [
    widened(differences[outside]!),
    widened(differences[differences.length - 1 - outside]!),
  ]
  return {
    pass: run.pass,
    engine: engineOf(run),
    slowdown: Math.exp(estimate),
    interval: [Math.exp(low), Math.exp(high)],
    isRegression: low > 0 && Math.exp(estimate) > 1 + failAbove,
    hasRounds,
  }
}

/** Of each round, or each of some equal stretches, in milliseconds. */
function mediansOf({ samplesMs, rounds }: Run, hasRounds: boolean): number[] {
  const ends = hasRounds
    ? rounds!.map((_, i) => rounds!.slice(0, i + 1).reduce((sum, count) => sum + count, 0))
    : Array.from({ length: STRETCHES }, (_, i) => Math.floor(((i + 1) * samplesMs.length) / STRETCHES))
  return ends.map((end, i) => median(samplesMs.slice(ends[i - 1] ?? 0, end)))
}

/** How many of the pairwise differences lie outside of a 95% interval, on each side. */
function criticalCount(m: number, n: number): number {
  const ways = waysByCount(m, n)
  const all = ways.reduce((sum, count) => sum + count, 0)
  let outside = 0
  let below = ways[0]!
  while ((2 * (below + ways[outside + 1]!)) / all <= SIGNIFICANCE) below += ways[++outside]!
  return outside
}

/** Of all orders of m and n values, how many have so many pairs in which the first is the larger. */
function waysByCount(m: number, n: number): number[] {
  const memo = new Map<string, number[]>()
  const ways = (a: number, b: number): number[] => {
    if (a === 0 || b === 0) return [1]
    const key = `${a} ${b}`
    const known = memo.get(key)
    if (known) return known
    // The largest of all is one of the first, above all b others, or one of the others.
    const result = new Array<number>(a * b + 1).fill(0)
    ways(a - 1, b).forEach((count, pairs) => {
      result[pairs + b]! += count
    })
    ways(a, b - 1).forEach((count, pairs) => {
      result[pairs]! += count
    })
    memo.set(key, result)
    return result
  }
  return ways(m, n)
}
