// What the values of a tensor make of speed and digits, whatever the engine does right.
import { medianByRank } from '../bench/rank-tests.ts'
import { formatPercent } from '../report/format.ts'

/** The smallest float32 with all of its digits. */
const LEAST_NORMAL = 2 ** -126
/** Fewer cost nothing that anybody would notice. */
const MANY_DENORMAL = 0.01

/**
 * How far an output of Winograd's algorithm may be off whose window misses a value, as a share of that value: the largest
 * found of any set of points; see docs/method.md.
 */
const OUTLIER_ERROR = 4e-6
/** Of an output's own size: from there on it is not the noise of float32 any more. */
const LARGE_ERROR = 0.01

/** Null if nothing is to be said. `engine` is its name. */
export function denormalWarning(tensor: string, values: Float32Array, engine: string): string | null {
  let denormal = 0
  for (const value of values) if (value !== 0 && Math.abs(value) < LEAST_NORMAL) denormal++
  const share = denormal / values.length
  if (!(share > MANY_DENORMAL)) return null
  const effect = engine === 'x64' ? 'x64 takes them for 0' : `${engine} takes many times as long with them`
  return `${tensor}: ${formatPercent(share)} of the values are below 1.2e-38 (denormal): ${effect}; scale them up`
}

/** Of what a step by Winograd's algorithm reads. Null if nothing is to be said. */
export function rangeWarning(tensor: string, values: Float32Array): string | null {
  const sizes = values.map(Math.abs).filter((size) => size > 0)
  if (sizes.length === 0) return null
  const largest = sizes.reduce((most, size) => Math.max(most, size), 0)
  const ratio = largest / medianByRank(Float64Array.from(sizes))
  const error = OUTLIER_ERROR * ratio
  if (!(error > LARGE_ERROR)) return null
  return (
    `${tensor}: the largest value is ${ratio.toExponential(0)} times the median: Winograd's algorithm may put an error of ` +
    `${error >= 1 ? `${error.toExponential(0)} times` : `${formatPercent(error)} of`} their own size into outputs near it; ` +
    'take --algorithm direct'
  )
}
