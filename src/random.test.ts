import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { inverseNormal, keyOf, logarithm, normal, truncatedNormal, uniform, uniformAt } from './random.ts'

const COUNT = 1_000_000
const distributions = { uniform, normal, truncatedNormal }

/** 2^53 - 1, the last index and the last seed. */
const LAST = Number.MAX_SAFE_INTEGER

function draw(
  distribution: keyof typeof distributions,
  tensor = 'images',
  seed = 7,
  count = COUNT,
): Float64Array {
  const values = new Float64Array(count)
  distributions[distribution](values, { seed, tensor })
  return values
}

function moments(values: Float64Array) {
  let [mean, variance, fourth] = [0, 0, 0]
  for (const value of values) mean += value / values.length
  for (const value of values) {
    variance += (value - mean) ** 2 / values.length
    fourth += (value - mean) ** 4 / values.length
  }
  return { mean, variance, kurtosis: fourth / variance ** 2 }
}

function correlation(a: Float64Array, b: Float64Array): number {
  let [ab, aa, bb] = [0, 0, 0]
  for (let i = 0; i < a.length; i++) {
    ab += a[i]! * b[i]!
    aa += a[i]! ** 2
    bb += b[i]! ** 2
  }
  return ab / Math.sqrt(aa * bb)
}

/** The standard normal's distribution function for |x| < 8: Marsaglia 2004's series, exact to about 1e-15. */
function normalCdf(x: number): number {
  let [term, sum] = [x, x]
  for (let n = 3; Math.abs(term) > 1e-18; n += 2) sum += term *= (x * x) / n
  return 0.5 + sum * (Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI))
}

/** Kolmogorov and Smirnov's distance times sqrt(n): above 1.95 about once in a thousand samples of the right distribution. */
function kolmogorov(values: Float64Array, cdf: (value: number) => number): number {
  const sorted = values.slice().sort()
  let distance = 0
  sorted.forEach((value, i) => {
    const [p, n] = [cdf(value), sorted.length]
    distance = Math.max(distance, p - i / n, (i + 1) / n - p)
  })
  return distance * Math.sqrt(values.length)
}

describe('the very bits', () => {
  // scripts/goldens.py makes the same with NumPy. The second key's words are negative, as are half of all.
  it.each([
    ['uniform', 'images', '9cc80227bc9fad81590dd8c2fc269614bf1e77fc28af827bcacb0d0f57248c1c'],
    ['normal', 'images', '0a17924f6b4ef8e22e0b2c0bc633e4f86a704aea9d4d7644af25126e571c4ea5'],
    ['normal', 'conv2/weights', '4f6f081638e42d8af1e887ee303d974667d4e14ee197042474f299fcef072dc0'],
    ['truncatedNormal', 'images', '16d898262190814ea7e4fe910513be71ec935ebaf01e3793090cc4c223ef18fd'],
  ] as const)('%s of %s: SHA-256 of the first million', (distribution, tensor, hash) => {
    const values = new Float32Array(COUNT)
    distributions[distribution](values, { seed: 7, tensor })
    expect(createHash('sha256').update(values).digest('hex')).toBe(hash)
  })

  it('past 32 bits of index and seed, and at later draws', () => {
    const key = keyOf(LAST, '画像')
    expect(uniformAt(key, 2 ** 32 - 1, 0)).toBe(0.5622335878175658)
    expect(uniformAt(key, 2 ** 32, 0)).toBe(0.8951624916264475)
    expect(uniformAt(key, LAST, 1)).toBe(0.3874289978527038)
    expect(uniformAt(key, 2 ** 40 + 12345, 300)).toBe(0.7867424473579115)
  })

  it('a part is what it is in the whole', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...(Object.keys(distributions) as (keyof typeof distributions)[])),
        fc.nat(1000),
        fc.nat(100),
        (name, firstIndex, count) => {
          const part = new Float64Array(count)
          distributions[name](part, { seed: 3, tensor: 'conv1/weights', firstIndex })
          const whole = draw(name, 'conv1/weights', 3, firstIndex + count)
          expect(part).toEqual(whole.subarray(firstIndex))
        },
      ),
    )
  })

  it('an index, a seed and a draw count with all their bits', () => {
    const places = [0, 1, 2 ** 31, 2 ** 32, 2 ** 32 + 1, 2 ** 40, LAST]
    expect(new Set(places.map((index) => uniformAt(keyOf(7, 'images'), index, 0))).size).toBe(places.length)
    expect(new Set(places.map((seed) => uniformAt(keyOf(seed, 'images'), 0, 0))).size).toBe(places.length)
    expect(new Set([0, 1, 2, 3].map((n) => uniformAt(keyOf(7, 'images'), 0, n))).size).toBe(4)
  })

  it('a name counts with its UTF-8 bytes and their order', () => {
    const names = ['', 'a', 'ab', 'ba', '\u00e9', 'e\u0301', '画像', '\0']
    expect(new Set(names.map((name) => JSON.stringify(keyOf(7, name)))).size).toBe(names.length)
  })
})

