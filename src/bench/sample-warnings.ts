import { max, median, medianAbsoluteDeviation, min } from 'simple-statistics'
import { formatFixed } from '../digits.ts'
import { isNode, unsharedReason } from '../runtime/host.ts'

/** The standard deviation of normal noise over its median absolute deviation. */
const MAD_TO_SD = 1.4826
/** Samples more than this many standard deviations away are far. */
const FAR = 5
/** A few far samples happen on any machine. */
const MOST_OUTLIERS = 0.05
const DRIFT_STRETCHES = 10
/** In 99 of 100 runs without a trend, Kendall's statistic for 10 stretches stays below this. */
const DRIFT_STATISTIC = 29
const LEAST_DRIFT = 0.03
const FIRST_SAMPLES = 3
const SLOW_FIRST = 1.15
const LARGEST_CLOCK_SHARE = 0.01

const percent = (fraction: number): string => `${formatFixed(100 * fraction, fraction < 0.1 ? 1 : 0)}%`
const medianOf = (values: readonly number[]): number => median([...values])

/** What is unusual about samples, in plain words, each with advice. No sample is ever dropped. */
export function sampleWarnings(samplesMs: readonly number[], clockResolutionMs: number): string[] {
  // If the clock measured 0, nothing can be said about how times differ.
  const checks = medianOf(samplesMs) > 0 ? [outliers, slowFirst, drift] : []
  return [...checks.map((check) => check(samplesMs)), clock(samplesMs, clockResolutionMs)].filter(
    (warning) => warning !== null,
  )
}

function outliers(samplesMs: readonly number[]): string | null {
  if (samplesMs.length < 10) return null
  const middle = medianOf(samplesMs)
  const reach = FAR * MAD_TO_SD * medianAbsoluteDeviation([...samplesMs])
  const far = samplesMs.filter((ms) => Math.abs(ms - middle) > reach)
  if (far.length <= Math.max(1, MOST_OUTLIERS * samplesMs.length)) return null
  const slowest = max(far) / middle
  const extent =
    slowest > 1
      ? `up to ${formatFixed(slowest, 1)} times the median`
      : `down to ${percent(min(far) / middle)} of the median`
  return (
    `${far.length} of ${samplesMs.length} samples are far from the others, ${extent}: ` +
    'something else used the machine; end it, and look at the median'
  )
}

function slowFirst(samplesMs: readonly number[]): string | null {
  if (samplesMs.length < 4 * FIRST_SAMPLES) return null
  const others = medianOf(samplesMs.slice(FIRST_SAMPLES))
  const times = min(samplesMs.slice(0, FIRST_SAMPLES)) / others
  if (others === 0 || times < SLOW_FIRST) return null
  return `the first samples took ${formatFixed(times, 2)} times as long as the others: use more --burn-in`
}

/** Kendall's trend test over the medians of stretches, since consecutive samples depend on each other. */
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
  const early = medianOf(medians.slice(0, half))
  const change = medianOf(medians.slice(half)) / early - 1
  if (early === 0 || Math.abs(statistic) < DRIFT_STATISTIC || Math.abs(change) < LEAST_DRIFT) return null
  const way = change > 0 ? 'slower' : 'faster'
  const advice =
    change > 0
      ? 'let the machine cool down, and see that nothing else runs'
      : 'use more --burn-in, and see that nothing else runs'
  return `samples became ${percent(Math.abs(change))} ${way} during the run: ${advice}`
}

function clock(samplesMs: readonly number[], clockResolutionMs: number): string | null {
  const middle = medianOf(samplesMs)
  if (middle > 0 && clockResolutionMs / middle <= LARGEST_CLOCK_SHARE) return null
  const advice = isNode || unsharedReason === null ? '' : ', or isolate the page: then its clock is finer'
  const fault =
    middle === 0
      ? 'a sample is shorter than a step of the clock'
      : `the clock's step is ${percent(clockResolutionMs / middle)} of a sample`
  return `${fault}: use a larger --batch${advice}`
}
