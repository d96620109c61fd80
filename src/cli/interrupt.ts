// Ctrl-C, SIGTERM (`kill`, docker stop, Slurm, Kubernetes) and SIGHUP (the terminal is gone) are one thing: a request to
// end soon, with what there is. What follows depends on what the command does at that moment:
// - before its work: nothing is lost, so the process ends at once;
// - during its work: the work is told to end, and has a while to do so;
// - after it, while results are printed and written: they are, and then the process ends.
import { InterruptedError, isInterruption } from '../errors.ts'

/** As a shell reports a process that a signal ended: 128 + the signal's number. */
const EXIT_CODES = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const
type EndSignal = keyof typeof EXIT_CODES

/** Leaves some of the second that an end may take for writing results. */
const GRACE_MS = 600
/**
 * Signals within this time are one request: npm hands a signal on to what the terminal has told already, systemd sends
 * SIGHUP after SIGTERM, `timeout` signals process and group.
 */
const SAME_REQUEST_MS = 1000

let requested: EndSignal | null = null
let requestedAtMs = 0
/** Ends the work under way; null before it and after it. */
let endWork: (() => void) | null = null
let hasWorked = false
/** The command ends with a signal, as one that serves does: that is no interruption. */
let isMeantEnd = false

/** Call once, as early as possible. */
export function endOnSignals(): void {
  for (const signal of Object.keys(EXIT_CODES) as EndSignal[]) process.on(signal, () => onSignal(signal))
}

/** With the exit code of the signal, if one interrupted the command. */
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
    // A person who does not want to wait. Scripts that send SIGTERM again and again have SIGKILL for that.
    process.exit(EXIT_CODES[requested])
  }
}

/**
 * Does work that a signal can end: the first aborts the AbortSignal, and the promise rejects with InterruptedError when the
 * work has ended, or when that took longer than `graceMs` and the work is left behind. So it does, and no work is begun, if a
 * signal has come since the work before. What else goes wrong with the work is thrown as it is, interrupted or not.
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

/** Resolves at a signal, where that is how the command is meant to end: the process then ends as it would without one. */
export async function untilToldToEnd(): Promise<void> {
  hasWorked = true
  await new Promise<void>((resolve) => {
    endWork = resolve
  })
  endWork = null
  isMeantEnd = true
}
