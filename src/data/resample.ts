import type { DecodedImage } from './dataset.ts'

/**
 * In pixels of an image, not always integers: an image decoded at a reduced size may contain fractions of the original
 * pixels.
 */
export interface Area {
  readonly left: number
  readonly top: number
  readonly width: number
  readonly height: number
}

/**
 * How an image that is not square becomes a square: `crop` takes the square in the middle that is as wide as the shorter
 * side, `stretch` all of the image, whose proportions change.
 */
export const FITS = ['crop', 'stretch'] as const
/** One of `FITS`. */
export type Fit = (typeof FITS)[number]

/**
 * An image, or an area of it, resized to (side, side, channels). Bilinear, over an area that grows with the reduction,
 * so that nothing aliases, as Pillow's BILINEAR and libvips' linear kernel.
 */
export function resizedSquare(
  image: DecodedImage,
  side: number,
  fit: Fit = 'crop',
  area: Area = areaOf(image, fit),
): DecodedImage {
  const { width, height, channels } = image
  const isAsItIs = width === side && height === side && area.width === side && area.height === side
  if (isAsItIs) return image
  const across = tapsOf(area.left, area.width, side)
  const down = tapsOf(area.top, area.height, side)
  const pixels = resizeColumns(resizeRows(image, across, down), down, side * channels)
  return { width: side, height: side, channels, pixels }
}

/** What a square shows of an image. */
export function areaOf({ width, height }: Pick<DecodedImage, 'width' | 'height'>, fit: Fit): Area {
  if (fit === 'stretch') return { left: 0, top: 0, width, height }
  const extent = Math.min(width, height)
  return { left: (width - extent) >> 1, top: (height - extent) >> 1, width: extent, height: extent }
}

// In integers, which is twice as fast: weights in 2^-14, and 6 fraction bits between the two passes.
const WEIGHT_BITS = 14
const WEIGHT_ONE = 1 << WEIGHT_BITS
const FRACTION_BITS = 6
const ACROSS_SHIFT = WEIGHT_BITS - FRACTION_BITS
const DOWN_SHIFT = WEIGHT_BITS + FRACTION_BITS

/** For each position of the result: where its source begins, and `taps` weights that add up to WEIGHT_ONE. */
interface Taps {
  readonly taps: number
  /** The range of the source that is read. */
  readonly first: number
  readonly length: number
  /** (positions), from `first` on */
  readonly starts: Int32Array
  /** (positions, taps) */
  readonly weights: Int32Array
}

/** Resizes the range of `extent` from `start` on to `count` positions. */
function tapsOf(start: number, extent: number, count: number): Taps {
  const first = Math.floor(start)
  const length = Math.ceil(start + extent) - first
  const scale = extent / count
  const support = Math.max(scale, 1)
  const taps = Math.min(Math.ceil(2 * support) + 1, length)
  const starts = new Int32Array(count)
  const weights = new Int32Array(count * taps)
  for (let i = 0; i < count; i++) {
    const centre = start - first + (i + 0.5) * scale
    const from = Math.max(0, Math.min(Math.floor(centre - support + 0.5), length - taps))
    starts[i] = from
    const triangle = (tap: number): number => Math.max(0, support - Math.abs(from + tap + 0.5 - centre))
    let sum = 0
    for (let tap = 0; tap < taps; tap++) sum += triangle(tap)
    let rest = WEIGHT_ONE
    for (let tap = 0; tap < taps; tap++) {
      const weight = Math.round((triangle(tap) / sum) * WEIGHT_ONE)
      weights[i * taps + tap] = weight
      rest -= weight
    }
    // The rounding error goes to the middle weight, so that a uniform colour stays as it is
    const middle = Math.min(Math.max(Math.floor(centre) - from, 0), taps - 1)
    weights[i * taps + middle]! += rest
  }
  return { taps, first, length, starts, weights }
}

/** The rows that `down` reads, resized across: (rows, positions, channels). */
function resizeRows(image: DecodedImage, across: Taps, down: Taps): Uint16Array {
  const { width, channels, pixels } = image
  const pitch = across.starts.length * channels
  const resized = new Uint16Array(down.length * pitch)
  const resizeRow = channels === 3 ? resizeColours : resizeGrey
  for (let y = 0; y < down.length; y++) {
    const start = ((down.first + y) * width + across.first) * channels
    const row = pixels.subarray(start, start + across.length * channels)
    resizeRow(row, across, resized.subarray(y * pitch, (y + 1) * pitch))
  }
  return resized
}

function resizeGrey(row: Uint8Array, { taps, starts, weights }: Taps, resized: Uint16Array): void {
  for (let i = 0, w = 0; i < starts.length; i++) {
    let sum = 0
    for (let from = starts[i]!, end = from + taps; from < end; from++, w++)
      sum = (sum + Math.imul(weights[w]!, row[from]!)) | 0
    resized[i] = sum >> ACROSS_SHIFT
  }
}

/** All three channels at once, which takes half the time. */
function resizeColours(row: Uint8Array, { taps, starts, weights }: Taps, resized: Uint16Array): void {
  for (let i = 0, w = 0; i < starts.length; i++) {
    let [red, green, blue] = [0, 0, 0]
    for (let from = 3 * starts[i]!, end = from + 3 * taps; from < end; from += 3, w++) {
      const weight = weights[w]!
      red = (red + Math.imul(weight, row[from]!)) | 0
      green = (green + Math.imul(weight, row[from + 1]!)) | 0
      blue = (blue + Math.imul(weight, row[from + 2]!)) | 0
    }
    resized[3 * i] = red >> ACROSS_SHIFT
    resized[3 * i + 1] = green >> ACROSS_SHIFT
    resized[3 * i + 2] = blue >> ACROSS_SHIFT
  }
}

/** Rows of `pitch` values, resized down and rounded to bytes. */
function resizeColumns(rows: Uint16Array, down: Taps, pitch: number): Uint8Array {
  const { taps, starts, weights } = down
  const resized = new Uint8Array(starts.length * pitch)
  const sums = new Int32Array(pitch)
  for (let i = 0; i < starts.length; i++) {
    sums.fill(1 << (DOWN_SHIFT - 1)) // to round
    for (let tap = 0; tap < taps; tap++) {
      const weight = weights[i * taps + tap]!
      if (weight === 0) continue
      const from = (starts[i]! + tap) * pitch
      for (let j = 0; j < pitch; j++) sums[j] = (sums[j]! + Math.imul(weight, rows[from + j]!)) | 0
    }
    for (let j = 0; j < pitch; j++) resized[i * pitch + j] = sums[j]! >> DOWN_SHIFT
  }
  return resized
}
