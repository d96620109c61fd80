import { InterruptedError } from '../errors.ts'

/** Leaves some of the second that Ctrl-C may take for writing results. */
const GRACE_MS = 600
/** npm hands Ctrl-C on to what the terminal has told already: twice within this is once. */
const SAME_INTERRUPT_MS = 100

/**
 * Does work that Ctrl-C can end: the first aborts the signal, and the promise rejects with InterruptedError when the work
 * has ended, or when it took too long about it and is left behind. A second one ends the process.
 */
export async function untilInterrupted<T>(
  work: (signal: AbortSignal) => Promise<T>,
  { graceMs = GRACE_MS }: { readonly graceMs?: number } = {},
): Promise<T> {
  const controller = new AbortController()
  let stop = (): void => {}
  try {
    return await new Promise<T>((resolve, reject) => {
      const interrupted = (cause?: unknown): void => reject(new InterruptedError('interrupted', { cause }))
      let deadline: NodeJS.Timeout | undefined
      let interruptedAt = 0
      const interrupt = (): void => {
        const now = performance.now()
        if (!controller.signal.aborted) {
          interruptedAt = now
          deadline = setTimeout(interrupted, graceMs)
          controller.abort()
        } else if (now - interruptedAt > SAME_INTERRUPT_MS) process.exit(new InterruptedError('').exitCode)
      }
      process.on('SIGINT', interrupt)
      stop = () => {
        process.off('SIGINT', interrupt)
        clearTimeout(deadline)
      }
      work(controller.signal).then(resolve, (error: unknown) => {
        if (controller.signal.aborted) interrupted(error)
        else reject(error)
      })
    })
  } finally {
    stop()
  }
}
