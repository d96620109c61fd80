import { keyOf, uniformAt } from '../random.ts'

/**
 * The indexes from 0 to `count - 1` in an order for this epoch: a pure function of the three arguments. Source:
 * Fisher-Yates.
 */
export function epochOrder(count: number, seed: number, epoch: number): Uint32Array {
  return shuffled(count, seed, `order of epoch ${epoch}`)
}

/** As `epochOrder`, for what is shuffled once; `purpose` distinguishes shuffles with the same seed. */
export function shuffled(count: number, seed: number, purpose: string): Uint32Array {
  const order = Uint32Array.from({ length: count }, (_, index) => index)
  const key = keyOf(seed, purpose)
  for (let last = count - 1; last > 0; last--) {
    const other = Math.floor(uniformAt(key, last, 0) * (last + 1))
    const index = order[last]!
    order[last] = order[other]!
    order[other] = index
  }
  return order
}
