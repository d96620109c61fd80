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

/** All runs together take about so long. */
const TIME_MS = 900
/** Runs of one variant that follow each other, so that it finds in the caches what it would find there in a session. */
const RUNS_IN_TURN = 3
const MOST_RUNS = 30
const MOST_VARIANTS = 6
/** A plan with more multiply-adds would take too long. */
const MOST_MULTIPLY_ADDS = 8e9
/** A rival must take less than this share of the time of the one that was fastest alone: less is noise. */
const LEAST_GAIN = 0.97

/** Whether the candidates of a plan's steps are to be decided by running it. */
export const hasRunOff = (plan: Plan, target: CodeTarget): boolean =>
  plan.pass === 'forward' && !target.tiersUp && multiplyAddsOfAll(plan.steps) <= MOST_MULTIPLY_ADDS

/**
 * Alone and on one thread, a step has all of the memory's bandwidth and finds other things in the caches than between
 * its neighbours: with few images that decides. `chosen` has a candidate for each step, which those without a contest
 * keep. Null if there is not enough memory.
 */
export async function runOff(
  plan: Plan,
  contests: readonly Contest[],
  chosen: readonly Candidate[],
  stepChoices: StepChoices,
  { target, threads, memoryBytes, layOut, findSegments, runMs, isBudgetSpent, signal }: RunOffContext,
): Promise<readonly Winner[] | null> {
  const most = Math.max(0, ...contests.map(({ rivals }) => rivals.length))
  const affordable = Math.max(2, Math.floor(TIME_MS / (RUNS_IN_TURN * runMs)))
  const variants = Math.min(most, MOST_VARIANTS, affordable)
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
    const times = new Map(contests.map((contest) => [contest, contest.rivals.map((): number[] => [])]))
    const startMs = performance.now()
    for (let done = 0; done < MOST_RUNS; done += RUNS_IN_TURN) {
      if (done > 0 && (isBudgetSpent() || performance.now() - startMs > TIME_MS)) break
      for (const [variant, run] of runs.entries()) {
        for (let i = 0; i < RUNS_IN_TURN; i++) {
          const stepMs = await run()
          for (const [{ steps, rivals }, lists] of times)
            lists[variant % rivals.length]!.push(steps.reduce((sum, step) => sum + stepMs[step]!, 0))
        }
      }
    }
    return contests.map((contest): Winner => {
      const sums = times.get(contest)!.map(median)
      const fastest = sums.indexOf(Math.min(...sums))
      const winner = sums[fastest]! < LEAST_GAIN * sums[0]! ? fastest : 0
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
const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[values.length >> 1] ?? Infinity
