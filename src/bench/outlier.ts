// What one huge value does to outputs that do not read it: nothing, by direct convolution; a rounding error of its own
// size, by Winograd's algorithm. See docs/method.md.
import { activate } from '../layers/activation.ts'
import { convolvePixel, inputGradientPixel } from '../layers/conv.ts'
import { dilatedKernel } from '../plan/geometry.ts'
import type { Step, StepOfKind } from '../plan/steps.ts'
import type { View } from '../plan/views.ts'
import { type Grid, pixelAt } from '../tensor.ts'
import { denseParameter, type Look } from './comparison.ts'
import type { Share } from './shared-tensors.ts'

/** An outlier is so many times the root mean square of its image. */
const OUTLIER_RATIO = 1e6
/** Images that get one, each at another place of its tile and in another channel. */
const MAX_IMAGES = 4
const MAX_FILTERS = 4
/** In outputs, from those that read the outlier: as far as a tile reaches, and some more. */
const REACH = 8

export type WindowedStep = StepOfKind<'conv-forward' | 'conv-input-gradient'>

/** Steps some of whose outputs may miss a value of what they read. */
export const isWindowed = (step: Step): step is WindowedStep =>
  step.kind === 'conv-forward' || step.kind === 'conv-input-gradient'

/** What gets the outliers. */
export const sourceOf = (step: WindowedStep): View =>
  step.kind === 'conv-forward' ? step.reads.input : step.reads.gradient

export const outputOf = (step: WindowedStep): View =>
  step.kind === 'conv-forward' ? step.writes.output : step.writes.inputGradient

interface Outlier {
  readonly image: number
  readonly y: number
  readonly x: number
  readonly index: number
  /** What stood there. */
  readonly value: number
}

/** Puts one into each of this share's of the first images, near the middle, if it is not all zeros. */
export function putOutliers(step: WindowedStep, look: Look, share: Share): Outlier[] {
  const source = look(sourceOf(step))
  const [images, height, width, channels] = source.shape
  return Array.from({ length: Math.min(images, MAX_IMAGES) }, (_, image) => image).flatMap((image) => {
    if (image % share.count !== share.index) return []
    const size = rootMeanSquare(source, image)
    if (size === 0) return []
    const y = (Math.floor(height / 2) + image) % height
    const x = (Math.floor(width / 2) + image + Math.floor(image / 2)) % width
    const index = pixelAt(source, image, y, x) + (image % channels)
    const value = source.values[index]!
    source.values[index] = OUTLIER_RATIO * size
    return [{ image, y, x, index, value }]
  })
}

export function takeOutliers(step: WindowedStep, look: Look, outliers: readonly Outlier[]): void {
  const source = look(sourceOf(step))
  for (const { index, value } of outliers) source.values[index] = value
}

/** Of outputs that do not read an outlier but lie beside those that do; shares are put together by `errorOf`. */
export interface OutputsBeside {
  readonly largestError: number
  /** Of what they should be, before the activation. */
  readonly squares: number
  readonly count: number
}

export function outputsBeside(step: WindowedStep, look: Look, outliers: readonly Outlier[]): OutputsBeside {
  const written = look(outputOf(step))
  const [, height, width, channels] = written.shape
  const truthAt = truthOf(step, look, Math.min(channels, MAX_FILTERS))
  let [largestError, squares, count] = [0, 0, 0]
  for (const { image, y: outlierY, x: outlierX } of outliers) {
    const [readY, readX] = readersOf(step, outlierY, outlierX)
    for (let y = Math.max(0, readY.first - REACH); y <= Math.min(height - 1, readY.last + REACH); y++) {
      for (let x = Math.max(0, readX.first - REACH); x <= Math.min(width - 1, readX.last + REACH); x++) {
        if (isWithin(readY, y) && isWithin(readX, x)) continue
        const at = pixelAt(written, image, y, x)
        truthAt(image, y, x).forEach((sum, filter) => {
          const output = activate(step.options, sum)
          largestError = Math.max(largestError, Math.abs(written.values[at + filter]! - output))
          squares += sum * sum
          count++
        })
      }
    }
  }
  return { largestError, squares, count }
}

