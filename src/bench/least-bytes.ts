import { FLOAT_BYTES } from '../codegen/program.ts'
import { readsOf, type Step, writesOf } from '../plan/steps.ts'
import type { View } from '../plan/views.ts'
import { elementCount } from '../tensor.ts'

/**
 * What steps must read and write at the least, whatever their algorithm: each tensor once, as float32, without what is only
 * between them (one makes it and another of them takes it), since it could stay in the caches. For one layer and direction
 * these are its inputs, parameters, output and their gradients.
 */
export function leastBytes(steps: readonly Step[]): number {
  const read = byBuffer(steps.flatMap(readsOf))
  const written = byBuffer(steps.flatMap(writesOf))
  const once = (views: ReadonlyMap<number, View>, others: ReadonlyMap<number, View>) =>
    [...views.values()].filter(({ buffer }) => !others.has(buffer))
  return [...once(read, written), ...once(written, read)].reduce(
    (sum, { shape }) => sum + FLOAT_BYTES * elementCount(shape),
    0,
  )
}

/** A tensor has a buffer of its own; its name may be another's too (two gradients of one tensor). */
const byBuffer = (views: readonly View[]): ReadonlyMap<number, View> =>
  new Map(views.map((view) => [view.buffer, view]))
