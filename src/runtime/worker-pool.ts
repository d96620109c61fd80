import { ConvmarkError } from '../errors.ts'
import { isNode } from './host.ts'

/** A worker, in Node or in a browser. */
export interface WorkerHandle<Request, Reply> {
  post(request: Request): void
  /** The next message. Rejects once the worker is gone. */
  next(): Promise<Reply>
  /** Called once, when the worker ends without having been told to. */
  onLoss(listener: (error: Error) => void): void
  /** Whether the worker keeps the process alive. */
  keepAlive(isNeeded: boolean): void
  terminate(): Promise<void>
}

interface RawWorker {
  postMessage(message: unknown): void
  terminate(): unknown
  on?(event: string, listener: (value: never) => void): void
  addEventListener?(event: string, listener: (event: never) => void): void
  ref?(): void
  unref?(): void
}

/** Starts a module as a worker. `name` is for messages: what the worker is there for. */
export async function startWorker<Request, Reply>(
  url: URL,
  name: string,
): Promise<WorkerHandle<Request, Reply>> {
  const worker: unknown = isNode
    ? // The process's own options are not the worker's: some (--input-type) it refuses.
      new (await import('node:worker_threads')).Worker(url, { execArgv: [] })
    : new Worker(url, { type: 'module' })
  return new Handle<Request, Reply>(worker as RawWorker, name)
}

class Handle<Request, Reply> implements WorkerHandle<Request, Reply> {
  readonly #worker: RawWorker
  readonly #replies: Reply[] = []
  readonly #waiting: { resolve: (reply: Reply) => void; reject: (error: Error) => void }[] = []
  readonly #lossListeners: ((error: Error) => void)[] = []
  #lost: Error | null = null
  #isTerminated = false

  constructor(worker: RawWorker, name: string) {
    this.#worker = worker
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
        this.#lose(new ConvmarkError(`${name} failed: ${event.message}`)),
      )
    }
    worker.unref?.()
  }

  post(request: Request): void {
    this.#worker.postMessage(request)
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
    if (isNeeded) this.#worker.ref?.()
    else this.#worker.unref?.()
  }

  async terminate(): Promise<void> {
    this.#isTerminated = true
    await this.#worker.terminate()
  }

  #lose(error: Error): void {
    if (this.#lost) return
    this.#lost = error
    for (const { reject } of this.#waiting.splice(0)) reject(error)
    if (!this.#isTerminated) for (const listener of this.#lossListeners) listener(error)
  }
}
