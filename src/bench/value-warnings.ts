// Effects of a tensor's values on speed and precision, even if the engine does everything right.
import { formatExponent, formatFixed } from '../digits.ts'
import type { TensorView } from '../engines/engine.ts'
import type { Session } from '../session.ts'
import { medianByRank } from './rank-tests.ts'

/** The smallest float32 with full precision. */
const LEAST_NORMAL = 2 ** -126
/** A smaller share has no noticeable cost. */
const MANY_DENORMAL = 0.01

/**
 * How much a value affects outputs of Winograd's algorithm whose windows do not contain it, as a share of that value:
 * the largest over all sets of points; see docs/method.md.
 */
const OUTLIER_ERROR = 4e-6
/** As a share of an output's own size: larger errors are more than float32's rounding. */
const LARGE_ERROR = 0.01

/** Nobody notices the cost of a smaller tensor. */
const LEAST_VALUES = 1000
/** For a median, spread over all of a tensor. */
const MOST_SAMPLED = 100_000

const percent = (fraction: number): string => `${formatFixed(100 * fraction, 1)}%`

/** Null if there is nothing to report. `engine` is its name. */
export function denormalWarning(tensor: string, values: Float32Array, engine: string): string | null {
  const share = denormalShare({ data: values, offset: 0, shape: [values.length], strides: [1] })
  // The float64 of `reference` represents them precisely
  if (!(share > MANY_DENORMAL) || engine === 'reference') return null
  const effect = engine === 'x64' ? 'x64 treats them as 0' : `${engine} takes up to 4 times as long with them`
  return `${denormalText(tensor, share)}: ${effect}; scale them up`
}

/** About the results of the session's last run, in the tensor that has most of them. Null if there is nothing to report. */
export function madeDenormalsWarning(session: Session): string | null {
  const { name: engine } = session.engine
  if (engine === 'reference' || engine === 'x64') return null // these make none
  const made = Object.entries(session.plan.tensors).filter(
    ({ 1: { role, isKept } }) => isKept && (role === 'activation' || role === 'gradient'),
  )
  const shares = made.map(([name]) => ({ name, share: denormalShare(session.prepared.view(name)) }))
  const worst = shares.reduce((a, b) => (b.share > a.share ? b : a), { name: '', share: 0 })
  if (!(worst.share > MANY_DENORMAL)) return null
  return `${denormalText(worst.name, worst.share)}: ${engine} takes longer with them than with values of an ordinary size`
}

const denormalText = (tensor: string, share: number): string =>
  `${tensor}: ${percent(share)} of the values are below 1.2e-38 (denormal)`

/** 0 for a tensor that is too small to matter. */
function denormalShare({ data, offset, shape, strides }: TensorView): number {
  let [denormal, all] = [0, 0]
  const walk = (axis: number, from: number): void => {
    const [extent, stride] = [shape[axis] ?? 1, strides[axis] ?? 1]
    if (axis < shape.length - 1) {
      for (let i = 0; i < extent; i++) walk(axis + 1, from + i * stride)
      return
    }
    all += extent
    for (let i = 0; i < extent; i++) {
      const size = Math.abs(data[from + i * stride]!)
      if (size > 0 && size < LEAST_NORMAL) denormal++
    }
  }
  walk(0, offset)
  return all < LEAST_VALUES ? 0 : denormal / all
}

/** About what a step by Winograd's algorithm reads. Null if there is nothing to report. */
export function rangeWarning(tensor: string, values: Float32Array): string | null {
  const sample = new Float64Array(MOST_SAMPLED)
  const step = Math.ceil(values.length / MOST_SAMPLED)
  let [largest, sampled] = [0, 0]
  for (let i = 0; i < values.length; i++) {
    const size = Math.abs(values[i]!)
    if (size > largest) largest = size
    if (size > 0 && i % step === 0) sample[sampled++] = size
  }
  if (sampled === 0) return null
  const ratio = largest / medianByRank(sample.subarray(0, sampled))
  const error = OUTLIER_ERROR * ratio
  if (!(error > LARGE_ERROR)) return null
  return (
    `${tensor}: the largest value is ${formatExponent(ratio, 0)} times the median: Winograd's algorithm may put an error of ` +
    `${error >= 1 ? `${formatExponent(error, 0)} times` : `${percent(error)} of`} their own size into outputs near it; ` +
    'take --algorithm direct'
  )
}
