import { median, medianAbsoluteDeviation } from 'simple-statistics'
import { isNode, unsharedReason } from '../runtime/host.ts'

/** Of normal noise the median absolute deviation is so much smaller than the standard deviation. */
const MAD_TO_SD = 1.4826
/** Further than so many standard deviations is far. */
const FAR = 5
/** A few far samples happen on any machine. */
const MOST_OUTLIERS = 0.05
const DRIFT_STRETCHES = 10
/** Kendall's statistic beyond it is no chance in 99 of 100 runs without a trend; for 10 stretches. */
const DRIFT_STATISTIC = 29
const LEAST_DRIFT = 0.03
const FIRST_SAMPLES = 3
const SLOW_FIRST = 1.15
const LARGEST_CLOCK_SHARE = 0.01

const percent = (fraction: number): string => `${(100 * fraction).toFixed(fraction < 0.1 ? 1 : 0)}%`
const medianOf = (values: readonly number[]): number => median([...values])

/** What is odd about samples, in plain words, each with what to do. No sample is ever dropped. */
export function sampleWarnings(samplesMs: readonly number[], clockResolutionMs: number): string[] {
  const checks = [
    outliers,
    slowFirst,
    drift,
    (samples: readonly number[]) => clock(samples, clockResolutionMs),
  ]
  return checks.map((check) => check(samplesMs)).filter((warning) => warning !== null)
}

function outliers(samplesMs: readonly number[]): string | null {
  if (samplesMs.length < 10) return null
  const middle = medianOf(samplesMs)
  const reach = FAR * MAD_TO_SD * medianAbsoluteDeviation([...samplesMs])
  const far = samplesMs.filter((ms) => Math.abs(ms - middle) > reach)
  if (far.length <= Math.max(1, MOST_OUTLIERS * samplesMs.length)) return null
  const furthest = Math.max(...far.map((ms) => Math.max(ms / middle, middle / ms)))
  return (
    `${far.length} of ${samplesMs.length} samples are far from the others, up to ${furthest.toFixed(1)} times the median: ` +
    'something else used the machine; end it, and look at the median'
  )
}

function slowFirst(samplesMs: readonly number[]): string | null {
  if (samplesMs.length < 4 * FIRST_SAMPLES) return null
  const times = Math.min(...samplesMs.slice(0, FIRST_SAMPLES)) / medianOf(samplesMs.slice(FIRST_SAMPLES))
  if (times < SLOW_FIRST) return null
  return `the first samples took ${times.toFixed(2)} times as long as the others: take more --burn-in`
}

/** Kendall's trend test over the medians of stretches: single samples in a row depend on each other. */
function drift(samplesMs: readonly number[]): string | null {
  if (samplesMs.length < 3 * DRIFT_STRETCHES) return null
  const at = (stretch: number) => Math.floor((stretch * samplesMs.length) / DRIFT_STRETCHES)
  const medians = Array.from({ length: DRIFT_STRETCHES }, (_, i) =>
    medianOf(samplesMs.slice(at(i), at(i + 1))),
  )
  let statistic = 0
  medians.forEach((later, i) => {
    for (const earlier of medians.slice(0, i)) statistic += Math.sign(later - earlier)
  })
  const half = DRIFT_STRETCHES / 2
  const change = medianOf(medians.slice(half)) / medianOf(medians.slice(0, half)) - 1
  if (Math.abs(statistic) < DRIFT_STATISTIC || Math.abs(change) < LEAST_DRIFT) return null
  const way = change > 0 ? 'slower' : 'faster'
  const advice =
    change > 0
      ? 'let the machine cool down, and see that nothing else runs'
      : 'take more --burn-in, and see that nothing else runs'
  return `samples became ${percent(Math.abs(change))} ${way} during the run: ${advice}`
}

function clock(samplesMs: readonly number[], clockResolutionMs: number): string | null {
  const share = clockResolutionMs / medianOf(samplesMs)
  if (share <= LARGEST_CLOCK_SHARE) return null
  const advice = isNode || unsharedReason === null ? '' : ', or isolate the page: then its clock is finer'
  return `the clock's step is ${percent(share)} of a sample: take a larger --batch${advice}`
}
