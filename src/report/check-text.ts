import type { Run } from '../bench/result.ts'
import { formatRelativeError } from './format.ts'

/** `largest relative error 1.8e-6 (conv5), beside an outlier 1.9 (conv3); against float64` */
export function checkText({ against, maxRelativeError, tensor, outlier }: NonNullable<Run['check']>): string {
  if (tensor === '') return `against ${against}`
  const largest = `largest relative error ${formatRelativeError(maxRelativeError)} (${tensor})`
  if (!outlier) return `${largest}, against ${against}`
  return `${largest}, beside an outlier ${formatRelativeError(outlier.error)} (${outlier.tensor}); against ${against}`
}
