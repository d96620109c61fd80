// A worker's whole life: it measures, is loaded, and runs generations; see control.ts and worker-pool.ts.

import type { KernelFunction } from '../codegen/program.ts'
import { type Code, loadCode } from './code.ts'
import { ABORT, abort, barrier, END_STAGE, FIRST_STAGE, GENERATION, leave, takeTask } from './control.ts'
import { type MeasureRequest, type MeasureResult, measureCandidates } from './measure.ts'
import { onMessage, postMessage } from './port.ts'
import { type LoadedStage, runTasks } from './tasks.ts'

/** What a worker is told before it runs. */
export interface LoadRequest {
  readonly kind: 'load'
  /** The session's memory: held here, so that no address outlives it. */
  readonly memory: ArrayBufferLike
  readonly control: SharedArrayBuffer
  /** When each stage ended on thread 0, and before them when the run began; milliseconds. */
  readonly times: SharedArrayBuffer
  readonly codes: readonly Code[]
  readonly stages: readonly LoadedStage[]
  readonly thread: number
  readonly threads: number
  readonly threadScratch: number
}

export type WorkerRequest = LoadRequest | ({ readonly kind: 'measure' } & MeasureRequest)
export type WorkerReply =
  | { readonly kind: 'loaded' }
  | ({ readonly kind: 'measured' } & MeasureResult)
  | { readonly kind: 'failed'; readonly message: string }

interface Loaded extends LoadRequest {
  readonly kernels: readonly KernelFunction[]
}

function reply(message: WorkerReply): void {
  postMessage(message)
}

onMessage(async (request: WorkerRequest) => {
  try {
    if (request.kind === 'measure') reply({ kind: 'measured', ...(await measureCandidates(request)) })
    else {
      const loaded = { ...request, kernels: await Promise.all(request.codes.map(loadCode)) }
      const seen = Atomics.load(new Int32Array(request.control), GENERATION)
      reply({ kind: 'loaded' })
      serve(loaded, seen)
    }
  } catch (error) {
    reply({ kind: 'failed', message: error instanceof Error ? error.message : String(error) })
  }
})

/** Runs generation after generation, and blocks between them; ends with the worker. */
function serve(loaded: Loaded, seen: number): never {
  const control = new Int32Array(loaded.control)
  for (;;) {
    Atomics.wait(control, GENERATION, seen)
    seen = Atomics.load(control, GENERATION)
    try {
      runStages(loaded, control)
    } catch (error) {
      abort(control)
      reply({ kind: 'failed', message: error instanceof Error ? error.message : String(error) })
    }
    leave(control, loaded.threads, seen)
  }
}

function runStages(loaded: Loaded, control: Int32Array): void {
  const { stages, kernels, threads, threadScratch, thread } = loaded
  const times = new Float64Array(loaded.times)
  const [first, end] = [Atomics.load(control, FIRST_STAGE), Atomics.load(control, END_STAGE)]
  const isAborted = () => Atomics.load(control, ABORT) !== 0
  if (thread === 0) times[first] = performance.now()
  for (let stage = first; stage < end; stage++) {
    runTasks(stages[stage]!, kernels, threadScratch, () => takeTask(control, stage), isAborted)
    if (!barrier(control, threads)) return
    if (thread === 0) times[stage + 1] = performance.now()
  }
}
