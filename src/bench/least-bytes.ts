import { FLOAT_BYTES } from '../codegen/program.ts'
import { readsOf, type Step, writesOf } from '../plan/steps.ts'
import type { View } from '../plan/views.ts'
import { elementCount } from '../tensor.ts'

/**
 * What steps must read and write at the least, whatever their algorithm: each tensor once, as float32, without what is only
 * between them (one makes it and another of them takes it), since it could stay in the caches. For one layer and direction
 * these are its inputs, parameters, output and their gradients. What comes from elsewhere and is changed in place is read once
 * and written once, unless another of the steps takes it.
 */
export function leastBytes(steps: readonly Step[]): number {
  // A tensor has a buffer of its own; its name may be another's too (two gradients of one tensor).
  const made = new Set<number>()
  const fromElsewhere = new Map<number, View>()
  const notTaken = new Map<number, View>()
  for (const step of steps) {
    for (const view of readsOf(step)) {
      if (!made.has(view.buffer)) fromElsewhere.set(view.buffer, view)
      notTaken.delete(view.buffer)
    }
    for (const view of writesOf(step)) {
      made.add(view.buffer)
      notTaken.set(view.buffer, view)
    }
  }
  return [...fromElsewhere.values(), ...notTaken.values()].reduce(
    (sum, { shape }) => sum + FLOAT_BYTES * elementCount(shape),
    0,
  )
}
