// The range of numbers in a file. Beyond these limits the file is damaged, and sums and ratios of its numbers could
// overflow a double.
import * as z from 'zod/mini'

/** Thirty thousand years. */
const MAX_MS = 1e15
export const milliseconds = z.number().check(z.nonnegative(), z.lte(MAX_MS))

/** FLOPs, bytes, images, and each of them a second: ten million times what the largest machines do in a day. */
const MAX_AMOUNT = 1e30
export const amount = z.number().check(z.nonnegative(), z.lte(MAX_AMOUNT))

/** An amount that others are divided by, so it must not be close to 0. */
const MIN_LIMIT = 1e-9
export const limit = z.number().check(z.gte(MIN_LIMIT), z.lte(MAX_AMOUNT))

/** How many times as much. */
const MAX_RATIO = 1e15
export const ratio = z.number().check(z.gte(1 / MAX_RATIO), z.lte(MAX_RATIO))

/** A training that diverges produces very large numbers, whose sums must still be finite. */
const MAX_REAL = 1e300
export const real = z.number().check(z.gte(-MAX_REAL), z.lte(MAX_REAL))

/** The lower end first. */
export const intervalOf = (ends: z.ZodMiniType<number>) =>
  z
    .tuple([ends, ends])
    .check(
      z.refine(([low, high]) => low <= high, { error: 'Invalid input: its low end is above its high end' }),
    )
