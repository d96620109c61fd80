// The worker's side if threads share no memory: it alone runs the stages, over its own memory, and reads its messages
// now and then.

import type { KernelFunction } from '../codegen/program.ts'
import { type Code, loadCodes } from './code.ts'
import { ownMemory } from './heap.ts'
import {
  type LoadedSegment,
  type LoadedStage,
  runTasks,
  type SegmentTimes,
  slotsOf,
  type TaskRunner,
} from './tasks.ts'

export interface LoadAloneRequest {
  readonly kind: 'load-alone'
  readonly codes: readonly Code[]
  readonly stages: readonly (LoadedStage | LoadedSegment)[]
  readonly threadScratch: number
}

/** A range of values in memory; the address is in bytes. */
export interface MemoryRange {
  readonly address: number
  readonly length: number
}

export interface OwnRun {
  /** When the run began, then when each of its stages ended, in milliseconds. */
  readonly timesMs: readonly number[]
  readonly segmentTimes: SegmentTimes
  readonly isAborted: boolean
}

/** How often it looks for a message to stop. */
const SLICE_MS = 50

export class OwnMemoryRunner {
  readonly #stages: readonly (LoadedStage | LoadedSegment)[]
  readonly #runner: TaskRunner
  #isAborted = false

  private constructor({ stages, threadScratch }: LoadAloneRequest, kernels: readonly KernelFunction[]) {
    this.#stages = stages
    this.#runner = { kernels, threadScratch, segmentTimes: new Float64Array(slotsOf(stages)) }
  }

  static async load(request: LoadAloneRequest): Promise<OwnMemoryRunner> {
    return new OwnMemoryRunner(request, await loadCodes(request.codes))
  }

  /** Runs stages [first, end), or until `abort` is called. */
  async run(first: number, end: number): Promise<OwnRun> {
    this.#isAborted = false
    const { segmentTimes } = this.#runner
    segmentTimes.fill(0)
    const timesMs = [performance.now()]
    let untilMs = timesMs[0]! + SLICE_MS
    for (const stage of this.#stages.slice(first, end)) {
      let next = 0
      const takeTask = (): number => (performance.now() < untilMs ? next++ : Infinity)
      do {
        runTasks(stage, this.#runner, takeTask, () => false)
        if (performance.now() < untilMs) break
        await messagesSeen()
        untilMs = performance.now() + SLICE_MS
      } while (next < stage.tasks && !this.#isAborted)
      if (this.#isAborted) break
      timesMs.push(performance.now())
    }
    return { timesMs, segmentTimes, isAborted: this.#isAborted }
  }

  abort(): void {
    this.#isAborted = true
  }
}

export function writeOwn(address: number, values: Float32Array): void {
  new Float32Array(ownMemory(0).buffer, address, values.length).set(values)
}

export function readOwn({ address, length }: MemoryRange): Float32Array<ArrayBuffer> {
  return new Float32Array(ownMemory(0).buffer, address, length).slice() as Float32Array<ArrayBuffer>
}

/** Lets waiting messages be handled. A timer would wait 4 ms in browsers. */
function messagesSeen(): Promise<void> {
  const { port1, port2 } = new MessageChannel()
  return new Promise((resolve) => {
    port1.onmessage = () => {
      port1.close()
      resolve()
    }
    port2.postMessage(null)
  })
}
