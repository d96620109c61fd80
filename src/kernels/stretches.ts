/**
 * Consecutive output positions along an axis whose windows are cut alike at the edges: `skip` taps lie before the
 * input, `taps` inside.
 */
export interface Stretch {
  readonly first: number
  readonly count: number
  readonly skip: number
  readonly taps: number
}

/**
 * The stretches of an axis: those of the windows that the padding cuts, if any, and between them one of all whole
 * windows. Output `at` meets the input from `at * stride - before` on, with a tap every `dilation` positions.
 */
export function stretchesOf(
  output: number,
  kernel: number,
  stride: number,
  before: number,
  input: number,
  dilation = 1,
): Stretch[] {
  const stretches: { first: number; count: number; skip: number; taps: number }[] = []
  for (let at = 0; at < output; at++) {
    const start = at * stride - before
    const first = Math.ceil(Math.max(-start, 0) / dilation)
    const end = Math.min(kernel, Math.ceil((input - start) / dilation))
    const taps = Math.max(0, end - first)
    const skip = taps === 0 ? 0 : first
    const last = stretches.at(-1)
    if (last?.skip === skip && last.taps === taps) last.count++
    else stretches.push({ first: at, count: 1, skip, taps })
  }
  return stretches
}

/** The stretches within `count` positions from `first` on, counted from there. */
export function cutStretches(stretches: readonly Stretch[], first: number, count: number): Stretch[] {
  return stretches.flatMap((stretch) => {
    const from = Math.max(stretch.first, first)
    const to = Math.min(stretch.first + stretch.count, first + count)
    return from < to ? [{ ...stretch, first: from - first, count: to - from }] : []
  })
}
