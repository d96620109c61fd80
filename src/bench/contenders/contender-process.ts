import { type ChildProcess, fork } from 'node:child_process'
import { ConvmarkError, InterruptedError, UnavailableError, UsageError } from '../../errors.ts'
import type { ContenderReply, ContenderRequest, ContenderSetup } from './protocol.ts'
import { Watchdog } from './watchdog.ts'

/** The path to this build, for a peer's runner that is not beside it. */
const DIST_FOLDER = '../../'
const env = { ...process.env, CONVMARK_DIST: new URL(DIST_FOLDER, import.meta.url).href }

/** None outlives this process: it ends them itself, or the watchdog does if this process is killed. */
const running = new Set<ContenderProcess>()
const watchdog = new Watchdog()
process.on('exit', () => {
  for (const child of running) child.end()
})

/** A process group, so that a library's own children are stopped and ended with it. */
export class ContenderProcess {
  readonly #name: string
  readonly #child: ChildProcess
  readonly #replies: ContenderReply[] = []
  #wake: () => void = () => {}
  #endedWith: string | null = null

  constructor(script: URL, setup: ContenderSetup) {
    this.#name = setup.engine
    // The argument is for whoever lists the processes.
    this.#child = fork(script, [setup.engine], {
      detached: true,
      env,
      // So that a peer's runner can import from a folder that is not its own.
      execArgv: [...process.execArgv, ...(setup.packagesFrom ? ['--experimental-import-meta-resolve'] : [])],
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    })
    if (this.#child.pid !== undefined) watchdog.watch(this.#child.pid)
    this.send({ kind: 'setup', setup })
    running.add(this)
    this.#child.on('message', (reply: ContenderReply) => {
      this.#replies.push(reply)
      this.#wake()
    })
    const end = (how: string) => {
      this.#endedWith ??= how
      this.#wake()
    }
    this.#child.on('error', (error) => end(error.message))
    this.#child.on('exit', (code, signal) => {
      this.end() // its own children
      end(signal ? `signal ${signal}` : `exit code ${code}`)
    })
  }

  send(request: ContenderRequest): void {
    if (!this.#child.connected) return
    // Sending fails where the process has just ended. Its exit, which `next` reports, tells more than `write EPIPE`.
    this.#child.send(request, (error) => {
      if (error) this.#signal('SIGKILL')
    })
  }

  /** The next reply of this kind. Throws InterruptedError when the signal is aborted. */
  async next<Kind extends ContenderReply['kind']>(
    kind: Kind,
    limitMs: number,
    signal?: AbortSignal,
  ): Promise<Extract<ContenderReply, { kind: Kind }>> {
    const deadline = performance.now() + limitMs
    for (;;) {
      const reply = this.#replies.shift()
      if (reply?.kind === kind) return reply as Extract<ContenderReply, { kind: Kind }>
      // First, because whatever interrupts this process may also have ended that one.
      else if (signal?.aborted) throw new InterruptedError(`${this.#name}: interrupted`)
      else if (reply?.kind === 'unsupported') throw new UnavailableError(reply.reason)
      else if (reply?.kind === 'misused') throw new UsageError(reply.reason)
      else if (reply?.kind === 'failed') throw new ConvmarkError(reply.reason)
      else if (reply) throw new ConvmarkError(`${this.#name}: '${reply.kind}' where '${kind}' was due`)
      else if (this.#endedWith !== null)
        throw new ConvmarkError(`${this.#name}: its process ended with ${this.#endedWith}`)
      else if (!(await this.#newsBefore(deadline, signal)))
        throw new ConvmarkError(`${this.#name}: no answer in ${limitMs / 1000} s; it was ended`)
    }
  }

  /** Stopped, so that threads that spin while they wait take no time from others. */
  pause(): void {
    this.#signal('SIGSTOP')
  }

  resume(): void {
    this.#signal('SIGCONT')
  }

  end(): void {
    this.#signal('SIGKILL')
    running.delete(this)
    if (this.#child.pid !== undefined) watchdog.release(this.#child.pid)
  }

  async #newsBefore(deadline: number, signal: AbortSignal | undefined): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined
    const wake = () => this.#wake()
    const news = new Promise<boolean>((resolve) => {
      this.#wake = () => resolve(true)
      timer = setTimeout(() => resolve(false), Math.max(0, deadline - performance.now()))
      signal?.addEventListener('abort', wake)
    })
    try {
      return await news
    } finally {
      clearTimeout(timer)
      signal?.removeEventListener('abort', wake)
    }
  }

  #signal(name: NodeJS.Signals): void {
    const { pid } = this.#child
    if (pid === undefined || !running.has(this)) return
    try {
      process.kill(-pid, name)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
  }
}
