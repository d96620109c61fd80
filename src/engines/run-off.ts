// Decides between candidates that are about equally fast alone, by running the whole plan with each of them.
import { FLOAT_BYTES } from '../codegen/program.ts'
import type { Candidate } from '../kernels/kernel.ts'
import type { LayOutMemory } from '../plan/memory.ts'
import { BEFORE_ALL, type Plan } from '../plan/plan.ts'
import { startComputeWorkers } from '../runtime/compute-workers.ts'
import type { MemoryBlock } from '../runtime/heap.ts'
import { SharedExecutor } from '../runtime/shared-executor.ts'
import { endAll } from '../runtime/worker-pool.ts'
import { type Assembly, assemble, loadStages } from './assemble.ts'
import type { SegmentsOf } from './segments.ts'
import type { StepChoices } from './step-choices.ts'
import { multiplyAddsOfAll } from './step-cost.ts'
import { type CodeTarget, type CompiledPrograms, collectPrograms } from './target.ts'

/** Steps that share a choice, and the candidates for it; the one that was fastest alone comes first. */
export interface Contest {
  /** By index in the plan. */
  readonly steps: readonly number[]
  readonly rivals: readonly Candidate[]
}

export interface Winner {
  readonly candidate: Candidate
  /** How long the contest's first step took with it in runs of the whole plan. */
  readonly ms: number
}

export interface RunOffContext {
  readonly target: CodeTarget
  readonly threads: number
  readonly memoryBytes: number
  readonly layOut?: LayOutMemory | undefined
  readonly findSegments?: SegmentsOf | undefined
  /** How long a run of the plan probably takes. */
  readonly runMs: number
  isBudgetSpent(): boolean
  readonly signal?: AbortSignal | undefined
}

/** How a plan's candidates are compared in its runs. */
export interface RunOffRules {
  /** All runs together take about so long, but each variant has `leastTurns`. */
  readonly timeMs: number
  /** Runs that are not counted, where few are. */
  readonly warmUpRuns: number
  readonly leastTurns: number
  /** Runs of one variant that follow each other, so that it finds in the caches what it would find there in a session. */
  readonly runsInTurn: number
  readonly mostVariants: number
  /** A rival must take less than this share of the time of the one that was fastest alone: less is noise. */
  readonly leastGain: number
  /** The fastest of each algorithm come first. */
  readonly hasLeadersFirst: boolean
  /** Each step alone is then measured only roughly. */
  readonly isPreliminary: boolean
}

const OF_SHORT_RUNS: RunOffRules = {
  timeMs: 900,
  warmUpRuns: 0,
  leastTurns: 1,
  runsInTurn: 3,
  mostVariants: 6,
  leastGain: 0.97,
  hasLeadersFirst: false,
  isPreliminary: true,
}
/** A run may take a second: there is time for the fastest of each algorithm, which differ most in how they use memory. */
const OF_LONG_RUNS: RunOffRules = {
  timeMs: 0,
  warmUpRuns: 1,
  leastTurns: 2,
  runsInTurn: 1,
  mostVariants: 2,
  leastGain: 0.95,
  hasLeadersFirst: true,
  isPreliminary: false,
}
const MOST_RUNS = 30
const SHORT_MULTIPLY_ADDS = 8e9
/** A plan with more would take too long. */
const MOST_MULTIPLY_ADDS = 3e11

/** How the candidates of a plan's steps are to be decided by running it; null if they are not. */
export function runOffRules(plan: Plan, target: CodeTarget): RunOffRules | null {
  // What is made again counts once, so that the candidates are chosen as without it.
  const multiplyAdds = multiplyAddsOfAll(plan.steps.filter(({ pass }) => pass !== 'remake'))
  if (target.tiersUp || multiplyAdds > MOST_MULTIPLY_ADDS) return null
  if (multiplyAdds <= SHORT_MULTIPLY_ADDS) return OF_SHORT_RUNS
  return plan.pass === 'forward' ? null : OF_LONG_RUNS
}

/** The fastest of each algorithm first, in their order. */
function leadersFirst(rivals: readonly Candidate[]): readonly Candidate[] {
  const isLeader = ({ algorithm }: Candidate, i: number): boolean =>
    rivals.findIndex((each) => each.algorithm === algorithm) === i
  return [...rivals.filter(isLeader), ...rivals.filter((rival, i) => !isLeader(rival, i))]
}

/**
 * Alone and on one thread, a step has all of the memory's bandwidth and finds other things in the caches than between
 * its neighbours: with few images that decides. `chosen` has a candidate for each step, which those without a contest
 * keep. Null if there is not enough memory.
 */
