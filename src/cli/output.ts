import picocolors from 'picocolors'
import { reasonOf } from '../formats/reason.ts'
import type { Palette } from '../report/palette.ts'
import { complain } from './errors.ts'
import { endProcess } from './interrupt.ts'

/** True if nothing is lost when the process ends because nobody reads stdout any more. */
let isAllThereIs = true
let isOpen = true
let exitCode = 0

/** Call it before anything is printed: without listeners, Node ends the process with a stack trace. */
export function watchOutput(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (isOpen) stdoutEnded(error)
  })
  process.stderr.on('error', () => {}) // there is nowhere else to report it
}

function stdoutEnded(error: NodeJS.ErrnoException): void {
  isOpen = false
  // It is no error if the reader has seen enough (`| head`)
  if (error.code !== 'EPIPE') {
    exitCode = 1
    complain(new Error(`stdout can't be written: ${reasonOf(error)}`, { cause: error }))
  }
  if (isAllThereIs) endProcess(exitCode)
}

/** Prints results on stdout. If that can't be written, files still are. */
export class Output {
  readonly palette: Palette

  /** `isAllThereIs`: stdout is the only output, so if nobody reads it the process ends. */
  constructor(options: { readonly color: boolean; readonly isAllThereIs: boolean }) {
    this.palette = picocolors.createColors(options.color && hasColors(process.env, process.stdout))
    isAllThereIs = options.isAllThereIs
  }

  lines(...lines: readonly string[]): void {
    if (isOpen && lines.length > 0) process.stdout.write(`${lines.join('\n')}\n`)
  }
}

/** Whether to use colours: on a terminal that has them, unless the user turned them off (https://no-color.org). */
export function hasColors(
  { NO_COLOR, TERM }: NodeJS.ProcessEnv,
  { isTTY }: { readonly isTTY?: boolean },
): boolean {
  // Undefined for a pipe, in place of which picocolors would decide, by other rules
  return isTTY === true && !NO_COLOR && TERM !== 'dumb'
}

/** On some systems pipes are written in the background; this waits for that. Returns the exit code: 1 if stdout failed. */
export async function flushOutput(): Promise<number> {
  if (isOpen) await new Promise<void>((resolve) => process.stdout.write('', () => resolve()))
  await new Promise(setImmediate) // the listener above is called after the callback
  return exitCode
}
