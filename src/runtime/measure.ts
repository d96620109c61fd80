import { clockResolution } from './clock.ts'
import { type Code, loadCodes } from './code.ts'
import { throwIfToldToEnd } from './gate.ts'
import { ownMemory } from './heap.ts'
import { type LoadedStage, runTask } from './tasks.ts'

/** Candidates of one step, each with its own memory in which nothing else runs. */
export interface MeasureRequest {
  readonly codes: readonly Code[]
  readonly candidates: readonly {
    /** Runs once in every run, in addition to the stages of all images. */
    readonly prologue: readonly LoadedStage[]
    readonly stages: readonly LoadedStage[]
    readonly threadScratch: number
  }[]
  /**
   * Memory that is read before each sample to fill the caches, as other steps would before this one. Null if the step's
   * data stay in the caches.
   */
  readonly evicted: EvictedMemory | null
  /** The whole batch over the number of images that the stages cover. */
  readonly repeats: number
  /** How many threads will share each stage's tasks. */
  readonly threads: number
  /** Fewer samples are taken: the fastest are measured again. */
  readonly isPreliminary: boolean
}

/** Lent by the caller: a worker that blocks between its runs would never free memory that it allocated. */
export interface EvictedMemory {
  /** Null if it is the worker's own. */
  readonly memory: ArrayBufferLike | null
  readonly byteOffset: number
}

export interface MeasureResult {
  /** For each candidate, the estimated time of the whole step, times the number of threads. */
  readonly estimatesMs: readonly number[]
}

/** Long enough for the clock, and short enough for a fast start. */
const SAMPLE_MS = 0.8
/** Steps of the clock in the shortest time worth measuring. */
const CLOCK_STEPS = 2
const MEASURED_ROUNDS = 2
const PRELIMINARY_ROUNDS = 1
/** V8 first runs WASM in its baseline compiler. A candidate that still becomes faster by this factor has not left it. */
const TIERING_FACTOR = 1.25
const MAX_ROUNDS = 12
/** How near a second sample must be to the lowest, and how many more samples are taken to find one. */
const CONFIRMING_FACTOR = 1.25
const CONFIRMING_ROUNDS = 6
const RUN_OFF_FACTOR = 1.15
const RUN_OFF_ROUNDS = 4

/** The clock's resolution. Browsers make it coarse, and finding it out then takes a while. */
let clockMs: number | null = null

/**
 * Measures on the calling thread, alternating between the candidates, so that the optimising compiler works on the
 * others meanwhile.
 */
export async function measureCandidates({
  codes,
  candidates,
  evicted,
  threads,
  repeats,
  isPreliminary,
}: MeasureRequest): Promise<MeasureResult> {
  const kernels = await loadCodes(codes)
  // A sample goes on where the last one ended, so that it finds no more of its data in the caches than a run would.
  const nextTasks = new Map<LoadedStage['parts'][number], number>()
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
          const first = nextTasks.get(part) ?? 0
          const run = (i: number) => runTask(part, kernel, (first + i) % part.tasks, threadScratch)
          const { taskMs, done } = timeTask(part.tasks, run, sampleMs, leastMs)
          nextTasks.set(part, (first + done) % part.tasks)
          return { tasks: part.tasks, taskMs }
        })
        return total + threads * stageTime(times, threads)
      }, 0)
    return timeOf(prologue) + repeats * timeOf(stages)
  }

  clockMs ??= clockResolution()
  const leastMs = CLOCK_STEPS * clockMs
  const sampleMs = Math.max(SAMPLE_MS, leastMs)
  return {
    estimatesMs: lowestTimes(
      candidates.length,
      (candidate, isFirst) => estimate(candidates[candidate]!, isFirst ? 0 : sampleMs),
      isPreliminary,
    ),
  }
}

/**
 * The lowest time of each candidate over samples taken alternately: other processes can only make a time longer.
 * `sample` takes one sample of a candidate. A lowest time counts once a second sample is near it; if none is, all of
 * them may have been disturbed, and the candidate is measured again, unless this `isPreliminary`.
 */
export function lowestTimes(
  candidates: number,
  sample: (candidate: number, isFirst: boolean) => number,
  isPreliminary = false,
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
  const rounds = isPreliminary ? PRELIMINARY_ROUNDS : MEASURED_ROUNDS
  for (let round = 0, settled = 0; settled < rounds && round < MAX_ROUNDS; round++) {
    let isSettled = true
    for (const candidate of all) {
      const before = lowest[candidate]!
      if (take(candidate) * TIERING_FACTOR < before) isSettled = false
    }
    if (isSettled) settled++
  }
  if (isPreliminary) return lowest
  const isConfirmed = (candidate: number) =>
    secondLowest[candidate]! <= CONFIRMING_FACTOR * lowest[candidate]!
  for (let round = 0; round < CONFIRMING_ROUNDS; round++) {
    const open = all.filter((candidate) => !isConfirmed(candidate))
    if (open.length === 0) break
    open.forEach(take)
  }
  // A run-off among the best, so that a disturbance of one short sample does not decide.
  const limit = Math.min(...lowest) * RUN_OFF_FACTOR
  const inRunOff = all.filter((candidate) => lowest[candidate]! <= limit)
  for (let round = 0; round < RUN_OFF_ROUNDS && inRunOff.length > 1; round++) inRunOff.forEach(take)
  return lowest
}

/**
 * The time of a task: the mean over as many as fit into `sampleMs`, but at least one. If all tasks together take less
 * than `leastMs`, they are repeated. It starts just after a step of the clock, so that a few of its steps are enough.
 */
function timeTask(
  tasks: number,
  run: (i: number) => void,
  sampleMs: number,
  leastMs: number,
): { readonly taskMs: number; readonly done: number } {
  const before = performance.now()
  let start = before
  while (start === before) start = performance.now()
  let elapsedMs = 0
  let done = 0
  do {
    run(done++)
    elapsedMs = performance.now() - start
  } while (elapsedMs < leastMs || (elapsedMs < sampleMs && done < tasks))
  return { taskMs: elapsedMs / done, done }
}

/**
 * How long threads take for a stage if each takes the next task when it is free: with few tasks some threads wait, and
 * a single task takes as long on any number of threads.
 */
export function stageTime(
  parts: readonly { readonly tasks: number; readonly taskMs: number }[],
  threads: number,
): number {
  const busyMs = new Array<number>(threads).fill(0)
  for (const { tasks, taskMs } of parts) {
    // Rounds in which all threads do the same are not simulated one by one.
    const rounds = Math.floor(tasks / threads)
    for (let thread = 0; thread < threads; thread++) busyMs[thread]! += rounds * taskMs
    for (let task = rounds * threads; task < tasks; task++) {
      const next = busyMs.indexOf(Math.min(...busyMs))
      busyMs[next]! += taskMs
    }
  }
  return Math.max(...busyMs)
}

/** More than one core's share of a last-level cache. */
export const EVICTED_BYTES: number = 24 * 2 ** 20
const CACHE_LINE_BYTES = 64

/** Fills the caches with other data. Returns a value computed from it, so that the reads are not optimised away. */
function cacheEvictor({ memory, byteOffset }: EvictedMemory): () => number {
  const length = EVICTED_BYTES / Float32Array.BYTES_PER_ELEMENT
  const values = new Float32Array(memory ?? ownMemory(0).buffer, byteOffset, length)
  values.fill(1) // pages that were never written are all the same one
  const step = CACHE_LINE_BYTES / Float32Array.BYTES_PER_ELEMENT
  return () => {
    let sum = 0
    for (let i = 0; i < values.length; i += step) sum += values[i]!
    return sum
  }
}
