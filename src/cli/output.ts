import picocolors from 'picocolors'
import type { Palette } from '../report/palette.ts'

/** Results, on stdout. A reader that has seen enough (`| head`) is no error. */
export class Output {
  readonly palette: Palette
  #isOpen = true

  /** `isAllThereIs`: with no reader left, nothing is left to do, and the process ends. */
  constructor({ color, isAllThereIs }: { readonly color: boolean; readonly isAllThereIs: boolean }) {
    this.palette = picocolors.createColors(color && hasColors(process.env, process.stdout.isTTY))
    process.stdout.on('error', (error: NodeJS.ErrnoException) => {
      this.#isOpen = false
      if (error.code !== 'EPIPE') {
        process.stderr.write(`convmark: stdout can't be written: ${error.message}\n`)
        process.exit(1)
      }
      if (isAllThereIs) process.exit(0)
    })
  }

  lines(...lines: readonly string[]): void {
    if (this.#isOpen && lines.length > 0) process.stdout.write(`${lines.join('\n')}\n`)
  }
}

/** On a terminal that can, unless its user asked for none (https://no-color.org). */
export function hasColors({ NO_COLOR, TERM }: NodeJS.ProcessEnv, isTerminal: boolean): boolean {
  return isTerminal && !NO_COLOR && TERM !== 'dumb'
}

/** Pipes are written in the background on some systems: waits for what is under way. */
export async function flushOutput(): Promise<void> {
  await new Promise<void>((resolve) => {
    process.stdout.write('', () => resolve())
  })
}
