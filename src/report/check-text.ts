import type { Run } from '../bench/result.ts'
import { formatExponent, formatSignificant } from '../digits.ts'
import { formatRelativeError } from './format.ts'

/** Smaller errors are shown with an exponent, larger ones as plain shares: 0.67. */
const LARGE_ERROR = 1e-3

/** `largest relative error 1.8e-6 (conv5), beside an outlier 0.67 (conv1); against float64`: see docs/method.md. */
export function checkText({ against, maxRelativeError, tensor, outlier }: NonNullable<Run['check']>): string {
  if (tensor === '') return `against ${against}`
  const largest = `largest relative error ${formatRelativeError(maxRelativeError)} (${tensor})`
  if (!outlier) return `${largest}, against ${against}`
  const beside =
    outlier.error < LARGE_ERROR ? formatExponent(outlier.error, 1) : formatSignificant(outlier.error, 2)
  return `${largest}, beside an outlier ${beside} (${outlier.tensor}); against ${against}`
}
