// The page's side of a task.
import type { FromWorker, ToWorker } from './messages.ts'

export type TaskEnd =
  | { readonly kind: 'done' }
  /** It did not stop in time, and was ended: what it had said until then is all there is. */
  | { readonly kind: 'ended' }
  /** Without a message where the worker itself was lost. */
  | { readonly kind: 'failed'; readonly message: string }

/** Leaves the page some of the second that Stop may take. */
const GRACE_MS = 800

/** What the page's worker can do; see worker.ts. */
export type Task = 'import' | 'benchmark' | 'explain' | 'train' | 'compare' | 'truth' | 'peer' | 'result'

/** A worker that is started when it is first needed, and again where it failed or had to be ended. */
export class TaskRunner<Request, Event> {
  readonly #task: Task
  readonly #start: () => Worker
  #worker: Worker | null = null
  #running: { settle(end: TaskEnd): void } | null = null
  #over: Promise<unknown> = Promise.resolve()

  constructor(task: Task, start: () => Worker) {
    this.#task = task
    this.#start = start
  }

  get isRunning(): boolean {
    return this.#running !== null
  }

  /** Resolves when no task runs. */
  async whenIdle(): Promise<void> {
    while (this.#running) await this.#over
  }

  /** Resolves when the task is over, however it ended. One task at a time. */
  run(request: Request, onEvents: (events: readonly Event[]) => void): Promise<TaskEnd> {
    if (this.#running) throw new Error('a task is running; stop it first')
    const end = this.#begin(request, onEvents)
    this.#over = end
    return end
  }

  #begin(request: Request, onEvents: (events: readonly Event[]) => void): Promise<TaskEnd> {
    const worker = (this.#worker ??= this.#start())
    return new Promise((resolve) => {
      const settle = (end: TaskEnd): void => {
        worker.onmessage = null
        worker.onerror = null
        this.#running = null
        resolve(end)
      }
      this.#running = { settle }
      worker.onmessage = ({ data }: MessageEvent<FromWorker<Event>>) => {
        if (data.kind === 'events') onEvents(data.events)
        else settle(data.kind === 'end' ? { kind: 'done' } : data)
      }
      worker.onerror = (event) => {
        event.preventDefault() // it is said on the page
        this.#end()
        settle({ kind: 'failed', message: event.message ?? '' })
      }
      const message: ToWorker<Request> = { kind: 'begin', task: this.#task, request }
      worker.postMessage(message)
    })
  }

  /** Within a second: by its own way if that is fast enough. */
  stop(): void {
    const running = this.#running
    if (!running) return
    const message: ToWorker<Request> = { kind: 'stop' }
    this.#worker?.postMessage(message)
    setTimeout(() => {
      if (this.#running !== running) return
      this.#end()
      running.settle({ kind: 'ended' })
    }, GRACE_MS)
  }

  /** Ends the worker and all that it started. */
  dispose(): void {
    const running = this.#running
    this.#end()
    running?.settle({ kind: 'ended' })
  }

  #end(): void {
    this.#worker?.terminate()
    this.#worker = null
  }
}
