import { cumsum } from 'd3-array'
import { median } from 'simple-statistics'
import { criticalRank, mannWhitneyTail, medianByRank, valuesOfRanks } from './rank-tests.ts'
import type { Result, Run } from './result.ts'

/** A run compared with the same run of a baseline. */
export interface GateFinding {
  readonly pass: Run['pass']
  /** `x64 avx512, 2 threads` */
  readonly engine: string
  /** How many times as long a batch takes as in the baseline. */
  readonly slowdown: number
  /** 95% interval of the slowdown. */
  readonly interval: readonly [number, number]
  /** Slower than the limit allows, and not by chance. */
  readonly isRegression: boolean
  /** Whether both have rounds; otherwise stretches of samples are compared. */
  readonly hasRounds: boolean
}

export type GateResult =
  | { readonly kind: 'compared'; readonly findings: readonly GateFinding[] }
  /** The differences, in words. */
  | { readonly kind: 'not comparable'; readonly reasons: readonly string[] }

const SIGNIFICANCE = 0.05
/** Consecutive samples depend on each other, so without rounds only this many stretches of them are compared. */
const STRETCHES = 8
/** Stretches of one process are more alike than rounds, so a difference must be this many times as large. */
const CAUTION = 2

/** Compares each run of the result with the baseline's run of the same pass and engine. */
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
    const fields = ['network', 'imageSize', 'imageWidth', 'batch', 'algorithm'] as const
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
        reasons.push(`${run.pass}: ${name} has samples that its clock measured as 0; use a larger batch`)
    }
    return reasons.length > 0 ? [] : [findingOf(run, same, hasRounds, failAbove)]
  })
  if (result.runs.length === 0) reasons.push('the result has no run')
  return reasons.length > 0 ? { kind: 'not comparable', reasons } : { kind: 'compared', findings }
}

const engineOf = ({ engine: { name, target, threads } }: Run): string =>
  `${name} ${target}, ${threads} ${threads === 1 ? 'thread' : 'threads'}`

/** Mann and Whitney's test over rounds, with its estimate and interval (Hodges & Lehmann 1963). */
function findingOf(run: Run, baseline: Run, hasRounds: boolean, failAbove: number): GateFinding {
  const [own, others] = [run, baseline].map((each) => mediansOf(each, hasRounds)) as [number[], number[]]
  const count = own.length * others.length
  const differences = new Float64Array(count)
  own.forEach((a, i) => {
    others.forEach((b, j) => {
      differences[i * others.length + j] = Math.log(a / b)
    })
  })
  const outside = criticalRank(mannWhitneyTail(own.length, others.length), count, SIGNIFICANCE)
  const estimate = medianByRank(differences)
  const reach = hasRounds ? 1 : CAUTION
  const [low, high] = valuesOfRanks(differences, [outside, count - 1 - outside]).map(
    (value) => estimate + reach * (value - estimate),
  ) as [number, number]
  return {
    pass: run.pass,
    engine: engineOf(run),
    slowdown: Math.exp(estimate),
    interval: [Math.exp(low), Math.exp(high)],
    isRegression: low > 0 && Math.exp(estimate) > 1 + failAbove,
    hasRounds,
  }
}

/** The medians of rounds, or of equal stretches, in milliseconds. */
function mediansOf({ samplesMs, rounds }: Run, hasRounds: boolean): number[] {
  const ends = hasRounds
    ? [...cumsum(rounds!)]
    : Array.from({ length: STRETCHES }, (_, i) => Math.floor(((i + 1) * samplesMs.length) / STRETCHES))
  return ends.map((end, i) => median(samplesMs.slice(ends[i - 1] ?? 0, end)))
}
