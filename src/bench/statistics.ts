import {
  max,
  mean,
  median,
  medianAbsoluteDeviation,
  medianSorted,
  min,
  quantileSorted,
  sampleStandardDeviation,
  standardDeviation,
} from 'simple-statistics'
import type { Summary } from './result.ts'

/**
 * Mean, the population's and the sample's standard deviation (in two passes), median, median absolute deviation,
 * extremes and 95th percentile of at least one sample; with two or more, also the 95% intervals of mean and median.
 */
export function summarize(samplesMs: readonly number[]): Summary {
  const samples = [...samplesMs]
  const sorted = samples.toSorted((a, b) => a - b)
  return {
    meanMs: mean(samples),
    sdMs: standardDeviation(samples),
    medianMs: medianSorted(sorted),
    minMs: min(samples),
    maxMs: max(samples),
    p95Ms: quantileSorted(sorted, 0.95),
    madMs: medianAbsoluteDeviation(samples),
    ...(samples.length > 1 && {
      sampleSdMs: sampleStandardDeviation(samples),
      meanIntervalMs: blockBootstrapInterval(samples, mean),
      medianIntervalMs: blockBootstrapInterval(samples, median),
    }),
  }
}

const RESAMPLES = 1000
/**
 * Larger resamples would take longer without a gain: an interval's width depends only on the square root of the number
 * of samples.
 */
const MAX_RESAMPLE_SIZE = 5000
const OUTSIDE = 0.025

/**
 * The 95% interval of a statistic, by bootstrap over blocks that may begin anywhere and wrap around the end:
 * consecutive samples depend on each other, and resampling single ones would make the interval too narrow. The same
 * samples always give the same interval. Source: Politis & Romano 1992 (circular blocks), Carlstein 1986 (their
 * length), Bickel, Götze & van Zwet 1997 (resamples of fewer samples than there are).
 */
export function blockBootstrapInterval(
  samples: readonly number[],
  statistic: (values: number[]) => number,
): [number, number] {
  const count = samples.length
  const size = Math.min(count, MAX_RESAMPLE_SIZE)
  const block = blockLength(samples)
  const random = generator()
  const values = Array.from({ length: RESAMPLES }, () => {
    const resample: number[] = []
    while (resample.length < size) {
      const start = Math.floor(random() * count)
      for (let i = 0; i < block && resample.length < size; i++) resample.push(samples[(start + i) % count]!)
    }
    return statistic(resample)
  }).sort((a, b) => a - b)
  const [low, high] = [quantileSorted(values, OUTSIDE), quantileSorted(values, 1 - OUTSIDE)]
  if (size === count) return [low, high]
  const center = statistic([...samples])
  const scale = Math.sqrt(size / count)
  return [center + (low - center) * scale, center + (high - center) * scale]
}

/** The best length for noise that depends on the previous sample as much as here; 1 for independent samples. */
function blockLength(samples: readonly number[]): number {
  const seen = autocorrelation(samples)
  // Few samples underestimate it (Kendall 1954).
  const rho = Math.max(0, Math.min(0.95, seen + (1 + 3 * seen) / samples.length))
  const length = Math.ceil(((2 * rho) / (1 - rho ** 2)) ** (2 / 3) * samples.length ** (1 / 3))
  return Math.max(1, Math.min(length, Math.ceil(samples.length / 4)))
}

/** The correlation of each sample with the next. */
export function autocorrelation(samples: readonly number[]): number {
  const average = mean([...samples])
  let [products, squares] = [0, 0]
  for (let i = 0; i < samples.length; i++) {
    const distance = samples[i]! - average
    squares += distance * distance
    if (i > 0) products += distance * (samples[i - 1]! - average)
  }
  return squares > 0 ? products / squares : 0
}

/** Numbers from 0 to 1 by a linear congruential generator, only for resampling. */
function generator(): () => number {
  let state = 1
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0
    return (state >>> 0) / 2 ** 32
  }
}
