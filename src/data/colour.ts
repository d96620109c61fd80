import { must, type Rules } from '../check-options.ts'
import { DamagedImageError, FormatError } from '../errors.ts'
import { type DecodedImage, type Split, withChannels } from './dataset.ts'

/** Of the colours of a set's pixels, in units of bytes / 255: the principal components of red, green and blue. */
export interface ColourComponents {
  /** Of the 3 x 3 covariance, the largest first. */
  readonly eigenvalues: readonly number[]
  /** Unit vectors (r, g, b), one for each eigenvalue; their largest entry is positive. */
  readonly eigenvectors: readonly (readonly number[])[]
}

const areNumbers = (value: unknown) => Array.isArray(value) && value.every(Number.isFinite)

export const componentRules: Rules<ColourComponents> = {
  eigenvalues: must(areNumbers, 'an array of numbers'),
  eigenvectors: must(
    (value: unknown) => Array.isArray(value) && value.every((each) => areNumbers(each) && each.length === 3),
    'an array of vectors (r, g, b)',
  ),
}

/** Of a set's pixels in each channel, in units of bytes / 255. */
export interface ChannelStatistics {
  readonly mean: readonly number[]
  readonly sd: readonly number[]
}

/** Sums over pixels, exact: bytes are integers, and 2^53 holds their squares for 10^11 pixels. */
interface Moments {
  count: number
  readonly sums: number[]
  /** (channels, channels) */
  readonly products: number[][]
}

/** How many images are looked at, evenly spread over the set. */
export const SAMPLE_IMAGES = 1000
const BYTE = 255

/** Mean and sd of each channel. Damaged images are left out; FormatError where all are damaged. */
export async function channelStatistics(
  split: Split,
  channels: 1 | 3,
  sample = SAMPLE_IMAGES,
): Promise<ChannelStatistics> {
  const { mean, covariance } = statisticsOf(await momentsOf(split, channels, sample))
  return { mean, sd: covariance.map((row, c) => Math.sqrt(row[c]!)) }
}

/** Principal components of the colours, as `channelStatistics`. Source: Krizhevsky et al. 2012, section 4.1. */
export async function colourComponents(split: Split, sample = SAMPLE_IMAGES): Promise<ColourComponents> {
  return principalComponents(statisticsOf(await momentsOf(split, 3, sample)).covariance)
}

async function momentsOf(split: Split, channels: 1 | 3, sample: number): Promise<Moments> {
  const zeros = (): number[] => new Array<number>(channels).fill(0)
  const moments: Moments = { count: 0, sums: zeros(), products: zeros().map(zeros) }
  const images = Math.min(sample, split.count)
  for (let i = 0; i < images; i++) {
    const image = await wholeImage(split, Math.floor((i * split.count) / images))
    if (image) addPixels(moments, withChannels(image, channels))
  }
  if (moments.count === 0) throw new FormatError(`none of ${images} images could be read`)
  return moments
}

async function wholeImage(split: Split, index: number): Promise<DecodedImage | null> {
  try {
    return await split.image(index)
  } catch (error) {
    if (error instanceof DamagedImageError) return null // whoever trains on the set counts and names it
    throw error
  }
}

function addPixels(moments: Moments, { channels, pixels }: DecodedImage): void {
  const { sums, products } = moments
  for (let a = 0; a < channels; a++) {
    let sum = 0
    for (let i = a; i < pixels.length; i += channels) sum += pixels[i]!
    sums[a]! += sum
    for (let b = a; b < channels; b++) products[a]![b]! += productSum(pixels, channels, a, b)
  }
  moments.count += pixels.length / channels
}

function productSum(pixels: Uint8Array, channels: number, a: number, b: number): number {
  let sum = 0
  for (let i = 0; i < pixels.length; i += channels) sum += pixels[i + a]! * pixels[i + b]!
  return sum
}

function statisticsOf({ count, sums, products }: Moments): { mean: number[]; covariance: number[][] } {
  const mean = sums.map((sum) => sum / count / BYTE)
  const covariance = sums.map((sumA, a) =>
    sums.map((sumB, b) => {
      const product = products[Math.min(a, b)]![Math.max(a, b)]!
      // In integers, since two nearly equal numbers are subtracted
      const scaled = BigInt(count) * BigInt(product) - BigInt(sumA) * BigInt(sumB)
      return Number(scaled) / count ** 2 / BYTE ** 2
    }),
  )
  return { mean, covariance }
}

/** Twice a 3 x 3 matrix's usual count of sweeps: Jacobi's method converges quadratically. */
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

/** Turns the plane of p and q so that `matrix[p][q]` vanishes, and the columns of `vectors` with it. */
function rotate(matrix: number[][], vectors: number[][], p: number, q: number): void {
  const offDiagonal = matrix[p]![q]!
  if (offDiagonal === 0) return
  const tau = (matrix[q]![q]! - matrix[p]![p]!) / (2 * offDiagonal)
  const tangent = (tau >= 0 ? 1 : -1) / (Math.abs(tau) + Math.sqrt(1 + tau * tau))
  const cosine = 1 / Math.sqrt(1 + tangent * tangent)
  const sine = tangent * cosine
  const turn = (row: number[]): void => {
    const [atP, atQ] = [row[p]!, row[q]!]
    row[p] = cosine * atP - sine * atQ
    row[q] = sine * atP + cosine * atQ
  }
  for (const row of matrix) turn(row)
  for (let k = 0; k < matrix.length; k++) {
    const [atP, atQ] = [matrix[p]![k]!, matrix[q]![k]!]
    matrix[p]![k] = cosine * atP - sine * atQ
    matrix[q]![k] = sine * atP + cosine * atQ
  }
  for (const row of vectors) turn(row)
}

function withSign(vector: readonly number[]): readonly number[] {
  const largest = vector.reduce((most, entry) => (Math.abs(entry) > Math.abs(most) ? entry : most))
  return largest < 0 ? vector.map((entry) => -entry) : vector
}
