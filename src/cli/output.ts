import picocolors from 'picocolors'
import { reasonOf } from '../formats/reason.ts'
import type { Palette } from '../report/palette.ts'
import { complain } from './errors.ts'
import { endProcess } from './interrupt.ts'

/** Nothing is lost if the process ends once nobody reads stdout any more. */
let isAllThereIs = true
let isOpen = true
let exitCode = 0

/** Call before anything is printed: Node ends the process, with a stack trace, for what nobody listens to. */
export function watchOutput(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (isOpen) stdoutEnded(error)
  })
  process.stderr.on('error', () => {}) // where else could it be said?
}

function stdoutEnded(error: NodeJS.ErrnoException): void {
  isOpen = false
  // A reader that has seen enough (`| head`) is no error
  if (error.code !== 'EPIPE') {
    exitCode = 1
    complain(new Error(`stdout can't be written: ${reasonOf(error)}`, { cause: error }))
  }
  if (isAllThereIs) endProcess(exitCode)
}

/** Results, on stdout. If that can't be written, files still are. */
export class Output {
  readonly palette: Palette

  /** `isAllThereIs`: with no reader left, nothing is left to do, and the process ends. */
  constructor(options: { readonly color: boolean; readonly isAllThereIs: boolean }) {
    this.palette = picocolors.createColors(options.color && hasColors(process.env, process.stdout.isTTY))
    isAllThereIs = options.isAllThereIs
  }

  lines(...lines: readonly string[]): void {
    if (isOpen && lines.length > 0) process.stdout.write(`${lines.join('\n')}\n`)
  }
}

/** On a terminal that can, unless its user asked for none (https://no-color.org). */
export function hasColors({ NO_COLOR, TERM }: NodeJS.ProcessEnv, isTerminal: boolean): boolean {
  return isTerminal && !NO_COLOR && TERM !== 'dumb'
}

/** Pipes are written in the background on some systems: waits for what is under way. The exit code: 1 where stdout failed. */
export async function flushOutput(): Promise<number> {
  if (isOpen) await new Promise<void>((resolve) => process.stdout.write('', () => resolve()))
  await new Promise(setImmediate) // the listener above is told after the callback
  return exitCode
}
