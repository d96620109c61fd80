import { clockResolution } from './clock.ts'
import { type Code, loadCodes } from './code.ts'
import { throwIfToldToEnd } from './gate.ts'
import { ownMemory } from './heap.ts'
import { type LoadedStage, runTask } from './tasks.ts'

/** Candidates of one step, each with its memory laid out somewhere where nothing else runs. */
export interface MeasureRequest {
  readonly codes: readonly Code[]
  readonly candidates: readonly {
    /** Of every run, beside the stages of all images. */
    readonly prologue: readonly LoadedStage[]
    readonly stages: readonly LoadedStage[]
    readonly threadScratch: number
  }[]
  /**
   * Memory to fill the caches with before each sample: other steps will have used them when this one's turn comes. Null if
   * the step's data stay in the caches.
   */
  readonly evicted: EvictedMemory | null
  /** How many times as many images there are as the stages are of. */
  readonly repeats: number
  /** That will share each stage's tasks. */
  readonly threads: number
}

/** It is lent, not made here: a worker that blocks between its runs would never give back what it made. */
export interface EvictedMemory {
  /** Null for the worker's own. */
  readonly memory: ArrayBufferLike | null
  readonly byteOffset: number
}

export interface MeasureResult {
  /** For each candidate: what the whole step would take, times the threads. */
  readonly estimatesMs: readonly number[]
}

/** Long enough for the clock, short enough that a start stays fast. */
const SAMPLE_MS = 0.8
/** Steps of the clock in the shortest time worth measuring. */
const CLOCK_STEPS = 2
const MEASURED_ROUNDS = 2
/** V8 runs WASM in its baseline compiler first. A candidate that still gets faster by this factor is not there yet. */
const TIERING_FACTOR = 1.25
const MAX_ROUNDS = 12
/** How near a second sample must be to the lowest, and how often it is looked for beyond the rounds of all. */
const CONFIRMING_FACTOR = 1.25
const CONFIRMING_ROUNDS = 6
const RUN_OFF_FACTOR = 1.15
const RUN_OFF_ROUNDS = 4

/** Browsers make it coarse, and looking at it takes a while then. */
let clockMs: number | null = null

/** Measures on the calling thread. All candidates in turn, so that the optimising compiler works on the others meanwhile. */
export async function measureCandidates({
  codes,
  candidates,
  evicted,
  threads,
  repeats,
}: MeasureRequest): Promise<MeasureResult> {
  const kernels = await loadCodes(codes)
  const evict = evicted ? cacheEvictor(evicted) : () => 0
  const estimate = (
    { prologue, stages, threadScratch }: MeasureRequest['candidates'][number],
    sampleMs: number,
  ): number => {
    throwIfToldToEnd()
    evict()
    const timeOf = (some: readonly LoadedStage[]): number =>
      some.reduce((total, { parts }) => {
        const times = parts.map((part) => {
          const kernel = kernels[part.program]!
          const run = (task: number) => runTask(part, kernel, task, threadScratch)
          return { tasks: part.tasks, taskMs: timeTask(part.tasks, run, sampleMs, leastMs) }
        })
        return total + threads * stageTime(times, threads)
      }, 0)
    return timeOf(prologue) + repeats * timeOf(stages)
  }

  clockMs ??= clockResolution()
  const leastMs = CLOCK_STEPS * clockMs
  const sampleMs = Math.max(SAMPLE_MS, leastMs)
  return {
    estimatesMs: lowestTimes(candidates.length, (candidate, isFirst) =>
      estimate(candidates[candidate]!, isFirst ? 0 : sampleMs),
    ),
  }
}

/**
 * The lowest time of each candidate over samples in turns: what else runs on the machine only ever adds to a time.
 * `sample` takes one of a candidate's. A lowest time counts once a second sample is near it; if none is, all of them may
 * have been hit, and the candidate is measured again.
 */
