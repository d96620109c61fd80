// What a worker does: it measures, loads a plan and runs it. Together with others over shared memory it runs
// generations, see control.ts; if memory can't be shared it is the only worker, see own-memory-runner.ts.

import type { KernelFunction } from '../codegen/program.ts'
import { messageOf } from '../errors.ts'
import { type Code, loadCodes } from './code.ts'
import {
  ABORT,
  ACTIVE_THREADS,
  abort,
  barrier,
  END_STAGE,
  FIRST_STAGE,
  generationOf,
  leave,
  takeTask,
} from './control.ts'
import { EndedError, inNativeCode, isToldToEnd } from './gate.ts'
import { type MeasureRequest, type MeasureResult, measureCandidates } from './measure.ts'
import {
  type LoadAloneRequest,
  type MemoryRange,
  OwnMemoryRunner,
  type OwnRun,
  readOwn,
  writeOwn,
} from './own-memory-runner.ts'
import { onMessage, postMessage } from './port.ts'
import { type LoadedSegment, type LoadedStage, runTasks } from './tasks.ts'

/** What a worker receives before it runs. */
export interface LoadRequest {
  readonly kind: 'load'
  /** The session's memory: referenced here, so that it outlives its addresses. */
  readonly memory: ArrayBufferLike | null
  readonly control: SharedArrayBuffer
  /** When the run began, then when each stage ended on thread 0, in milliseconds. */
  readonly times: SharedArrayBuffer
  readonly segmentTimes: SharedArrayBuffer
  readonly codes: readonly Code[]
  readonly stages: readonly (LoadedStage | LoadedSegment)[]
  readonly thread: number
  readonly threads: number
  readonly threadScratch: number
}

export type WorkerRequest =
  | ({ readonly kind: 'measure' } & MeasureRequest)
  | LoadRequest
  | LoadAloneRequest
  /** To a worker that runs alone: */
  | { readonly kind: 'run'; readonly first: number; readonly end: number }
  | { readonly kind: 'abort' }
  | { readonly kind: 'write'; readonly address: number; readonly values: Float32Array }
  | { readonly kind: 'read'; readonly places: readonly MemoryRange[] }

export type WorkerReply =
  | { readonly kind: 'loaded' }
  | ({ readonly kind: 'measured' } & MeasureResult)
  | ({ readonly kind: 'ran' } & OwnRun)
  | { readonly kind: 'values'; readonly values: readonly Float32Array[] }
  | { readonly kind: 'failed'; readonly message: string }

interface Loaded extends LoadRequest {
  readonly kernels: readonly KernelFunction[]
}

let alone: OwnMemoryRunner | null = null

function reply(message: WorkerReply, transfer: readonly Transferable[] = []): void {
  postMessage(message, transfer)
}

onMessage(async (request: WorkerRequest) => {
  try {
    await answer(request)
  } catch (error) {
    if (error instanceof EndedError) return
    reply({ kind: 'failed', message: messageOf(error) })
  }
})

async function answer(request: WorkerRequest): Promise<void> {
  switch (request.kind) {
    case 'measure':
      return reply({ kind: 'measured', ...(await inNativeCode(() => measureCandidates(request))) })
    case 'load': {
      const loaded = { ...request, kernels: await inNativeCode(() => loadCodes(request.codes)) }
      const seen = Atomics.load(
        new Int32Array(request.control),
        generationOf(loaded.thread, loaded.stages.length),
      )
      reply({ kind: 'loaded' })
      return serve(loaded, seen)
    }
    case 'load-alone':
      alone = await OwnMemoryRunner.load(request)
      return reply({ kind: 'loaded' })
    case 'run':
      return reply({ kind: 'ran', ...(await alone!.run(request.first, request.end)) })
    case 'abort':
      return alone!.abort()
    case 'write':
      return writeOwn(request.address, request.values)
    case 'read': {
      const values = request.places.map(readOwn)
      return reply(
        { kind: 'values', values },
        values.map(({ buffer }) => buffer),
      )
    }
  }
}

/** Runs one generation after another and blocks between them; ends with the worker. */
function serve(loaded: Loaded, seen: number): never {
  const control = new Int32Array(loaded.control)
  const generation = generationOf(loaded.thread, loaded.stages.length)
  for (;;) {
    Atomics.wait(control, generation, seen)
    seen = Atomics.load(control, generation)
    try {
      inNativeCode(() => runStages(loaded, control))
    } catch (error) {
      abort(control)
      if (!(error instanceof EndedError)) reply({ kind: 'failed', message: messageOf(error) })
    }
    leave(control, Atomics.load(control, ACTIVE_THREADS))
  }
}

function runStages(loaded: Loaded, control: Int32Array): void {
  const { stages, kernels, threadScratch, thread } = loaded
  const threads = Atomics.load(control, ACTIVE_THREADS)
  const segmentTimes = new Float64Array(loaded.segmentTimes).fill(0)
  const runner = { kernels, threadScratch, segmentTimes }
  const times = new Float64Array(loaded.times)
  const [first, end] = [Atomics.load(control, FIRST_STAGE), Atomics.load(control, END_STAGE)]
  const isAborted = () => Atomics.load(control, ABORT) !== 0 || isToldToEnd()
  if (thread === 0) times[first] = performance.now()
  for (let stage = first; stage < end; stage++) {
    const counted = { index: stage, stages: stages.length, tasks: stages[stage]!.tasks }
    runTasks(stages[stage]!, runner, () => takeTask(control, counted, thread, threads), isAborted)
    if (!barrier(control, threads)) return
    if (thread === 0) times[stage + 1] = performance.now()
  }
}
