import { roundUp } from '../tensor.ts'
import type { Buffer } from './views.ts'

/** Where each buffer begins in the slab, by its id, in bytes. */
export interface MemoryLayout {
  readonly byteOffsets: ReadonlyMap<number, number>
  readonly byteLength: number
}

/** A cache line, which is also the widest vector of any target. */
const ALIGNMENT_BYTES = 64
const VALUE_BYTES = 4

/** Gives buffers their places. A type, so that tests and tools can pass another function. */
export type LayOutMemory = (buffers: readonly Buffer[]) => MemoryLayout

/**
 * Packs buffers into one slab: two share memory only if no step needs both. The largest comes first, each at the lowest
 * place that is free during all its steps (greedy by size, as Pisarchyk & Lee 2020, 'Efficient memory management for
 * deep neural net inference').
 */
export const layOutMemory: LayOutMemory = (buffers) => {
  const placed: { buffer: Buffer; from: number; to: number }[] = []
  let byteLength = 0
  const largestFirst = [...buffers].sort((a, b) => b.length - a.length || a.id - b.id)
  for (const buffer of largestFirst) {
    const size = roundUp(buffer.length * VALUE_BYTES, ALIGNMENT_BYTES)
    const conflicts = placed
      .filter((other) => overlapInTime(other.buffer, buffer))
      .sort((a, b) => a.from - b.from)
    let from = 0
    for (const other of conflicts) {
      if (from + size <= other.from) break
      from = Math.max(from, other.to)
    }
    placed.push({ buffer, from, to: from + size })
    byteLength = Math.max(byteLength, from + size)
  }
  return { byteOffsets: new Map(placed.map(({ buffer, from }) => [buffer.id, from])), byteLength }
}

function overlapInTime(a: Buffer, b: Buffer): boolean {
  return a.firstStep <= b.lastStep && b.firstStep <= a.lastStep
}
