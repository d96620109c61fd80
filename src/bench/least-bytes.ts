import { FLOAT_BYTES } from '../codegen/program.ts'
import { readsOf, type Step, writesOf } from '../plan/steps.ts'
import type { View } from '../plan/views.ts'
import { elementCount } from '../tensor.ts'

/**
 * The least that consecutive steps must read and write, whatever their algorithm: each tensor once, as float32, without
 * what is only between them (one step makes it and another one takes it), since that could stay in the caches. A tensor
 * that is changed in place is read, and written unless one of the steps takes it. For one layer and direction these are
 * its inputs, parameters, output and their gradients.
 */
export function leastBytes(steps: readonly Step[]): number {
  // Each tensor has its own buffer, but several names may stand for it (two gradients of one tensor).
  const read = new Map<number, View>()
  const made = new Map<number, View>()
  const takenHere = new Set<number>()
  for (const step of steps) {
    for (const view of readsOf(step)) {
      if (made.has(view.buffer)) takenHere.add(view.buffer)
      else read.set(view.buffer, view)
    }
    for (const view of writesOf(step)) {
      made.set(view.buffer, view)
      takenHere.delete(view.buffer)
    }
  }
  const written = [...made.values()].filter(({ buffer }) => !takenHere.has(buffer))
  return [...read.values(), ...written].reduce((sum, { shape }) => sum + FLOAT_BYTES * elementCount(shape), 0)
}
