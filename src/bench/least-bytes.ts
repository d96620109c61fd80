import { FLOAT_BYTES } from '../codegen/program.ts'
import { readsOf, type Step, writesOf } from '../plan/steps.ts'
import type { View } from '../plan/views.ts'
import { elementCount } from '../tensor.ts'

/**
 * What steps, in their order, must read and write at the least, whatever their algorithm: each tensor once, as float32, without what is
 * only between them (one makes it and another of them takes it), since it could stay in the caches. What they change in place is
 * read, and written unless one of them takes it. For one layer and direction these are its inputs, parameters, output and their
 * gradients.
 */
export function leastBytes(steps: readonly Step[]): number {
  // A tensor has a buffer of its own; its name may be another's too (two gradients of one tensor).
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
