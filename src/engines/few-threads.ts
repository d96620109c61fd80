import { CALLING_THREAD } from '../runtime/executor.ts'

/** On which threads a plan runs, if not on all of an engine's. */
export interface FewerThreads {
  /** How many threads it runs on. */
  readonly threads: number
  /** How many threads the engine has. */
  readonly of: number
  /** Whether it is the calling thread, which computes itself, instead of one of the engine's. */
  readonly isCallingThread: boolean
  /** How many times as long a run takes on all of them. */
  readonly slowdownOnAll: number
}

/** Runs that take longer than this on all threads are not tried on fewer. */
const SMALL_MS = 1
/** The calling thread may have other things to do, such as drawing 60 frames a second: it computes no longer than this. */
const MOST_ON_CALLING_THREAD_MS = 0.5
/** After so many runs numbers are tried: more than once, since code that is new becomes faster. */
const TRIED_AFTER_RUNS = [10, 100, 1000]
const ROUNDS = 9
/** All threads must gain this much over fewer: less is within what such short runs differ by. */
const LEAST_GAIN_OF_ALL = 1.05
/** So much the calling thread must gain over the others: while it computes it can do nothing else. */
const LEAST_GAIN_OF_CALLING_THREAD = 1.05

/**
 * On how many threads runs of a plan are fastest. To wake a thread and to wait for it at each barrier takes a while,
 * which the steps of a small network do not gain. It is measured in the runs that the caller makes, with their pauses: if
 * they are short, some of them are made on 1, 2, 4, ... threads and on the calling thread in turns.
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

  /** `hasChoice`: whether other numbers of threads, and the calling thread, can run the plan at all. */
  constructor(threads: number, hasChoice = true) {
    this.#threads = threads
    this.#current = threads
    if (!hasChoice) this.#tried = TRIED_AFTER_RUNS.length
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
    counts.push(CALLING_THREAD)
    return { counts, timesMs: counts.map((): number[] => []), turn: 0 }
  }

  #decide(counts: readonly number[], timesMs: readonly number[][]): void {
    const medians = timesMs.map((all) => all.sort((a, b) => a - b)[ROUNDS >> 1]!)
    const [onAll, onCalling] = [medians[0]!, medians.at(-1)!]
    const onFewer = medians.slice(1, -1)
    let least = Math.min(...onFewer)
    this.#current = this.#threads
    if (least < LEAST_GAIN_OF_ALL * onAll) this.#current = counts[1 + onFewer.indexOf(least)]!
    else least = onAll
    if (onCalling <= MOST_ON_CALLING_THREAD_MS && LEAST_GAIN_OF_CALLING_THREAD * onCalling < least) {
      this.#current = CALLING_THREAD
      least = onCalling
    }
    const isCallingThread = this.#current === CALLING_THREAD
    const threads = isCallingThread ? 1 : this.#current
    this.#fewer =
      this.#current === this.#threads
        ? null
        : { threads, of: this.#threads, isCallingThread, slowdownOnAll: onAll / least }
  }
}
