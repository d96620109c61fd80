// Ctrl-C, SIGTERM (`kill`, docker stop, Slurm, Kubernetes) and SIGHUP (the terminal was closed) mean the same: end
// soon, with what there is. What happens depends on what the command is doing:
// - before its work: nothing is lost, so the process ends at once;
// - during its work: the work is told to end, and gets some time to do so;
// - after it, while results are printed and written: that is finished, and then the process ends.
import { InterruptedError, isInterruption } from '../errors.ts'

/** As a shell reports a process that a signal ended: 128 + the signal's number. */
const EXIT_CODES = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const
type EndSignal = keyof typeof EXIT_CODES

/** Ending may take a second; this leaves some of it for writing results. */
const GRACE_MS = 600
/**
 * Signals within this time are one request: npm passes on a signal that the terminal has already sent, systemd sends
 * SIGHUP after SIGTERM, `timeout` signals both process and group.
 */
const SAME_REQUEST_MS = 1000

let requested: EndSignal | null = null
let requestedAtMs = 0
/** Ends the current work; null before and after it. */
let endWork: (() => void) | null = null
let hasWorked = false
/** A signal is the command's normal end, as for a server, and not an interruption. */
let isMeantEnd = false

/** Call once, as early as possible. */
export function endOnSignals(): void {
  for (const signal of Object.keys(EXIT_CODES) as EndSignal[]) process.on(signal, () => onSignal(signal))
}

/** Exits with the signal's exit code if one interrupted the command. */
export function endProcess(exitCode: number): never {
  process.exit(requested && !isMeantEnd ? EXIT_CODES[requested] : exitCode)
}

function onSignal(signal: EndSignal): void {
  if (requested === null) {
    requested = signal
    requestedAtMs = performance.now()
    if (endWork) endWork()
    else if (!hasWorked) {
      process.stderr.write('convmark: interrupted\n')
      process.exit(EXIT_CODES[signal])
    }
  } else if (signal === 'SIGINT' && performance.now() - requestedAtMs > SAME_REQUEST_MS) {
    // Someone pressed Ctrl-C again and does not want to wait. Scripts that send SIGTERM repeatedly can use SIGKILL for
    // that.
    process.exit(EXIT_CODES[requested])
  }
}

/**
 * Does work that a signal can end: the first signal aborts the AbortSignal, and the promise rejects with
 * InterruptedError when the work has ended, or when that took longer than `graceMs` and the work is abandoned. It also
 * rejects, without beginning the work, if a signal came after the previous work. Any other error of the work is thrown
 * as it is, interrupted or not.
 */
export async function untilInterrupted<T>(
  work: (signal: AbortSignal) => Promise<T>,
  { graceMs = GRACE_MS }: { readonly graceMs?: number } = {},
): Promise<T> {
  if (requested !== null) throw new InterruptedError('interrupted')
  const controller = new AbortController()
  const { signal } = controller
  let deadline: NodeJS.Timeout | undefined
  hasWorked = true
  try {
    return await new Promise<T>((resolve, reject) => {
      const interrupted = (cause?: unknown): void => reject(new InterruptedError('interrupted', { cause }))
      endWork = () => {
        deadline = setTimeout(interrupted, graceMs)
        controller.abort()
      }
      work(signal).then(resolve, (error: unknown) =>
        isInterruption(error, signal) ? interrupted(error) : reject(error),
      )
    })
  } finally {
    endWork = null
    clearTimeout(deadline)
  }
}

/** Resolves at a signal that is the command's normal end; the process then ends as it would without one. */
export async function untilToldToEnd(): Promise<void> {
  hasWorked = true
  await new Promise<void>((resolve) => {
    endWork = resolve
  })
  endWork = null
  isMeantEnd = true
}
