// Of steps that are too dear to be recomputed whole: which values are.
import type { View } from '../plan/views.ts'
import { Comparer, type Comparison } from './comparison.ts'
import type { Share } from './shared-tensors.ts'

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
  const shuffled = (extent: number): number[] => {
    const order = Array.from({ length: extent }, (_, i) => i)
    for (let i = extent - 1; i > 0; i--) {
      const j = random(i + 1)
      ;[order[i], order[j]] = [order[j]!, order[i]!]
    }
    return order
  }
  // One position has an index of each axis; if an axis has no more, anywhere along it. Each axis has an order of its own: in step
  // they would all lie on a diagonal, which misses places of a tile.
  const orders = extents.map(shuffled)
  for (let i = 0; i < Math.max(...extents); i++) {
    const position = anywhere()
    for (const [axis, order] of orders.entries()) if (i < order.length) position[axis] = order[i]!
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