export function lowestTimes(
  candidates: number,
  sample: (candidate: number, isFirst: boolean) => number,
): number[] {
  const all = Array.from({ length: candidates }, (_, candidate) => candidate)
  const lowest = all.map((candidate) => sample(candidate, true))
  const secondLowest = all.map(() => Infinity)
  const take = (candidate: number): number => {
    const ms = sample(candidate, false)
    const [low, second] = [lowest[candidate]!, secondLowest[candidate]!]
    lowest[candidate] = Math.min(low, ms)
    secondLowest[candidate] = Math.min(second, Math.max(low, ms))
    return ms
  }
  for (let round = 0, settled = 0; settled < MEASURED_ROUNDS && round < MAX_ROUNDS; round++) {
    let isSettled = true
    for (const candidate of all) {
      const before = lowest[candidate]!
      if (take(candidate) * TIERING_FACTOR < before) isSettled = false
    }
    if (isSettled) settled++
  }
  const isConfirmed = (candidate: number) =>
    secondLowest[candidate]! <= CONFIRMING_FACTOR * lowest[candidate]!
  for (let round = 0; round < CONFIRMING_ROUNDS; round++) {
    const open = all.filter((candidate) => !isConfirmed(candidate))
    if (open.length === 0) break
    open.forEach(take)
  }
  // A run-off among the best: a neighbour's noise in one short sample must not choose.
  const limit = Math.min(...lowest) * RUN_OFF_FACTOR
  const inRunOff = all.filter((candidate) => lowest[candidate]! <= limit)
  for (let round = 0; round < RUN_OFF_ROUNDS && inRunOff.length > 1; round++) inRunOff.forEach(take)
  return lowest
}

/**
 * The time of a task: the mean of as many as fit `sampleMs`, and at least one. Where all of them together take less
 * than `leastMs` they are done again. Begins when the clock has just moved on, so that few of its steps are enough.
 */
function timeTask(tasks: number, run: (task: number) => void, sampleMs: number, leastMs: number): number {
  const before = performance.now()
  let start = before
  while (start === before) start = performance.now()
  let elapsedMs = 0
  let done = 0
  do {
    run(done++ % tasks)
    elapsedMs = performance.now() - start
  } while (elapsedMs < leastMs || (elapsedMs < sampleMs && done < tasks))
  return elapsedMs / done
}

/**
 * How long threads take for a stage, each taking the next task when it is free: where tasks are few some threads wait, and
 * a single task takes as long on all of them.
 */
export function stageTime(
  parts: readonly { readonly tasks: number; readonly taskMs: number }[],
  threads: number,
): number {
  const busyMs = new Array<number>(threads).fill(0)
  for (const { tasks, taskMs } of parts) {
    // What all threads do alike is not counted one by one.
    const rounds = Math.floor(tasks / threads)
    for (let thread = 0; thread < threads; thread++) busyMs[thread]! += rounds * taskMs
    for (let task = rounds * threads; task < tasks; task++) {
      const next = busyMs.indexOf(Math.min(...busyMs))
      busyMs[next]! += taskMs
    }
  }
  return Math.max(...busyMs)
}

/** What a last-level cache holds for one core, and more. */
export const EVICTED_BYTES: number = 24 * 2 ** 20
const CACHE_LINE_BYTES = 64

/** Fills the caches with something else. Returns what it read, so that it is read. */
function cacheEvictor({ memory, byteOffset }: EvictedMemory): () => number {
  const length = EVICTED_BYTES / Float32Array.BYTES_PER_ELEMENT
  const values = new Float32Array(memory ?? ownMemory(0).buffer, byteOffset, length)
  values.fill(1) // pages that nobody wrote to are all the same one
  const step = CACHE_LINE_BYTES / Float32Array.BYTES_PER_ELEMENT
  return () => {
    let sum = 0
    for (let i = 0; i < values.length; i += step) sum += values[i]!
    return sum
  }
}
