import { clockResolution } from './clock.ts'
import { type Code, loadCodes } from './code.ts'
import { throwIfToldToEnd } from './gate.ts'
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
  /** Other steps will have used the caches when this one's turn comes: each sample begins without its data in them. */
  readonly isCold: boolean
  /** How many times as many images there are as the stages are of. */
  readonly repeats: number
  /** That will share each stage's tasks. */
  readonly threads: number
}

export interface MeasureResult {
  /** For each candidate: what the whole step would take, times the threads. */
  readonly estimatesMs: readonly number[]
}

/** Long enough for the clock, short enough that a start stays fast. */
const SAMPLE_MS = 0.8
/** That a time has at the least. */
const CLOCK_STEPS = 2
const MEASURED_ROUNDS = 2
/** V8 runs WASM in its baseline compiler first. A candidate that still gets faster by this factor is not there yet. */
const TIERING_FACTOR = 1.25
const MAX_ROUNDS = 12
const RUN_OFF_FACTOR = 1.15
const RUN_OFF_ROUNDS = 4

/** Browsers make it coarse, and looking at it takes a while then. */
let clockMs: number | null = null

/** Measures on the calling thread. All candidates in turn, so that the optimising compiler works on the others meanwhile. */
export async function measureCandidates({
  codes,
  candidates,
  isCold,
  threads,
  repeats,
}: MeasureRequest): Promise<MeasureResult> {
  const kernels = await loadCodes(codes)
  const evict = isCold ? cacheEvictor() : () => 0
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
  const best = candidates.map((candidate) => estimate(candidate, 0))
  for (let round = 0, settled = 0; settled < MEASURED_ROUNDS && round < MAX_ROUNDS; round++) {
    let isSettled = true
    candidates.forEach((candidate, i) => {
      const ms = estimate(candidate, sampleMs)
      if (ms * TIERING_FACTOR < best[i]!) isSettled = false
      best[i] = Math.min(best[i]!, ms)
    })
    if (isSettled) settled++
  }
  // A run-off among the best: a neighbour's noise in one short sample must not choose.
  const limit = Math.min(...best) * RUN_OFF_FACTOR
  const inRunOff = candidates.map((_, i) => i).filter((i) => best[i]! <= limit)
  for (let round = 0; round < RUN_OFF_ROUNDS && inRunOff.length > 1; round++) {
    for (const i of inRunOff) best[i] = Math.min(best[i]!, estimate(candidates[i]!, sampleMs))
  }
  return { estimatesMs: best }
}

/**
 * The time of a task: the mean of as many as fit `sampleMs`, and one at the least. Where all of them together take less
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
const EVICTED_BYTES = 24 * 2 ** 20
const CACHE_LINE_BYTES = 64

/** Fills the caches with something else. Returns what it read, so that it is read. */
function cacheEvictor(): () => number {
  const values = new Float32Array(EVICTED_BYTES / Float32Array.BYTES_PER_ELEMENT).fill(1)
  const step = CACHE_LINE_BYTES / Float32Array.BYTES_PER_ELEMENT
  return () => {
    let sum = 0
    for (let i = 0; i < values.length; i += step) sum += values[i]!
    return sum
  }
}
