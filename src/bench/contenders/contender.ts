// What takes turns in a comparison: each in its own process, which is stopped between its turns.
import { ContenderProcess } from './contender-process.ts'
import type { ContenderReady, ContenderReply, ContenderRequest, ContenderSetup } from './protocol.ts'

/** Longer than any engine needs: after this it counts as hung and is ended. */
export interface Limits {
  readonly startMs: number
  readonly turnMs: number
}

const LIMITS: Limits = { startMs: 300_000, turnMs: 120_000 }
/** For peers that take minutes for a run. */
const SLOW_LIMITS: Limits = { startMs: 3_600_000, turnMs: 1_800_000 }
/** Before it is ready it is checked, in float64 and by plain loops: of a batch through a large network that takes many minutes. */
const LEAST_CHECKED_FLOPS_A_MS = 1e5

/** For a contender whose run has so many FLOPs. */
export const limitsFor = ({
  isSlow,
  flops,
}: {
  readonly isSlow: boolean
  readonly flops: number
}): Limits => {
  const { startMs, turnMs } = isSlow ? SLOW_LIMITS : LIMITS
  return { startMs: Math.max(startMs, flops / LEAST_CHECKED_FLOPS_A_MS), turnMs }
}

interface ContenderOptions {
  readonly limits?: Limits
  /** Ends the current request. */
  readonly signal?: AbortSignal | undefined
}

export class Contender {
  readonly setup: ContenderSetup
  readonly ready: ContenderReady
  readonly #process: ContenderProcess
  readonly #limits: Limits
  readonly #signal: AbortSignal | undefined

  private constructor(
    process: ContenderProcess,
    setup: ContenderSetup,
    ready: ContenderReady,
    { limits = LIMITS, signal }: ContenderOptions,
  ) {
    this.#process = process
    this.setup = setup
    this.ready = ready
    this.#limits = limits
    this.#signal = signal
  }

  /**
   * Starts `script` with the setup, waits until it is ready and then stops it. Throws UnavailableError for what is not
   * possible here, ConvmarkError if it fails, ends or hangs, and InterruptedError when the signal is aborted; its
   * process is ended in each of these cases.
   */
  static async start(
    script: URL,
    setup: ContenderSetup,
    { limits = LIMITS, signal }: ContenderOptions = {},
  ): Promise<Contender> {
    const process = new ContenderProcess(script, setup)
    try {
      const ready = await process.next('ready', limits.startMs, signal)
      process.pause()
      return new Contender(process, setup, ready, { limits, signal })
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
      const reply = await this.#process.next(kind, this.#limits.turnMs, this.#signal)
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
