/** Where several threads wait for each other. One thread alone needs no memory for it. */
export class Barrier {
  readonly #words: Int32Array | null
  readonly #threads: number

  constructor(words: Int32Array | null, threads: number) {
    this.#words = words
    this.#threads = threads
  }

  /** Memory of a barrier, which all its threads are given. */
  static allocate(): Int32Array {
    return new Int32Array(new SharedArrayBuffer(WORDS * Int32Array.BYTES_PER_ELEMENT))
  }

  /**
   * Returns when every thread has called it; what each wrote before is then seen by all. Blocks the thread. Throws if one of the
   * threads gave up.
   */
  wait(): void {
    const words = this.#words
    if (!words || this.#threads === 1) return
    this.#requireWhole(words)
    const round = Atomics.load(words, ROUND)
    if (Atomics.add(words, ARRIVED, 1) === this.#threads - 1) {
      Atomics.store(words, ARRIVED, 0)
      Atomics.add(words, ROUND, 1)
      Atomics.notify(words, ROUND)
      return
    }
    while (Atomics.load(words, ROUND) === round) Atomics.wait(words, ROUND, round)
    this.#requireWhole(words)
  }

  #requireWhole(words: Int32Array): void {
    if (Atomics.load(words, BROKEN) !== 0) throw new Error('another thread gave up')
  }

  /** For a thread that will not come: nobody waits for it, now or later. */
  break(): void {
    const words = this.#words
    if (!words) return
    Atomics.store(words, BROKEN, 1)
    Atomics.add(words, ROUND, 1)
    Atomics.notify(words, ROUND)
  }
}

const WORDS = 3
/** How many threads have come. */
const ARRIVED = 0
/** How often all had come. */
const ROUND = 1
/** Whether a thread gave up. */
const BROKEN = 2