export async function runOff(
  plan: Plan,
  rules: RunOffRules,
  given: readonly Contest[],
  chosen: readonly Candidate[],
  stepChoices: StepChoices,
  { target, threads, memoryBytes, layOut, findSegments, runMs, isBudgetSpent, signal }: RunOffContext,
): Promise<readonly Winner[] | null> {
  const { timeMs, warmUpRuns, leastTurns, runsInTurn, mostVariants, leastGain, hasLeadersFirst } = rules
  const contests = hasLeadersFirst
    ? given.map(({ steps, rivals }) => ({ steps, rivals: leadersFirst(rivals) }))
    : given
  const most = Math.max(0, ...contests.map(({ rivals }) => rivals.length))
  const affordable = timeMs > 0 ? Math.max(2, Math.floor(timeMs / (runsInTurn * runMs))) : mostVariants
  const variants = Math.min(most, mostVariants, affordable)
  const contestOf = new Map(contests.flatMap((contest) => contest.steps.map((step) => [step, contest])))
  const rivalOf = ({ rivals }: Contest, variant: number): Candidate => rivals[variant % rivals.length]!
  const assemblies = Array.from({ length: variants }, (_, variant) => {
    const implementations = plan.steps.map((step, i) => {
      const contest = contestOf.get(i)
      return stepChoices.build(step, contest ? rivalOf(contest, variant) : chosen[i]!)
    })
    return assemble(plan, implementations, { layOut, findSegments, threads })
  })
  const slabBytes = Math.max(...assemblies.map(({ layout }) => layout.byteLength))
  const scratchBytes = Math.max(...assemblies.map(({ threadScratch }) => threadScratch.byteLength))
  const byteLength = slabBytes + threads * scratchBytes
  if (byteLength > memoryBytes) return null

  const workers = startComputeWorkers(threads)
  let slab: MemoryBlock | null = null
  let compiled: CompiledPrograms | null = null
  try {
    slab = target.allocate(byteLength)
    const memory = new Uint8Array(slab.buffer!, slab.byteOffset, byteLength)
    for (const assembly of assemblies)
      for (const [from, to] of givenRanges(assembly)) memory.fill(0, from, to)
    const programs = collectPrograms(target)
    const loaded = assemblies.map((assembly) => loadStages(assembly, slab!.address, programs.add))
    compiled = await programs.compile()
    const executor = await SharedExecutor.load(workers, {
      memory: slab.buffer,
      codes: compiled.codes,
      stages: loaded.flatMap(({ run }) => run),
      threadScratch: slab.address + slabBytes,
      threadScratchByteLength: scratchBytes,
    })
    let firstStage = 0
    const runs = loaded.map(({ run, ofSteps }) => {
      const first = firstStage
      firstStage += run.length
      const stagesOf = ofSteps.map(({ length }) => length)
      return async (): Promise<number[]> => {
        // Its signal ends the run alone: a worker that is ended meanwhile may never say that it has left the run.
        await executor.run(first, first + run.length, signal)
        const stages = executor.stageTimesMs(first, first + run.length)
        let at = 0
        return stagesOf.map((length) => {
          at += length
          return stages.slice(at - length, at).reduce((sum, ms) => sum + ms, 0)
        })
      }
    })
    // The first run touches pages that are new to the process.
    for (let i = 0; i < warmUpRuns; i++) await runs[0]!()
    const times = new Map(contests.map((contest) => [contest, contest.rivals.map((): number[] => [])]))
    const startMs = performance.now()
    for (let done = 0; done < MOST_RUNS; done += runsInTurn) {
      const isLate = done >= leastTurns * runsInTurn && performance.now() - startMs >= timeMs
      if (done > 0 && (isBudgetSpent() || isLate)) break
      for (const [variant, run] of runs.entries()) {
        for (let i = 0; i < runsInTurn; i++) {
          const stepMs = await run()
          for (const [{ steps, rivals }, lists] of times)
            lists[variant % rivals.length]!.push(steps.reduce((sum, step) => sum + stepMs[step]!, 0))
        }
      }
    }
    return contests.map((contest): Winner => {
      const sums = times.get(contest)!.map(median)
      const fastest = sums.indexOf(Math.min(...sums))
      const winner = sums[fastest]! < leastGain * sums[0]! ? fastest : 0
      return { candidate: contest.rivals[winner]!, ms: sums[winner]! / contest.steps.length }
    })
  } catch (error) {
    signal?.throwIfAborted() // that the run was interrupted says less than why
    throw error
  } finally {
    // Code and memory are freed only when no worker can be running in them.
    await endAll(workers)
    compiled?.free()
    slab?.free()
  }
}

/**
 * The bytes that a run reads and does not write, such as packed weights. They must have been written once: pages that
 * never were are all the same one, which is always in the cache.
 */
function givenRanges({ buffers, implementations, layout, privateBuffers }: Assembly): [number, number][] {
  const read = new Set<number>()
  for (const [step, { stages }] of implementations.entries()) {
    for (const { place } of stages.flatMap(({ parts }) =>
      parts.flatMap((part) => Object.values(part.arguments)),
    )) {
      if (place.kind === 'buffer') read.add(place.buffer)
      if (place.kind === 'private') read.add(privateBuffers[step]![place.index]!)
    }
  }
  return buffers
    .filter(({ id, firstStep }) => read.has(id) && firstStep === BEFORE_ALL)
    .map(({ id, length }) => {
      const from = layout.byteOffsets.get(id)!
      return [from, from + length * FLOAT_BYTES]
    })
}

/**
 * Infinity if there are none. Not the least: stages end by the first thread's clock, and if that thread was late at the
 * end of one stage, the next one seems short.
 */
function median(values: readonly number[]): number {
  if (values.length === 0) return Infinity
  const sorted = [...values].sort((a, b) => a - b)
  return (sorted[(sorted.length - 1) >> 1]! + sorted[sorted.length >> 1]!) / 2
}