describe('uniform', () => {
  it('stays within (0, 1), in float32 too', () => {
    const values = new Float32Array(COUNT)
    uniform(values, { seed: 7, tensor: 'images' })
    expect(values.every((value) => value > 0 && value < 1)).toBe(true)
    expect([...values.slice(0, 100)]).toEqual([...draw('uniform').slice(0, 100)])
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.string(), fc.maxSafeNat(), (seed, tensor, index) => {
        const value = uniformAt(keyOf(seed, tensor), index, 0)
        expect(value > 0 && value < 1).toBe(true)
      }),
    )
  })

  it('is flat', () => {
    const values = draw('uniform')
    const { mean, variance, kurtosis } = moments(values)
    expect(mean).toBeCloseTo(1 / 2, 2)
    expect(variance).toBeCloseTo(1 / 12, 3)
    expect(kurtosis).toBeCloseTo(1.8, 2)
    expect(kolmogorov(values, (value) => value)).toBeLessThan(1.95)
  })

  it('flipping a bit of the index flips half of the bits', () => {
    const key = keyOf(7, 'images')
    const bits = (value: number) => [Math.floor(value * 2 ** 26), Math.floor(value * 2 ** 52) % 2 ** 26]
    for (let flipped = 0; flipped < 52; flipped++) {
      const flips = new Uint32Array(52)
      for (let index = 0; index < 2000; index++) {
        const other = Math.floor(index / 2 ** flipped) % 2 === 0 ? index + 2 ** flipped : index - 2 ** flipped
        const [a, b] = [bits(uniformAt(key, index, 0)), bits(uniformAt(key, other, 0))]
        for (let bit = 0; bit < 52; bit++) {
          const half = bit < 26 ? 0 : 1
          flips[bit]! += ((a[half]! ^ b[half]!) >>> (bit % 26)) & 1
        }
      }
      // 1000 +/- 22: 8 sd either side
      expect(Math.min(...flips)).toBeGreaterThan(820)
      expect(Math.max(...flips)).toBeLessThan(1180)
    }
  })
})

describe('normal', () => {
  it('has the moments and the distribution', () => {
    const values = draw('normal')
    const { mean, variance, kurtosis } = moments(values)
    expect(Math.abs(mean)).toBeLessThan(0.004)
    expect(Math.abs(variance - 1)).toBeLessThan(0.006)
    expect(Math.abs(kurtosis - 3)).toBeLessThan(0.02)
    expect(kolmogorov(values, normalCdf)).toBeLessThan(1.95)
  })

  it('has tails: 1 in 15,787 past 4 sd', () => {
    const past = draw('normal').filter((value) => Math.abs(value) > 4).length
    expect(past).toBeGreaterThan(63 - 4 * 8)
    expect(past).toBeLessThan(63 + 4 * 8)
  })

  it('takes mean and sd', () => {
    const values = new Float64Array(1000)
    normal(values, { seed: 7, tensor: 'images', mean: 5, sd: 0.25 })
    expect(values).toEqual(draw('normal', 'images', 7, 1000).map((value) => 5 + 0.25 * value))
  })
})

