/** On how many of an engine's threads a plan runs, if it is not all of them. */
export interface FewerThreads {
  readonly threads: number
  readonly of: number
  /** How many times as long a run takes on all of them. */
  readonly slowdownOnAll: number
}

/** Runs that take longer than this on all threads are not tried on fewer. */
const SMALL_MS = 1
/** After so many runs numbers are tried: more than once, since code that is new becomes faster. */
const TRIED_AFTER_RUNS = [10, 100, 1000]
const ROUNDS = 9
/** All threads must gain this much over fewer: less is within what such short runs differ by. */
const LEAST_GAIN_OF_ALL = 1.05

/**
 * On how many threads runs of a plan are fastest. To wake a thread and to wait for it at each barrier takes a while, which the
 * steps of a small network do not gain. It is measured in the runs that the caller makes, with their pauses: if they
 * are short, some of them are made on 1, 2, 4, ... threads in turns.
 */
export class ThreadChoice {
  readonly #threads: number
  #current: number
  #runs = 0
  #tried = 0
  #leastMs = Infinity
  /** Of the parts since the last whole run. */
  #partsMs = 0
  /** Numbers that are being tried, in turns, and their times; null between trials. */
  #trial: { readonly counts: readonly number[]; readonly timesMs: readonly number[][]; turn: number } | null =
    null
  #fewer: FewerThreads | null = null

  constructor(threads: number) {
    this.#threads = threads
    this.#current = threads
    if (threads === 1) this.#tried = TRIED_AFTER_RUNS.length
  }

  /** How many threads the next run should use. */
  get next(): number {
    const trial = this.#trial
    return trial === null ? this.#current : trial.counts[trial.turn % trial.counts.length]!
  }

  /** What was found last; null if all threads are used. */
  get fewer(): FewerThreads | null {
    return this.#fewer
  }

  /** Whether runs are small and nothing was decided yet. */
  get isTrying(): boolean {
    return this.#tried === 0 && this.#leastMs <= SMALL_MS
  }

  /** How long a run took that used `next` threads; if it was not the last part of a training step, others follow. */
  add(partMs: number, isLastPart = true): void {
    if (this.#tried === TRIED_AFTER_RUNS.length) return
    this.#partsMs += partMs
    if (!isLastPart) return
    const elapsedMs = this.#partsMs
    this.#partsMs = 0
    const trial = this.#trial
    if (trial === null) {
      this.#runs++
      this.#leastMs = Math.min(this.#leastMs, elapsedMs)
      if (this.#runs < TRIED_AFTER_RUNS[this.#tried]!) return
      if (this.#leastMs <= SMALL_MS) this.#trial = this.#newTrial()
      else this.#tried++
      return
    }
    trial.timesMs[trial.turn % trial.counts.length]!.push(elapsedMs)
    if (++trial.turn < ROUNDS * trial.counts.length) return
    this.#decide(trial.counts, trial.timesMs)
    this.#trial = null
    this.#tried++
  }

  #newTrial() {
    const counts = [this.#threads]
    for (let count = 1; count < this.#threads; count *= 2) counts.push(count)
    return { counts, timesMs: counts.map((): number[] => []), turn: 0 }
  }

  #decide(counts: readonly number[], timesMs: readonly number[][]): void {
    const [onAll, ...onFewer] = timesMs.map((all) => all.sort((a, b) => a - b)[ROUNDS >> 1]!) as [
      number,
      ...number[],
    ]
    const least = Math.min(...onFewer)
    const isFewer = least < LEAST_GAIN_OF_ALL * onAll
    this.#current = isFewer ? counts[1 + onFewer.indexOf(least)]! : this.#threads
    this.#fewer = isFewer ? { threads: this.#current, of: this.#threads, slowdownOnAll: onAll / least } : null
  }
}
