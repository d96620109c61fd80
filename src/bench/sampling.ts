// Of steps that are too dear to be recomputed whole: which values are.
import type { View } from '../plan/views.ts'
import { Comparer, type Comparison } from './comparison.ts'
import type { Share } from './parts.ts'

/** At least so many values of a step that is too dear to be recomputed whole. */
export const MIN_SAMPLES = 2000
/**
 * Positions to compare: along every axis each index at least once, the rest spread by a fixed sequence. So every image,
 * every filter (and block of them), every edge and every place in a tile is among them.
 */
export function samplePositions(extents: readonly number[], atLeast = MIN_SAMPLES): number[][] {
  const samples: number[][] = []
  let state = 0x9e3779b9
  const random = (below: number): number => {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x6d2b79f5
    return ((state ^ (state >>> 13)) >>> 0) % below
  }
  const anywhere = () => extents.map(random)
  // One position has an index of each axis; where an axis has no more, anywhere along it.
  const starts = anywhere()
  for (let i = 0; i < Math.max(...extents); i++) {
    const position = anywhere()
    extents.forEach((extent, axis) => {
      if (i < extent) position[axis] = (starts[axis]! + i) % extent
    })
    samples.push(position)
  }
  // The corners of all axes together.
  for (let corner = 0; corner < 2 ** extents.length; corner++) {
    samples.push(extents.map((extent, axis) => ((corner >> axis) & 1 ? extent - 1 : 0)))
  }
  while (samples.length < atLeast) samples.push(anywhere())
  return samples
}

export function sampled(
  view: View,
  positions: readonly (readonly number[])[],
  share: Share,
  compare: (position: readonly number[], comparer: Comparer) => void,
): Comparison[] {
  const comparer = new Comparer(view)
  positions.forEach((position, i) => {
    if (i % share.count === share.index) compare(position, comparer)
  })
  return [comparer.result()]
}
