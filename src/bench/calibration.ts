/** Some 6 ms at 3 GHz: long enough that a timer interrupt does not matter, short enough to be done many times. */
const ROUNDS = 2_400_000
/** Until V8's optimising compiler has compiled it. */
const WARM_UPS = 5
/** The calibration takes about a fortieth of the time, however short the samples are. */
const PERIOD_MS = 250

/**
 * A fixed piece of work, timed again and again during a benchmark. It always takes equally long, unless something else
 * uses the processor or slows it down; this shows neighbours even if the system does not report steal. It stays in
 * registers, so that the caches are as the samples left them, and it keeps the adders and multipliers busy, so that a
 * neighbour on the same core has an effect.
 */
export class Calibration {
  readonly #work: () => number
  readonly #now: () => number
  readonly #timesMs: number[] = []
  #isWarm = false
  #lastMs = -Infinity
  /** Stored, so that no compiler removes the work. */
  #sum = 0

  constructor({ work = fixedWork, now = () => performance.now() } = {}) {
    this.#work = work
    this.#now = now
  }

  /**
   * Call it between samples, as often as you like: it works if a quarter of a second has passed, and otherwise returns
   * at once.
   */
  measureIfDue(): void {
    if (this.#now() - this.#lastMs < PERIOD_MS) return
    if (!this.#isWarm) for (let i = 0; i < WARM_UPS; i++) this.#sum += this.#work()
    this.#isWarm = true
    const startMs = this.#now()
    this.#sum += this.#work()
    this.#lastMs = this.#now()
    this.#timesMs.push(this.#lastMs - startMs)
  }

  /** The slowest time over the fastest; null before there are two. */
  spread(): number | null {
    if (this.#timesMs.length < 2) return null
    return Math.max(...this.#timesMs) / Math.min(...this.#timesMs)
  }
}

/** Twelve independent sums: more than two multipliers with a latency of four cycles need. All approach 2. */
function fixedWork(): number {
  let [a, b, c, d, e, f] = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
  let [g, h, i, j, k, l] = [0.7, 0.8, 0.9, 1.1, 1.2, 1.3]
  for (let round = 0; round < ROUNDS; round++) {
    a = a * 0.5 + 1
    b = b * 0.5 + 1
    c = c * 0.5 + 1
    d = d * 0.5 + 1
    e = e * 0.5 + 1
    f = f * 0.5 + 1
    g = g * 0.5 + 1
    h = h * 0.5 + 1
    i = i * 0.5 + 1
    j = j * 0.5 + 1
    k = k * 0.5 + 1
    l = l * 0.5 + 1
  }
  return a + b + c + d + e + f + g + h + i + j + k + l
}
