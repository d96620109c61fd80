// Sums over pixels, from which means, variances and covariances are computed.
import type { DecodedImage } from './dataset.ts'

/** Exact: bytes are integers, and 2^53 holds their squares for 10^11 pixels. So the order of additions does not matter. */
export interface Moments {
  count: number
  /** (channels) */
  readonly sums: number[]
  /** (channels, channels): the upper triangle. */
  readonly products: number[][]
}

export function noMoments(channels: number): Moments {
  const zeros = (): number[] => new Array<number>(channels).fill(0)
  return { count: 0, sums: zeros(), products: zeros().map(zeros) }
}

export function addPixels(moments: Moments, { channels, pixels }: DecodedImage): void {
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

export function addMoments(moments: Moments, more: Moments): void {
  moments.count += more.count
  more.sums.forEach((sum, a) => {
    moments.sums[a]! += sum
  })
  more.products.forEach((row, a) => {
    row.forEach((product, b) => {
      moments.products[a]![b]! += product
    })
  })
}
