// Whether a run is so small that it is faster on fewer threads than there are.
import type { Executor } from '../runtime/executor.ts'

/** On how many of an engine's threads a plan runs, if it is not all of them. */
export interface FewerThreads {
  readonly threads: number
  readonly of: number
  /** How many times as long the run takes on all of them. */
  readonly slowdownOnAll: number
}

/** Runs that take longer than this on all threads are not tried on fewer. */
const SMALL_MS = 1
const ROUNDS = 9
/** What fewer threads must gain: with all of them the next run may have less to wait for. */
const LEAST_GAIN = 1.1

/**
 * Runs the stages [first, end) on all threads and on 1, 2, 4, ... of them, if they are done that soon, and leaves the
 * executor with the fastest number. To wake a thread and to wait for it at each barrier takes a while, which a small
 * network's steps do not gain. Null if all threads are used. The stages must be such that running them again does no harm.
 */
export async function chooseThreads(
  executor: Executor,
  { first, end, threads }: { readonly first: number; readonly end: number; readonly threads: number },
  signal?: AbortSignal,
): Promise<FewerThreads | null> {
  if (!executor.useThreads || threads === 1) return null
  const timeOn = async (count: number): Promise<number> => {
    executor.useThreads!(count)
    const start = performance.now()
    await executor.run(first, end, signal)
    return performance.now() - start
  }
  // The first run touches the memory for the first time.
  await timeOn(threads)
  if (Math.min(await timeOn(threads), await timeOn(threads)) > SMALL_MS) return null
  const counts = [threads]
  for (let count = 1; count < threads; count *= 2) counts.push(count)
  const times = counts.map((): number[] => [])
  for (let round = 0; round < ROUNDS; round++)
    for (const [i, count] of counts.entries()) times[i]!.push(await timeOn(count))
  const medians = times.map((all) => all.sort((a, b) => a - b)[ROUNDS >> 1]!)
  const best = medians.indexOf(Math.min(...medians))
  const slowdownOnAll = medians[0]! / medians[best]!
  const isWorthIt = best > 0 && slowdownOnAll >= LEAST_GAIN
  executor.useThreads(isWorthIt ? counts[best]! : threads)
  return isWorthIt ? { threads: counts[best]!, of: threads, slowdownOnAll } : null
}
