// Numbers and records as a damaged file, or a strange machine, may have them.
import fc from 'fast-check'

const STRANGE = [0, -0, 5e-324, 1e-300, 1e-9, 1e-3, 1, 2 ** 53, 1e15, 1e21, 1e30, 1e300, Number.MAX_VALUE]

/** Any number that a program can come upon, the strange ones often. */
export const anyNumber: fc.Arbitrary<number> = fc.oneof(
  fc.constantFrom(...STRANGE, ...STRANGE.map((value) => -value), Number.NaN, Infinity, -Infinity),
  fc.double(),
)
