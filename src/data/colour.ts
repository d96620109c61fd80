// What is computed from sums over pixels: statistics of channels, principal components of colours.
import { faultOf, must, type RequiredRule, type Rules } from '../check-options.ts'
import type { Moments } from './moments.ts'

/** The principal components of red, green and blue over a set's pixels, in units of bytes / 255. */
export interface ColourComponents {
  /** Of the 3 x 3 covariance; the largest first. */
  readonly eigenvalues: readonly number[]
  /** Unit vectors (r, g, b), one for each eigenvalue; their largest entry is positive. */
  readonly eigenvectors: readonly (readonly number[])[]
}

const areNumbers = (value: unknown) => Array.isArray(value) && value.every(Number.isFinite)

const rules: Rules<ColourComponents> = {
  eigenvalues: must(areNumbers, 'an array of numbers'),
  eigenvectors: must(
    (value: unknown) => Array.isArray(value) && value.every((each) => areNumbers(each) && each.length === 3),
    'an array of vectors (r, g, b)',
  ),
}

export const componentsRule: RequiredRule = {
  fault: (value, name) => {
    const fault = faultOf(value, rules, name)
    if (fault !== null) return fault
    const { eigenvalues, eigenvectors } = value as ColourComponents
    if (eigenvalues.length === eigenvectors.length && eigenvalues.length > 0) return null
    return `${name} has ${eigenvalues.length} eigenvalues and ${eigenvectors.length} eigenvectors; it must have as many, and at least 1`
  },
}

/** Mean and sd of each channel over a set's pixels, in units of bytes / 255. */
export interface ChannelStatistics {
  readonly mean: readonly number[]
  readonly sd: readonly number[]
}

const BYTE = 255

/** Mean and covariance of the channels, in units of bytes / 255. */
export function statisticsOf({ count, sums, products }: Moments): {
  readonly mean: number[]
  readonly covariance: number[][]
} {
  const mean = sums.map((sum) => sum / count / BYTE)
  const covariance = sums.map((sumA, a) =>
    sums.map((sumB, b) => {
      const product = products[Math.min(a, b)]![Math.max(a, b)]!
      // In integers, because two nearly equal numbers are subtracted
      const scaled = BigInt(count) * BigInt(product) - BigInt(sumA) * BigInt(sumB)
      return Number(scaled) / count ** 2 / BYTE ** 2
    }),
  )
  return { mean, covariance }
}

/** Jacobi's method converges quadratically; this is twice the number of sweeps that a 3 x 3 matrix usually takes. */
const MAX_SWEEPS = 16

/** Eigenvalues and eigenvectors of a symmetric matrix by Jacobi's rotations. Source: Golub & Van Loan, section 8.5. */
export function principalComponents(covariance: readonly (readonly number[])[]): ColourComponents {
  const size = covariance.length
  const matrix = covariance.map((row) => [...row])
  const vectors = matrix.map((_, i) => matrix.map((_, j) => (i === j ? 1 : 0)))
  for (let sweep = 0; sweep < MAX_SWEEPS; sweep++) {
    for (let p = 0; p < size; p++) {
      for (let q = p + 1; q < size; q++) rotate(matrix, vectors, p, q)
    }
  }
  const order = matrix.map((_, i) => i).sort((a, b) => matrix[b]![b]! - matrix[a]![a]!)
  return {
    eigenvalues: order.map((i) => matrix[i]![i]!),
    eigenvectors: order.map((i) => withSign(vectors.map((row) => row[i]!))),
  }
}

/** Rotates the plane of p and q so that `matrix[p][q]` vanishes, and the columns of `vectors` with it. */
function rotate(matrix: number[][], vectors: number[][], p: number, q: number): void {
  const offDiagonal = matrix[p]![q]!
  if (offDiagonal === 0) return
  const tau = (matrix[q]![q]! - matrix[p]![p]!) / (2 * offDiagonal)
  const tangent = (tau >= 0 ? 1 : -1) / (Math.abs(tau) + Math.sqrt(1 + tau * tau))
  const cosine = 1 / Math.sqrt(1 + tangent * tangent)
  const sine = tangent * cosine
  const rotate = (row: number[]): void => {
    const [atP, atQ] = [row[p]!, row[q]!]
    row[p] = cosine * atP - sine * atQ
    row[q] = sine * atP + cosine * atQ
  }
  for (const row of matrix) rotate(row)
  for (let k = 0; k < matrix.length; k++) {
    const [atP, atQ] = [matrix[p]![k]!, matrix[q]![k]!]
    matrix[p]![k] = cosine * atP - sine * atQ
    matrix[q]![k] = sine * atP + cosine * atQ
  }
  for (const row of vectors) rotate(row)
}

function withSign(vector: readonly number[]): readonly number[] {
  const largest = vector.reduce((most, entry) => (Math.abs(entry) > Math.abs(most) ? entry : most))
  return largest < 0 ? vector.map((entry) => -entry) : vector
}
