const MOST_READS = 200
/** Of a clock as coarse as 1 ms, the reads would take the better part of a second. */
const LONGEST_MS = 20

/** The smallest step that the clock was seen to make, in ms. Browsers make it coarse: 0.1 ms, or 1, in a page that is not isolated. */
export function clockResolution(now: () => number = () => performance.now()): number {
  const begunMs = now()
  let smallest = Infinity
  for (let read = 0; read < MOST_READS; read++) {
    const start = now()
    let end = now()
    while (end === start) end = now()
    smallest = Math.min(smallest, end - start)
    if (end - begunMs > LONGEST_MS) break
  }
  return smallest
}
