import { ConvmarkError } from '../errors.ts'
import { Gate } from './gate.ts'
import { isNode, nodeModule, unsharedReason } from './host.ts'

/** A worker, in Node or in a browser. */
export interface WorkerHandle<Request, Reply> {
  /** Transferred objects belong to the worker from then on. */
  post(request: Request, transfer?: readonly Transferable[]): void
  /** The next message. Rejects once the worker is gone. */
  next(): Promise<Reply>
  /** Called once if the worker ends without having been told to. */
  onLoss(listener: (error: Error) => void): void
  /**
   * Called when the worker is told to end, before anybody waits for its end: it must be released from whatever it waits
   * for.
   */
  onEnd(listener: () => void): void
  /** Whether the worker keeps the process alive. */
  keepAlive(isNeeded: boolean): void
  /**
   * Tells the worker to end, and terminates it as soon as it is outside native code: see gate.ts. Resolves when it is
   * gone; pending calls of `next` reject.
   */
  end(): Promise<void>
}

interface RawWorker {
  postMessage(message: unknown, transfer: readonly Transferable[]): void
  terminate(): unknown
  on?(event: string, listener: (value: never) => void): void
  addEventListener?(event: string, listener: (event: never) => void): void
  ref?(): void
  unref?(): void
}

/** Where a worker's module is. Bundlers recognise exactly this text: `new Worker(new URL('./x.js', import.meta.url))`. */
export interface WorkerModule {
  /** For messages: what the worker is for. */
  readonly name: string
  /** `workerFile(name, 'x', () => import.meta.resolve('./x.js'))` */
  inNode(name: string): string | URL
  inBrowser(): Worker
}

/** Throws ConvmarkError if the system allows no more threads. */
export function startWorker<Request, Reply>(module: WorkerModule): WorkerHandle<Request, Reply> {
  if (!isNode) return new Handle<Request, Reply>(module.inBrowser(), module.name, null)
  endWorkersAtExit()
  const gate = unsharedReason === null ? new Gate() : null
  return new Handle<Request, Reply>(startNodeWorker(module, gate), module.name, gate)
}

/**
 * Starts this many workers, or none. Throws ConvmarkError if the system allows no more threads; those that did start
 * are then told to end.
 */
export function startWorkers<Request, Reply>(
  count: number,
  moduleOf: (index: number) => WorkerModule,
): WorkerHandle<Request, Reply>[] {
  const workers: WorkerHandle<Request, Reply>[] = []
  try {
    for (let index = 0; index < count; index++) workers.push(startWorker(moduleOf(index)))
    return workers
  } catch (error) {
    void endAll(workers)
    throw error
  }
}

/** Resolves when all of them are gone. */
export async function endAll(workers: readonly WorkerHandle<never, unknown>[]): Promise<void> {
  await Promise.all(workers.map((worker) => worker.end()))
}

function startNodeWorker(module: WorkerModule, gate: Gate | null): RawWorker {
  const { Worker } = nodeModule('node:worker_threads')
  // The process's own options are not passed on: a worker refuses some of them (--input-type).
  const options = { execArgv: [], ...(gate && { workerData: gate.workerData }) }
  try {
    return new Worker(new URL(module.inNode(module.name)), options) as unknown as RawWorker
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_WORKER_INIT_FAILED') throw error
    throw new ConvmarkError(
      `the system allows no more threads (${running.size} started); use fewer --threads`,
      { cause: error },
    )
  }
}

/**
 * The workers that still exist. Firefox ends a worker that waits, for example for the compilation of WASM, as soon as
 * only its own listeners can reach it, and code that awaits its reply is not reachable from anywhere else.
 */
const running = new Set<Pick<Handle<unknown, unknown>, 'tellToEnd' | 'waitOutside'>>()

/** Longer than any task takes; a worker that is still in native code after that is lost, and the process should not hang. */
const EXIT_TIMEOUT_MS = 10_000

let endsWorkersAtExit = false