/**
 * The largest error, over the root mean square of what the outputs should be; NaN if one of them is. Null if there are no such
 * outputs, or all are zero.
 */
export function errorOf(shares: readonly OutputsBeside[]): number | null {
  const total = (of: keyof OutputsBeside) => shares.reduce((sum, share) => sum + share[of], 0)
  const squares = total('squares')
  const largestError = Math.max(...shares.map((share) => share.largestError))
  return squares > 0 ? largestError / Math.sqrt(squares / total('count')) : null
}

/** By plain loops: the sums (before an activation) of the first channels at a pixel. One array, used again. */
function truthOf(
  step: WindowedStep,
  look: Look,
  count: number,
): (image: number, y: number, x: number) => Float64Array {
  const source = look(sourceOf(step))
  const weights = look(step.reads.weights)
  const { geometry } = step.options
  const biases = step.reads.biases ? denseParameter(look(step.reads.biases)) : null
  const sums = new Float64Array(count)
  if (step.kind === 'conv-forward') {
    const own = denseParameter({ ...weights, shape: [1, 1, weights.shape[2], count] })
    const addend = step.reads.addend ? look(step.reads.addend) : null
    return (image, y, x) => {
      convolvePixel({ geometry }, source, own, biases, image, y, x, 0, sums)
      if (addend) {
        const at = pixelAt(addend, image, y, x)
        for (let f = 0; f < count; f++) sums[f]! += addend.values[at + f]!
      }
      return sums
    }
  }
  const own = rowsOfTaps(weights, step.writes.inputGradient.shape[3], count)
  return (image, y, x) => {
    inputGradientPixel({ geometry }, source, own, count, image, y, x, 0, sums)
    if (biases) for (let c = 0; c < count; c++) sums[c]! += biases[c]!
    return sums
  }
}

/** Of each tap the rows of the first input channels. */
function rowsOfTaps(weights: Grid, channels: number, count: number): Float64Array {
  const [, , rows, filters] = weights.shape
  const own = new Float64Array((rows / channels) * count * filters)
  for (let tap = 0; tap < rows / channels; tap++) {
    for (let c = 0; c < count; c++) {
      const [from, to] = [pixelAt(weights, 0, 0, tap * channels + c), (tap * count + c) * filters]
      for (let f = 0; f < filters; f++) own[to + f] = weights.values[from + f]!
    }
  }
  return own
}

interface Stretch {
  readonly first: number
  readonly last: number
}

const isWithin = ({ first, last }: Stretch, at: number): boolean => at >= first && at <= last

/** The rows and columns of the outputs whose windows hold the place. */
function readersOf(step: WindowedStep, y: number, x: number): readonly [rows: Stretch, columns: Stretch] {
  const { geometry } = step.options
  const { strideHeight, strideWidth, top, left } = geometry
  const kernel = dilatedKernel(geometry)
  const along = (at: number, stride: number, kernel: number, padding: number): Stretch =>
    step.kind === 'conv-forward'
      ? {
          first: Math.ceil((at + padding - kernel + 1) / stride),
          last: Math.floor((at + padding) / stride),
        }
      : { first: at * stride - padding, last: at * stride - padding + kernel - 1 }
  return [along(y, strideHeight, kernel.height, top), along(x, strideWidth, kernel.width, left)]
}

function rootMeanSquare(grid: Grid, image: number): number {
  const [, height, width, channels] = grid.shape
  let squares = 0
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const from = pixelAt(grid, image, y, x)
      for (let c = 0; c < channels; c++) squares += grid.values[from + c]! ** 2
    }
  }
  return Math.sqrt(squares / (height * width * channels))
}
