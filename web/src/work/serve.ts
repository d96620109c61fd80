// The worker's side of a task.
import type { FromWorker, ToWorker } from './messages.ts'

const FLUSH_MS = 50

export type Work<Request, Event> = (request: Request, tell: Tell<Event>, signal: AbortSignal) => Promise<void>

/** Says an event soon; at once where the page waits for it, or where memory is handed over. */
export type Tell<Event> = (event: Event, options?: { readonly transfer: readonly Transferable[] }) => void

/** By the task's name; each is loaded when it is first asked for. */
// biome-ignore lint/suspicious/noExplicitAny: a table of works whose requests and events differ
export type Works = Readonly<Record<string, () => Promise<Work<any, any>>>>

/** Does the tasks that the page begins, each until its end or until it is stopped. */
export function serveTasks(works: Works): void {
  let stopping = new AbortController()
  const post = (message: FromWorker<unknown>, transfer: readonly Transferable[] = []): void =>
    self.postMessage(message, { transfer: [...transfer] })
  let waiting: unknown[] = []
  let flushedAt = 0
  const flush = (transfer?: readonly Transferable[]): void => {
    if (waiting.length > 0) post({ kind: 'events', events: waiting }, transfer)
    waiting = []
    flushedAt = performance.now()
  }
  const tell: Tell<unknown> = (event, options) => {
    waiting.push(event)
    if (options || performance.now() - flushedAt > FLUSH_MS) flush(options?.transfer)
  }
  self.addEventListener('message', async ({ data }: MessageEvent<ToWorker<unknown>>) => {
    if (data.kind === 'stop') return stopping.abort()
    stopping = new AbortController()
    try {
      const work = await works[data.task]!()
      await work(data.request, tell, stopping.signal)
      flush()
      post({ kind: 'end' })
    } catch (error) {
      flush()
      // Work that is stopped may end by an error that says so
      const message = error instanceof Error ? error.message : String(error)
      post(stopping.signal.aborted ? { kind: 'end' } : { kind: 'failed', message })
    }
  })
}
