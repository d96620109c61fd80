import type { SingleBar } from 'cli-progress'

/** A progress bar on stderr, only on a terminal and not in CI. */
export interface Progress {
  /** `detail` is shown after the count. */
  update(what: string, done: number, total: number, detail?: string): void
  /** Removes the bar from the terminal, so that a line can be printed; the next update draws it again. */
  clear(): void
}

const SILENT: Progress = { update: () => {}, clear: () => {} }

export async function openProgress(): Promise<Progress> {
  if (!process.stderr.isTTY || process.env.CI) return SILENT
  const { default: cliProgress } = await import('cli-progress')
  return new Bar(
    new cliProgress.SingleBar({
      stream: process.stderr,
      format: '{what} [{bar}] {value}/{total}{detail}',
      clearOnComplete: true,
      linewrap: true, // the terminal's own setting, so nothing has to be restored if the process exits
    }),
  )
}

class Bar implements Progress {
  readonly #bar: SingleBar
  #what: string | null = null

  constructor(bar: SingleBar) {
    this.#bar = bar
  }

  update(what: string, done: number, total: number, detail = ''): void {
    const payload = { detail: detail && `  ${detail}` }
    if (what !== this.#what) {
      this.clear()
      this.#bar.start(total, done, { what, ...payload })
      this.#what = what
    } else this.#bar.update(done, payload)
    if (done >= total) this.clear()
  }

  clear(): void {
    if (this.#what === null) return
    this.#bar.stop()
    this.#what = null
  }
}
