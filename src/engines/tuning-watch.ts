/** How many runs of a session are looked at: the first ones, in which pages are loaded and code is compiled. */
const WATCHED_RUNS = 16
/** With fewer runs a slow step means nothing: its memory may have been touched for the first time. */
const MIN_RUNS = 5
/** A step that takes this many times more or less than expected is not the step that was measured. */
const FAR_FACTOR = 3
/** A smaller difference (in ms) may come from the barrier or the clock. */
const FAR_MS = 0.1
/** If other processes slowed the threads down by more than this factor, no step counts as fast. */
const CALM_LOAD = 1.25

/** A step, by its index, whose time differs from what is expected, and its time when nothing else runs. */
export interface DoubtfulStep {
  readonly step: number
  readonly ms: number
}

/**
 * Compares how long steps take in a session's first runs with how long they took when their tiles were chosen. If they
 * differ a lot, something disturbed the machine during the choice, or the cached choice is not what was measured. Or
 * the step can't be measured alone, for example because its threads share the memory's bandwidth: so after it was
 * doubted and measured again, its time in runs is expected as well.
 */
export class TuningWatch {
  readonly #expectedMs: readonly (readonly number[])[]
  readonly #threads: number
  readonly #runs: (readonly number[])[] = []
  #elapsedMs = 0
  #processorMs = 0

  /**
   * `expectedMs`, by step: any time between the smallest and the largest of them is expected; empty for a step whose
   * tile was not measured.
   */
  constructor(expectedMs: readonly (readonly number[])[], threads: number) {
    this.#expectedMs = expectedMs
    this.#threads = threads
  }

  /** Whether it would look at another run. */
  get isWatching(): boolean {
    return this.#runs.length < WATCHED_RUNS && this.#expectedMs.some((times) => times.length > 0)
  }

  /** A run's step times, its duration, and the processor time of this process during it (null if not known). */
  add(stepTimesMs: readonly number[], elapsedMs: number, processorMs: number | null): void {
    this.#runs.push(stepTimesMs)
    this.#elapsedMs += elapsedMs
    this.#processorMs += processorMs ?? this.#threads * elapsedMs
  }

  /** The steps whose times are far from what is expected. */
  doubtfulSteps(): DoubtfulStep[] {
    if (this.#runs.length < MIN_RUNS) return []
    // By what factor everything took longer because the system gave the cores to other processes.
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
