// Between a worker and the thread that started it. A worker that is terminated while an addon defines a function takes
// the whole process with it (Node-API can't throw in a thread that is being ended), and code that is freed while a worker
// runs it does so too. So a worker says when it is in native code, and is ended only when it is outside; once it was told
// to end, it goes in no more. Both words are in memory that the two threads share, since a worker that computes reads no
// messages, and a process that exits sends none.

import { ConvmarkError } from '../errors.ts'
import { isNode, nodeModule } from './host.ts'

const IS_INSIDE = 0
const IS_TOLD_TO_END = 1
const WORDS = 2

/** What a worker of Node gets as `workerData`. */
interface GateData {
  readonly convmarkGate: Int32Array<SharedArrayBuffer>
}

/** The starting thread's side of a gate. */
export class Gate {
  readonly workerData: GateData = {
    convmarkGate: new Int32Array(new SharedArrayBuffer(WORDS * Int32Array.BYTES_PER_ELEMENT)),
  }

  /** The worker goes into native code no more, and leaves it as soon as it can. */
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

  /** The worker is gone, however it ended: nobody needs to wait for it. */
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

/** Whether this worker was told to end: it should finish what it does in native code. */
export function isToldToEnd(): boolean {
  return own !== null && Atomics.load(own, IS_TOLD_TO_END) === 1
}

/** Throws EndedError if this worker was told to end: between two pieces of work in native code. */
export function throwIfToldToEnd(): void {
  if (isToldToEnd()) throw new EndedError('this worker was told to end')
}

/** What a worker's work ends with once it was told to end. Nobody waits for an answer then. */
export class EndedError extends ConvmarkError {
  override readonly name: string = 'EndedError'
}

/** How many pieces of work this worker is in, one within or beside another. */
let depth = 0

/**
 * Does work that may be in native code (loading an addon, defining or calling its functions, machine code). Until it ends,
 * nobody terminates this worker. Throws EndedError without doing it if the worker was told to end.
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

/** This worker says that it is inside before it looks whether it may be; the other thread does both the other way round. */
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