/** An exiting process terminates its workers, so first it brings them out of native code. */
function endWorkersAtExit(): void {
  if (endsWorkersAtExit) return
  endsWorkersAtExit = true
  process.on('exit', () => {
    for (const worker of running) worker.tellToEnd()
    const deadlineMs = performance.now() + EXIT_TIMEOUT_MS
    for (const worker of running) worker.waitOutside(Math.max(0, deadlineMs - performance.now()))
  })
}

class Handle<Request, Reply> implements WorkerHandle<Request, Reply> {
  readonly #worker: RawWorker
  /** Null if no worker runs native code: in a browser, and if threads share no memory. */
  readonly #gate: Gate | null
  readonly #replies: Reply[] = []
  readonly #waiting: { resolve: (reply: Reply) => void; reject: (error: Error) => void }[] = []
  readonly #lossListeners: ((error: Error) => void)[] = []
  readonly #endListeners: (() => void)[] = []
  #lost: Error | null = null
  #ended: Promise<void> | null = null
  /** From then on it keeps the process alive until it is gone, since somebody waits for that. */
  #isEnding = false

  constructor(worker: RawWorker | Worker, name: string, gate: Gate | null) {
    this.#worker = worker as RawWorker
    this.#gate = gate
    running.add(this)
    this.#listen(this.#worker, name)
    this.#worker.unref?.()
  }

  #listen(worker: RawWorker, name: string): void {
    const receive = (reply: Reply): void => {
      const waiting = this.#waiting.shift()
      if (waiting) waiting.resolve(reply)
      else this.#replies.push(reply)
    }
    if (worker.on) {
      worker.on('message', receive)
      worker.on('error', (error: Error) => this.#lose(new ConvmarkError(`${name} failed: ${error.message}`)))
      worker.on('exit', (code: number) => this.#lose(new ConvmarkError(`${name} ended (exit code ${code})`)))
    } else {
      worker.addEventListener!('message', (event: MessageEvent<Reply>) => receive(event.data))
      worker.addEventListener!('error', (event: ErrorEvent) =>
        // If a module can't be found the event has no message
        this.#lose(new ConvmarkError(`${name} failed: ${event.message ?? 'its module could not be loaded'}`)),
      )
      worker.addEventListener!('messageerror', () =>
        this.#lose(new ConvmarkError(`${name} failed: a message of it could not be read`)),
      )
    }
  }

  post(request: Request, transfer: readonly Transferable[] = []): void {
    this.#worker.postMessage(request, transfer)
  }

  async next(): Promise<Reply> {
    if (this.#replies.length > 0) return this.#replies.shift()!
    if (this.#lost) throw this.#lost
    this.keepAlive(true)
    try {
      return await new Promise<Reply>((resolve, reject) => this.#waiting.push({ resolve, reject }))
    } finally {
      this.keepAlive(false)
    }
  }

  onLoss(listener: (error: Error) => void): void {
    if (this.#lost) listener(this.#lost)
    else this.#lossListeners.push(listener)
  }

  keepAlive(isNeeded: boolean): void {
    if (isNeeded || this.#isEnding) this.#worker.ref?.()
    else this.#worker.unref?.()
  }

  onEnd(listener: () => void): void {
    this.#endListeners.push(listener)
  }

  tellToEnd(): void {
    this.#gate?.tellToEnd()
    for (const listener of this.#endListeners) listener()
  }

  waitOutside(timeoutMs: number): void {
    this.#gate?.waitOutside(timeoutMs)
  }

  end(): Promise<void> {
    this.#ended ??= this.#end()
    return this.#ended
  }

  async #end(): Promise<void> {
    this.#isEnding = true
    this.keepAlive(true)
    this.tellToEnd()
    await this.#gate?.outside()
    await this.#worker.terminate()
    // A browser does not say when a worker is gone
    this.#lose(new ConvmarkError('the worker was ended'))
  }

  #lose(error: Error): void {
    if (this.#lost) return
    this.#lost = error
    running.delete(this)
    this.#gate?.close()
    for (const { reject } of this.#waiting.splice(0)) reject(error)
    if (!this.#ended) for (const listener of this.#lossListeners) listener(error)
  }
}
