import { type ChildProcess, spawn } from 'node:child_process'
import type { Socket } from 'node:net'
import { fileURLToPath } from 'node:url'

const SCRIPT = new URL('./watchdog-process.js', import.meta.url)
/** One that does not stay is not started for ever. */
const MAX_STARTS = 20

/**
 * Ends process groups when this process is gone, however it went: one that is killed (`kill -9`, out of memory) can't do so
 * itself, and a group that is stopped notices nothing. A process of its own waits for that; it ends when no group is watched.
 */
export class Watchdog {
  readonly #groups = new Set<number>()
  #process: ChildProcess | null = null
  #starts = 0

  watch(group: number): void {
    this.#groups.add(group)
    if (this.#process) this.#tell(`+${group}\n`)
    else this.#start()
  }

  /** To be called when the group has ended: its number may become another's. */
  release(group: number): void {
    if (!this.#groups.delete(group)) return
    this.#tell(`-${group}\n`)
    if (this.#groups.size > 0) return
    this.#process?.stdin?.end()
    this.#process = null
    this.#starts = 0
  }

  #start(): void {
    if (this.#starts++ >= MAX_STARTS) return
    // No options of this Node, such as a debugger's port
    const { NODE_OPTIONS: _, ...env } = process.env
    // Told in its very arguments: this process may be killed before it writes another word
    const child = spawn(process.execPath, [fileURLToPath(SCRIPT), ...[...this.#groups].map(String)], {
      detached: true, // a signal to this process and its group is none for it
      env,
      stdio: ['pipe', 'ignore', 'ignore'],
    })
    this.#process = child
    child.unref()
    const stdin = child.stdin as Socket
    stdin.unref()
    stdin.on('error', () => {}) // it has ended, and the next one is told all
    const ended = (): void => {
      if (this.#process !== child) return
      this.#process = null
      if (this.#groups.size > 0) this.#start()
    }
    child.on('error', ended)
    child.on('exit', ended)
  }

  /** The system keeps what is written until it is read, so all of it is known even if this process ends right now. */
  #tell(lines: string): void {
    this.#process?.stdin?.write(lines)
  }
}
