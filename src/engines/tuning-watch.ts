/** So many runs of a session are looked at: the first ones, which also load pages and compile. */
const WATCHED_RUNS = 16
/** With fewer, a slow step says nothing: it may be the first touch of its memory. */
const MIN_RUNS = 5
/** A step that takes so many times what is expected, or so many times less, is not the one that was measured. */
const FAR_FACTOR = 3
/** Below this a step's time is the barrier's and the clock's. */
const FAR_MS = 0.1
/** Threads that were kept from running more than this make no step look fast. */
const CALM_LOAD = 1.25

/** A step, by its index, that takes something else than is expected, and what it takes when nothing else runs. */
export interface DoubtfulStep {
  readonly step: number
  readonly ms: number
}

/**
 * Compares what steps take in a session's first runs with what they took when their tiles were chosen. One that is far
 * off was chosen while something else disturbed the machine, or its choice in the cache is not what was measured. Or it can't
 * be measured alone (one whose threads share the memory's bandwidth, say): so what it took in runs is expected as well, once
 * it was doubted and measured again.
 */
export class TuningWatch {
  readonly #expectedMs: readonly (readonly number[])[]
  readonly #threads: number
  readonly #runs: (readonly number[])[] = []
  #elapsedMs = 0
  #processorMs = 0

  /** `expectedMs` by step: it may take what lies between these times; none for a step whose tile was not measured. */
  constructor(expectedMs: readonly (readonly number[])[], threads: number) {
    this.#expectedMs = expectedMs
    this.#threads = threads
  }

  /** Whether another run would be looked at. */
  get isWatching(): boolean {
    return this.#runs.length < WATCHED_RUNS && this.#expectedMs.some((times) => times.length > 0)
  }

  /** A run's step times, how long it took, and the processor time that this process had in it (null: not known). */
  add(stepTimesMs: readonly number[], elapsedMs: number, processorMs: number | null): void {
    this.#runs.push(stepTimesMs)
    this.#elapsedMs += elapsedMs
    this.#processorMs += processorMs ?? this.#threads * elapsedMs
  }

  /** The steps that are far from what is expected. */
  doubtfulSteps(): DoubtfulStep[] {
    if (this.#runs.length < MIN_RUNS) return []
    // How many times as long all takes because the system gave the threads to others.
    const load = Math.max(1, (this.#threads * this.#elapsedMs) / Math.max(this.#processorMs, 1e-6))
    return this.#expectedMs.flatMap((expected, step) => {
      if (expected.length === 0) return []
      const times = this.#runs.map((run) => run[step]!).sort((a, b) => a - b)
      const [lowest, middle] = [times[0]!, times[times.length >> 1]!]
      const [least, most] = [Math.min(...expected), Math.max(...expected)]
      const isSlow = lowest > FAR_FACTOR * load * most && lowest - most > FAR_MS
      const isFast = load < CALM_LOAD && FAR_FACTOR * middle < least && least - middle > FAR_MS
      return isSlow || isFast ? [{ step, ms: middle / load }] : []
    })
  }
}
