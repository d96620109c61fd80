import type { SingleBar } from 'cli-progress'

/** A bar on stderr while there is something to wait for; on a terminal alone, and not in CI. */
export interface Progress {
  /** `detail` stands behind the count. */
  update(what: string, done: number, total: number, detail?: string): void
  /** Takes the bar off the terminal, so that a line can be printed; the next update draws it again. */
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
      linewrap: true, // as the terminal has it: an exit in the middle leaves nothing to be undone
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
