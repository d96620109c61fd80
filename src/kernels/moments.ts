// The mean and variance of each channel, from those of pieces, so that no digits are lost if a mean is much larger than the
// deviation.
import type { ProgramBuilder, Vector } from '../codegen/program.ts'
import type { ChannelBlock, PieceSums } from './channel-sums.ts'

/**
 * Each channel's mean and sum of squared distances from it in a piece, computed while the piece is in the cache. The mean is
 * corrected by the mean distance from it, which only rounding makes other than 0, so that the mean of equal values is that
 * value.
 */
export function momentsOfPiece(b: ProgramBuilder, block: ChannelBlock): readonly (readonly Vector[])[] {
  const zeros = () => Array.from({ length: block.vectors }, () => b.splat(0))
  const means = zeros()
  block.eachPixel((v, load) => b.assign(means[v]!, b.add(means[v]!, load('input'))))
  for (const mean of means) b.assign(mean, b.mul(mean, b.splat(1 / block.count)))
  const [squares, distances] = [zeros(), zeros()]
  block.eachPixel((v, load) => {
    const distance = b.sub(load('input'), means[v]!)
    b.fma(squares[v]!, distance, distance)
    b.assign(distances[v]!, b.add(distances[v]!, distance))
  })
  for (const [v, sum] of distances.entries()) {
    const rest = b.mul(sum, b.splat(1 / block.count))
    // For a single value this is 0, and rounding must not make it negative.
    b.assign(squares[v]!, b.max(b.sub(squares[v]!, b.mul(rest, sum)), b.splat(0)))
    b.assign(means[v]!, b.add(means[v]!, rest))
  }
  return [means, squares]
}

/** The mean and biased variance of `count` values, from the moments of their pieces, by Chan, Golub & LeVeque 1983. */
export function momentsOfPieces(
  b: ProgramBuilder,
  { first, eachPiece }: PieceSums,
  count: number,
): { readonly mean: Vector; readonly variance: Vector } {
  const mean = b.splat(0)
  const from = first(0)
  eachPiece((load, own) => b.fma(mean, b.sub(load(0), from), b.splat(own / count)))
  b.assign(mean, b.add(mean, from))
  const variance = b.splat(0)
  eachPiece((load, own) => {
    const distance = b.sub(load(0), mean)
    b.fma(variance, b.mul(distance, distance), b.splat(own / count))
    b.fma(variance, load(1), b.splat(1 / count))
  })
  return { mean, variance }
}

/** The variance, or NaN if it is infinite: an infinite one would turn all outputs into the shift, and nobody would notice. */
export const finiteVariance = (b: ProgramBuilder, variance: Vector): Vector =>
  b.add(variance, b.sub(variance, variance))
