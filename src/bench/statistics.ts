import { max, mean, medianSorted, min, quantileSorted, standardDeviation } from 'simple-statistics'
import type { Summary } from './result.ts'

/** Mean, population standard deviation (in two passes), median, extremes and 95th percentile of at least one sample. */
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
  }
}
