import { type Code, loadCode } from './code.ts'
import { type LoadedPart, type LoadedStage, runTask } from './tasks.ts'

/** Candidates of one step, each with its memory laid out somewhere where nothing else runs. */
export interface MeasureRequest {
  readonly codes: readonly Code[]
  readonly candidates: readonly {
    readonly stages: readonly LoadedStage[]
    readonly threadScratch: number
  }[]
}

export interface MeasureResult {
  /** For each candidate: what the whole step would take on one thread. */
  readonly estimatesMs: readonly number[]
}

/** Long enough for the clock, short enough that a start stays fast. */
const SAMPLE_MS = 0.8
const MEASURED_ROUNDS = 2
/** V8 runs WASM in its baseline compiler first. A candidate that still gets faster by this factor is not there yet. */
const TIERING_FACTOR = 1.25
const MAX_ROUNDS = 12
const RUN_OFF_FACTOR = 1.15
const RUN_OFF_ROUNDS = 4

/** Measures on the calling thread. All candidates in turn, so that the optimising compiler works on the others meanwhile. */
export async function measureCandidates({ codes, candidates }: MeasureRequest): Promise<MeasureResult> {
  const kernels = await Promise.all(codes.map(loadCode))
  const loaded = candidates.map(({ stages, threadScratch }) => ({
    threadScratch,
    parts: stages.flatMap((stage) => stage.parts),
  }))
  const estimate = ({ parts, threadScratch }: (typeof loaded)[number], sampleMs: number): number =>
    parts.reduce((total, part) => {
      const kernel = kernels[part.program]!
      return total + timePart(part, (task) => runTask(part, kernel, task, threadScratch), sampleMs)
    }, 0)

  const best = loaded.map((candidate) => estimate(candidate, 0))
  for (let round = 0, settled = 0; settled < MEASURED_ROUNDS && round < MAX_ROUNDS; round++) {
    let isSettled = true
    loaded.forEach((candidate, i) => {
      const ms = estimate(candidate, SAMPLE_MS)
      if (ms * TIERING_FACTOR < best[i]!) isSettled = false
      best[i] = Math.min(best[i]!, ms)
    })
    if (isSettled) settled++
  }
  // A run-off among the best: a neighbour's noise in one short sample must not choose.
  const limit = Math.min(...best) * RUN_OFF_FACTOR
  const inRunOff = loaded.map((_, i) => i).filter((i) => best[i]! <= limit)
  for (let round = 0; round < RUN_OFF_ROUNDS && inRunOff.length > 1; round++) {
    for (const i of inRunOff) best[i] = Math.min(best[i]!, estimate(loaded[i]!, SAMPLE_MS))
  }
  return { estimatesMs: best }
}

/** The time of all tasks of a part, from as many as fit `sampleMs` and one at the least. */
function timePart(part: LoadedPart, run: (task: number) => void, sampleMs: number): number {
  const start = performance.now()
  let elapsedMs = 0
  let tasks = 0
  do {
    run(tasks++)
    elapsedMs = performance.now() - start
  } while (elapsedMs < sampleMs && tasks < part.tasks)
  return (elapsedMs / tasks) * part.tasks
}
