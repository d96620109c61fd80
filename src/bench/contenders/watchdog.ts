import { type ChildProcess, spawn } from 'node:child_process'
import type { Socket } from 'node:net'
import { fileURLToPath } from 'node:url'

const SCRIPT = new URL('./watchdog-process.js', import.meta.url)
/** A watchdog that keeps ending is not restarted forever. */
const MAX_STARTS = 20

/**
 * Ends process groups when this process is gone, for whatever reason: a process that is killed (`kill -9`, out of
 * memory) can't do so itself, and a stopped group notices nothing. A separate process waits for that; it ends when no
 * group is watched.
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

  /** Call it when the group has ended, since its number may be used again. */
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
    // Not this Node's options, such as a debugger's port
    const { NODE_OPTIONS: _, ...env } = process.env
    // Given as arguments, because this process may be killed before it can write to it
    const child = spawn(process.execPath, [fileURLToPath(SCRIPT), ...[...this.#groups].map(String)], {
      detached: true, // signals to this process and its group do not reach it
      env,
      stdio: ['pipe', 'ignore', 'ignore'],
    })
    this.#process = child
    child.unref()
    const stdin = child.stdin as Socket
    stdin.unref()
    stdin.on('error', () => {}) // it has ended, and its successor is given all groups
    const ended = (): void => {
      if (this.#process !== child) return
      this.#process = null
      if (this.#groups.size > 0) this.#start()
    }
    child.on('error', ended)
    child.on('exit', ended)
  }

  /** The system keeps what was written until it is read, so nothing is lost even if this process ends right now. */
  #tell(lines: string): void {
    this.#process?.stdin?.write(lines)
  }
}
