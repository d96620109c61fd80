const MOST_READS = 200
/** With a clock as coarse as 1 ms, all the reads would take most of a second. */
const LONGEST_MS = 20

/**
 * The smallest step that the clock was seen to make, in ms. Browsers make it coarse: 0.1 ms, or 1 ms in a page that is
 * not isolated.
 */
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