describe('truncatedNormal', () => {
  it('ends at 2 sd, and has the distribution of what is within', () => {
    const values = draw('truncatedNormal')
    expect(values.every((value) => Math.abs(value) <= 2)).toBe(true)
    expect(values.some((value) => value > 1.999)).toBe(true)
    const within = normalCdf(2) - normalCdf(-2)
    expect(kolmogorov(values, (value) => (normalCdf(value) - normalCdf(-2)) / within)).toBeLessThan(1.95)
    // 1 - 2 * 2 phi(2) / (Phi(2) - Phi(-2))
    expect(moments(values).variance).toBeCloseTo(0.7737, 2)
  })

  it('redraws only what is past 2 sd', () => {
    const [whole, truncated] = [draw('normal'), draw('truncatedNormal')]
    expect(whole.every((value, i) => Math.abs(value) > 2 || value === truncated[i])).toBe(true)
  })
})

describe('independence', () => {
  // sd 0.001 each
  it.each([
    ['tensors', draw('normal', 'conv1/weights'), draw('normal', 'conv2/weights')],
    ['seeds', draw('normal', 'images', 7), draw('normal', 'images', 8)],
    ['neighbours', draw('normal').subarray(1), draw('normal').subarray(0, -1)],
    ['neighbours in a row of 224 x 3', draw('normal').subarray(672), draw('normal').subarray(0, -672)],
  ])('%s are not correlated', (_what, a, b) => {
    expect(Math.abs(correlation(a, b))).toBeLessThan(0.004)
    const [aSquared, bSquared] = [a.map((value) => value ** 2 - 1), b.map((value) => value ** 2 - 1)]
    expect(Math.abs(correlation(aSquared, bSquared))).toBeLessThan(0.004)
  })

  it('draws are not correlated', () => {
    const key = keyOf(7, 'images')
    const [first, second] = [0, 1].map((n) =>
      new Float64Array(COUNT).map((_, i) => uniformAt(key, i, n) - 0.5),
    )
    expect(Math.abs(correlation(first!, second!))).toBeLessThan(0.004)
  })
})

describe('inverseNormal', () => {
  it('undoes the distribution function', () => {
    for (let x = -6; x <= 0; x += 0.01) expect(inverseNormal(normalCdf(x))).toBeCloseTo(x, x < -4 ? 5 : 10)
  })

  it('knows the quantiles of the tables', () => {
    const table = [
      [0.5, 0],
      [0.975, 1.959963984540054],
      [0.001, -3.090232306167813],
      [1e-10, -6.361340902404056],
      [1e-12, -7.034483825301132],
      [1e-16, -8.222082216130435],
    ] as const
    for (const [p, quantile] of table) expect(inverseNormal(p)).toBeCloseTo(quantile, 13)
  })

  it('is odd about 1/2, and finite at both ends', () => {
    for (const p of [2 ** -53, 1e-9, 0.01, 0.0625, 0.25])
      expect(inverseNormal(1 - p)).toBeCloseTo(-inverseNormal(p), 6)
    expect(inverseNormal(2 ** -53)).toBe(-inverseNormal(1 - 2 ** -53))
    expect(inverseNormal(2 ** -53)).toBeCloseTo(-8.209536151601386, 13)
  })
})

it('logarithm is Math.log to 2 units in the last place', () => {
  fc.assert(
    fc.property(fc.double({ min: Number.MIN_VALUE * 2 ** 52, max: 1e300, noNaN: true }), (x) => {
      expect(Math.abs(logarithm(x) - Math.log(x))).toBeLessThanOrEqual(4.5e-16 * Math.abs(Math.log(x)))
    }),
    { numRuns: 10_000 },
  )
})
