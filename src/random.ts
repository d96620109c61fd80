// The same bits on every engine and machine: only + - * / and Math.sqrt, and integers by Math.imul and shifts. A value
// is a function of (seed, tensor, index), so any thread can make any range of a tensor.

export interface RandomOptions {
  /** An integer from 0 to 2^53 - 1. */
  readonly seed: number
  /** The tensor's name: two tensors with the same seed differ. */
  readonly tensor: string
  readonly mean?: number
  readonly sd?: number
  /** Index of `values[0]` in the tensor, if only a range of it is made. */
  readonly firstIndex?: number
}

/**
 * Fills with uniform values in (0, 1): odd multiples of 2^-24, which float32 holds exactly, so that none is rounded
 * to 1. Takes no `mean` and `sd`.
 */
export function uniform(
  values: Float32Array | Float64Array,
  { seed, tensor, firstIndex = 0 }: Omit<RandomOptions, 'mean' | 'sd'>,
): void {
  const key = keyOf(seed, tensor)
  for (let i = 0; i < values.length; i++) {
    values[i] = (Math.floor(uniformAt(key, firstIndex + i, 0) * 2 ** 23) + 0.5) * 2 ** -23
  }
}

/** Fills with a normal distribution: mean 0 and sd 1 unless given. */
export function normal(values: Float32Array | Float64Array, options: RandomOptions): void {
  const { mean = 0, sd = 1, firstIndex = 0 } = options
  const key = keyOf(options.seed, options.tensor)
  for (let i = 0; i < values.length; i++) {
    values[i] = mean + sd * inverseNormal(uniformAt(key, firstIndex + i, 0))
  }
}

/** Fills with a normal distribution whose values past 2 sd are drawn again, as TensorFlow's truncated_normal. */
export function truncatedNormal(values: Float32Array | Float64Array, options: RandomOptions): void {
  const { mean = 0, sd = 1, firstIndex = 0 } = options
  const key = keyOf(options.seed, options.tensor)
  for (let i = 0; i < values.length; i++) {
    let value = inverseNormal(uniformAt(key, firstIndex + i, 0))
    for (let draw = 1; value > 2 || value < -2; draw++) {
      value = inverseNormal(uniformAt(key, firstIndex + i, draw))
    }
    values[i] = mean + sd * value
  }
}

/** What a tensor's values depend on, in addition to their index: two words of 32 bits. */
export interface RandomKey {
  readonly low: number
  readonly high: number
}

/** 2^32 over the golden ratio: odd, and its multiples are spread evenly over 32 bits. */
const GOLDEN = 0x9e3779b9

/** A hash (not a cipher) of the seed and of the name's UTF-8 bytes. */
export function keyOf(seed: number, tensor: string): RandomKey {
  let low = mix((seed | 0) + GOLDEN)
  let high = mix((seed / 2 ** 32) ^ low)
  for (const byte of new TextEncoder().encode(tensor)) {
    low = mix((low ^ byte) + GOLDEN)
    high = mix((high ^ low) + GOLDEN)
  }
  return { low, high }
}

/**
 * The `draw`-th value at an index from 0 to 2^53 - 1: a float64 in (0, 1), an odd multiple of 2^-53. Four Feistel
 * rounds make 64 bits of the index's two words; with the same key and draw no two indices give the same 64 bits.
 */
export function uniformAt(key: RandomKey, index: number, draw: number): number {
  const low = key.low + Math.imul(draw, GOLDEN)
  const high = key.high ^ draw
  let left = index | 0
  let right = (index / 2 ** 32) | 0
  left ^= mix(right + low)
  right ^= mix(left + high)
  left ^= mix((right ^ low) + GOLDEN)
  right ^= mix((left ^ high) + GOLDEN)
  return ((left >>> 0) * 2 ** 20 + (right >>> 12) + 0.5) * 2 ** -52
}

/** A different key for each of up to 2^32 runs; run 0 has the key itself. */
export function keyOfTurn({ low, high }: RandomKey, turn: number): RandomKey {
  return { low, high: high ^ mix(turn) }
}

/** 32 bits for an index, of which only the low 32 bits count: for decisions that kernels make with vectors of integers. */
export function hashAt(key: RandomKey, index: number): number {
  return mix(mix(index ^ key.low) ^ key.high)
}

export const MIX_FACTORS = [0x85ebca6b, 0xc2b2ae35] as const

