// Prepares the points of curves for drawing.

export interface Point {
  readonly x: number
  readonly y: number
}

/**
 * Each value's mean with its neighbours, `reach` on either side, so that the curve does not lag. At the start it takes
 * fewer, as many on both sides as there are, since a loss falls steeply there; at the end only the side after it is
 * cut short.
 */
export function movingMean(points: readonly Point[], reach: number): Point[] {
  const sums = [0]
  for (const { y } of points) sums.push(sums.at(-1)! + y)
  return points.map(({ x }, i) => {
    const before = Math.min(reach, i)
    const after = Math.min(before, points.length - 1 - i)
    return { x, y: (sums[i + after + 1]! - sums[i - before]!) / (before + 1 + after) }
  })
}

/** At most this many, evenly spread, including the first and the last. */
export function everyFew<Item>(items: readonly Item[], maxCount: number): Item[] {
  if (items.length <= maxCount) return [...items]
  return Array.from(
    { length: maxCount },
    (_, i) => items[Math.round((i * (items.length - 1)) / (maxCount - 1))]!,
  )
}

/** Indexes of at most this many values: all of them, or the extremes of equal stretches, so that no outlier is lost. */
export function indexesOfExtremes(values: readonly number[], maxCount: number): number[] {
  if (values.length <= maxCount) return values.map((_, i) => i)
  const size = Math.ceil(values.length / Math.floor(maxCount / 2))
  const found: number[] = []
  for (let first = 0; first < values.length; first += size) {
    let [lowest, highest] = [first, first]
    for (let i = first; i < Math.min(first + size, values.length); i++) {
      if (values[i]! < values[lowest]!) lowest = i
      if (values[i]! > values[highest]!) highest = i
    }
    found.push(...new Set([Math.min(lowest, highest), Math.max(lowest, highest)]))
  }
  return found
}

/** The mean of all curves, at the places where all of them have a point. */
export function meanCurve(curves: readonly (readonly Point[])[]): Point[] {
  if (curves.length === 1) return [...curves[0]!]
  const valuesAt = new Map<number, number[]>()
  for (const { x, y } of curves.flat()) valuesAt.set(x, [...(valuesAt.get(x) ?? []), y])
  return [...valuesAt]
    .filter(([, values]) => values.length === curves.length)
    .map(([x, values]) => ({ x, y: values.reduce((sum, y) => sum + y, 0) / values.length }))
}
