// Shared between a worker and the thread that started it. If a worker is terminated while an addon defines a function,
// the whole process dies (Node-API can't throw in a thread that is being ended); the same happens if code is freed
// while a worker runs it. So a worker says when it is in native code and is ended only when it is outside; once told to
// end, it does not enter native code again. Both words are in shared memory, because a worker that computes reads no
// messages and a process that exits sends none.

import { ConvmarkError } from '../errors.ts'
import { isNode, nodeModule } from './host.ts'

const IS_INSIDE = 0
const IS_TOLD_TO_END = 1
const WORDS = 2

/** What a worker in Node gets as `workerData`. */
interface GateData {
  readonly convmarkGate: Int32Array<SharedArrayBuffer>
}

/** The gate as the starting thread sees it. */
export class Gate {
  readonly workerData: GateData = {
    convmarkGate: new Int32Array(new SharedArrayBuffer(WORDS * Int32Array.BYTES_PER_ELEMENT)),
  }

  /** From now on the worker does not enter native code, and leaves it as soon as it can. */
  tellToEnd(): void {
    Atomics.store(this.#words, IS_TOLD_TO_END, 1)
  }

  /** Resolves once the worker is outside native code. */
  async outside(): Promise<void> {
    while (Atomics.load(this.#words, IS_INSIDE) === 1) {
      const waiting = Atomics.waitAsync(this.#words, IS_INSIDE, 1)
      if (waiting.async) await waiting.value
    }
  }

  /** Blocks until the worker is outside native code; false if it is still inside after `timeoutMs`. */
  waitOutside(timeoutMs: number): boolean {
    return Atomics.wait(this.#words, IS_INSIDE, 1, timeoutMs) !== 'timed-out'
  }

  /** The worker is gone, however it ended: nobody has to wait for it. */
  close(): void {
    Atomics.store(this.#words, IS_INSIDE, 0)
    Atomics.notify(this.#words, IS_INSIDE)
  }

  get #words(): Int32Array<SharedArrayBuffer> {
    return this.workerData.convmarkGate
  }
}

/** This thread's own gate, if it is a worker that convmark started in Node. */
const own: Int32Array<SharedArrayBuffer> | null = isNode
  ? ((nodeModule('node:worker_threads').workerData as Partial<GateData> | null)?.convmarkGate ?? null)
  : null

/** Whether this worker was told to end and should stop its work in native code. */
export function isToldToEnd(): boolean {
  return own !== null && Atomics.load(own, IS_TOLD_TO_END) === 1
}

/** Throws EndedError if this worker was told to end. To be called between two pieces of work in native code. */
export function throwIfToldToEnd(): void {
  if (isToldToEnd()) throw new EndedError('this worker was told to end')
}

/** Ends a worker's work after it was told to end. Nobody waits for its answer then. */
export class EndedError extends ConvmarkError {
  override readonly name: string = 'EndedError'
}

/** How many pieces of native work this worker is in, nested or concurrent. */
let depth = 0

/**
 * Does work that may be in native code (loading an addon, defining or calling its functions, machine code). Until it
 * ends, nobody terminates this worker. Throws EndedError without doing it if the worker was told to end.
 */
export function inNativeCode<T>(work: () => T): T {
  if (own === null) return work()
  enter(own)
  let isAsync = false
  try {
    const result = work()
    if (!(result instanceof Promise)) return result
    isAsync = true
    return result.finally(() => leave(own)) as T
  } finally {
    if (!isAsync) leave(own)
  }
}

/**
 * This worker first says that it is inside and then checks whether it may be; the other thread does both in the
 * opposite order.
 */
function enter(words: Int32Array): void {
  if (depth++ === 0) Atomics.store(words, IS_INSIDE, 1)
  if (!isToldToEnd()) return
  leave(words)
  throwIfToldToEnd()
}

function leave(words: Int32Array): void {
  if (--depth > 0) return
  Atomics.store(words, IS_INSIDE, 0)
  Atomics.notify(words, IS_INSIDE)
}