/** Maps 32 bits to 32 others, one to one; every bit depends on every bit. Source: MurmurHash3's fmix32. */
function mix(bits: number): number {
  bits = Math.imul(bits ^ (bits >>> 16), MIX_FACTORS[0])
  bits = Math.imul(bits ^ (bits >>> 13), MIX_FACTORS[1])
  return bits ^ (bits >>> 16)
}

// AS 241's coefficients, of r^0 first: numerator and denominator for |p - 1/2| <= 0.425, for the tails, and for the
// tails past exp(-25).
const CENTRE = [
  [
    3.3871328727963665, 133.14166789178438, 1971.5909503065513, 13731.69376550946, 45921.95393154987,
    67265.7709270087, 33430.57558358813, 2509.0809287301227,
  ],
  [
    1, 42.31333070160091, 687.1870074920579, 5394.196021424751, 21213.794301586597, 39307.89580009271,
    28729.085735721943, 5226.495278852854,
  ],
] as const
const TAIL = [
  [
    1.4234371107496835, 4.630337846156546, 5.769497221460691, 3.6478483247632045, 1.2704582524523684,
    0.2417807251774506, 0.022723844989269184, 0.0007745450142783414,
  ],
  [
    1, 2.053191626637759, 1.6763848301838038, 0.6897673349851, 0.14810397642748008, 0.015198666563616457,
    0.0005475938084995345, 1.0507500716444169e-9,
  ],
] as const
const FAR_TAIL = [
  [
    6.657904643501103, 5.463784911164114, 1.7848265399172913, 0.29656057182850487, 0.026532189526576124,
    0.0012426609473880784, 2.7115555687434876e-5, 2.0103343992922881e-7,
  ],
  [
    1, 0.599832206555888, 0.1369298809227358, 0.014875361290850615, 0.0007868691311456133,
    1.8463183175100548e-5, 1.421511758316446e-7, 2.0442631033899397e-15,
  ],
] as const

/**
 * The standard normal's quantile at `p` in (0, 1), to about 1 part in 10^16.
 * Source: Wichura 1988, algorithm AS 241, PPND16.
 */
export function inverseNormal(p: number): number {
  const q = p - 0.5
  if (q <= 0.425 && q >= -0.425) {
    const r = 0.180625 - q * q
    return (q * polynomial(CENTRE[0], r)) / polynomial(CENTRE[1], r)
  }
  const r = Math.sqrt(-logarithm(q < 0 ? p : 1 - p))
  const magnitude =
    r <= 5
      ? polynomial(TAIL[0], r - 1.6) / polynomial(TAIL[1], r - 1.6)
      : polynomial(FAR_TAIL[0], r - 5) / polynomial(FAR_TAIL[1], r - 5)
  return q < 0 ? -magnitude : magnitude
}

/** c[0] + c[1] x + ... + c[7] x^7 by Horner's rule. */
function polynomial(c: readonly number[], x: number): number {
  return ((((((c[7]! * x + c[6]!) * x + c[5]!) * x + c[4]!) * x + c[3]!) * x + c[2]!) * x + c[1]!) * x + c[0]!
}

const float64 = new Float64Array(1)
const words = new Uint32Array(float64.buffer) // little-endian, as are all machines that JavaScript engines run on

// 2/3 + 2/5 z + 2/7 z^2 + ..., adjusted to end after seven terms
const LOGARITHM = [
  0.6666666666666735, 0.3999999999940942, 0.2857142874366239, 0.22222198432149784, 0.1818357216161805,
  0.15313837699209373, 0.14798198605116586, 0,
]

/**
 * The natural logarithm of a normal float64 over 0, to a unit in the last place or two; unlike Math.log, the same on
 * every engine. x = m 2^e with m in [sqrt(1/2), sqrt(2)); log m = 2 (s + s^3 / 3 + s^5 / 5 + ...) where
 * s = (m - 1) / (m + 1). Source: fdlibm's e_log.c.
 */
export function logarithm(x: number): number {
  float64[0] = x
  const high = words[1]!
  // Subtracting the high word of sqrt(1/2) borrows from the exponent just where the mantissa is below it
  const exponent = (high - 0x3fe6a09e) >> 20
  words[1] = high - (exponent << 20)
  const s = (float64[0] - 1) / (float64[0] + 1)
  const z = s * s
  return exponent * Math.LN2 + (2 * s + s * z * polynomial(LOGARITHM, z))
}
