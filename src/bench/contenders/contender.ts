// What takes turns in a comparison: a process of its own each, stopped between its turns.
import { type ChildProcess, fork } from 'node:child_process'
import { ConvmarkError, UnavailableError } from '../../errors.ts'
import type { ContenderReady, ContenderReply, ContenderRequest, ContenderSetup } from './protocol.ts'

/** Where this build is, for a peer's runner that is not beside it. */
const DIST_FOLDER = '../../'
const env = { ...process.env, CONVMARK_DIST: new URL(DIST_FOLDER, import.meta.url).href }

/** Longer than any engine needs for what it is asked: then it hangs, and is ended. */
export interface Limits {
  readonly startMs: number
  readonly turnMs: number
}

export const LIMITS: Limits = { startMs: 300_000, turnMs: 120_000 }
/** Of peers that take minutes for a run. */
export const SLOW_LIMITS: Limits = { startMs: 3_600_000, turnMs: 1_800_000 }

export class Contender {
  readonly setup: ContenderSetup
  readonly ready: ContenderReady
  readonly #process: ContenderProcess
  readonly #limits: Limits

  private constructor(
    process: ContenderProcess,
    setup: ContenderSetup,
    ready: ContenderReady,
    limits: Limits,
  ) {
    this.#process = process
    this.setup = setup
    this.ready = ready
    this.#limits = limits
  }

  /**
   * Starts `script` with the setup and waits until it is ready, then stops it. Throws UnavailableError for what can't be
   * done here, ConvmarkError for one that fails, ends or hangs.
   */
  static async start(script: URL, setup: ContenderSetup, limits: Limits = LIMITS): Promise<Contender> {
    const process = new ContenderProcess(script, setup)
    try {
      const ready = await process.next('ready', limits.startMs)
      process.pause()
      return new Contender(process, setup, ready, limits)
    } catch (error) {
      process.end()
      throw error
    }
  }

  async turn(samples: number) {
    return this.#ask({ kind: 'turn', samples }, 'samples')
  }

  async peaks() {
    return this.#ask({ kind: 'peaks' }, 'peaks')
  }

  async #ask<Kind extends ContenderReply['kind']>(request: ContenderRequest, kind: Kind) {
    this.#process.resume()
    this.#process.send(request)
    try {
      const reply = await this.#process.next(kind, this.#limits.turnMs)
      this.#process.pause()
      return reply
    } catch (error) {
      this.#process.end()
      throw error
    }
  }

  end(): void {
    this.#process.end()
  }
}

/** A process group, so that a library's own children are stopped and ended with it. None outlives this process. */
const running = new Set<ContenderProcess>()
process.on('exit', () => {
  for (const child of running) child.end()
})

class ContenderProcess {
  readonly #name: string
  readonly #child: ChildProcess
  readonly #replies: ContenderReply[] = []
  #wake: () => void = () => {}
  #endedWith: string | null = null

  constructor(script: URL, setup: ContenderSetup) {
    this.#name = setup.engine
    this.#child = fork(script, [JSON.stringify(setup)], {
      detached: true,
      env,
      // So that a peer's runner can import from a folder that is not its own.
      execArgv: [...process.execArgv, ...(setup.packagesFrom ? ['--experimental-import-meta-resolve'] : [])],
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    })
    running.add(this)
    this.#child.on('message', (reply: ContenderReply) => {
      this.#replies.push(reply)
      this.#wake()
    })
    const end = (how: string) => {
      this.#endedWith ??= how
      running.delete(this)
      this.#wake()
    }
    this.#child.on('error', (error) => end(error.message))
    this.#child.on('exit', (code, signal) => end(signal ? `signal ${signal}` : `exit code ${code}`))
  }

  send(request: ContenderRequest): void {
    // One that has ended takes no message; `next` says so.
    if (this.#child.connected) this.#child.send(request)
  }

  /** The next reply of this kind. */
  async next<Kind extends ContenderReply['kind']>(
    kind: Kind,
    limitMs: number,
  ): Promise<Extract<ContenderReply, { kind: Kind }>> {
    const deadline = performance.now() + limitMs
    for (;;) {
      const reply = this.#replies.shift()
      if (reply?.kind === kind) return reply as Extract<ContenderReply, { kind: Kind }>
      if (reply?.kind === 'unsupported') throw new UnavailableError(reply.reason)
      else if (reply?.kind === 'failed') throw new ConvmarkError(reply.reason)
      else if (reply) throw new ConvmarkError(`${this.#name}: '${reply.kind}' where '${kind}' was due`)
      else if (this.#endedWith !== null)
        throw new ConvmarkError(`${this.#name}: its process ended with ${this.#endedWith}`)
      else if (!(await this.#newsBefore(deadline)))
        throw new ConvmarkError(`${this.#name}: no answer in ${limitMs / 1000} s; it was ended`)
    }
  }

  /** Stopped, so that threads which spin while they wait take no other's time. */
  pause(): void {
    this.#signal('SIGSTOP')
  }

  resume(): void {
    this.#signal('SIGCONT')
  }

  end(): void {
    this.#signal('SIGKILL')
  }

  async #newsBefore(deadline: number): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined
    const news = new Promise<boolean>((resolve) => {
      this.#wake = () => resolve(true)
      timer = setTimeout(() => resolve(false), Math.max(0, deadline - performance.now()))
    })
    try {
      return await news
    } finally {
      clearTimeout(timer)
    }
  }

  #signal(name: NodeJS.Signals): void {
    const { pid } = this.#child
    if (pid === undefined) return
    try {
      process.kill(-pid, name)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
      running.delete(this) // it has ended
    }
  }
}
