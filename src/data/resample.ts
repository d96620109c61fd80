import type { DecodedImage } from './dataset.ts'

/**
 * The shorter side resized to `side`, and of the longer one the middle: (side, side, channels). Bilinear, over an area
 * that grows with the reduction so that nothing aliases, as Pillow's BILINEAR and libvips' linear kernel.
 */
export function centralSquare(image: DecodedImage, side: number): DecodedImage {
  const { width, height, channels } = image
  const shorter = Math.min(width, height)
  if (width === side && height === side) return image
  const across = tapsOf(width, Math.round((width * side) / shorter), side)
  const down = tapsOf(height, Math.round((height * side) / shorter), side)
  const firstRow = down.starts[0]!
  const lastRow = down.starts[side - 1]! + down.taps - 1
  const rows = resizeRows(image, across, firstRow, Math.min(lastRow, height - 1))
  return {
    width: side,
    height: side,
    channels,
    pixels: resizeColumns(rows, down, side * channels, firstRow),
  }
}

/** For each position of the result: where its source begins, and `taps` weights that add up to 1. */
interface Taps {
  readonly taps: number
  readonly starts: Int32Array
  /** (positions, taps) */
  readonly weights: Float64Array
}

/** For the middle `count` of the `scaled` positions that `length` positions are resized to. */
function tapsOf(length: number, scaled: number, count: number): Taps {
  const first = (scaled - count + 1) >> 1 // as sharp rounds
  const scale = length / scaled
  const support = Math.max(scale, 1)
  const taps = Math.min(Math.ceil(2 * support) + 1, length)
  const starts = new Int32Array(count)
  const weights = new Float64Array(count * taps)
  for (let i = 0; i < count; i++) {
    const centre = (first + i + 0.5) * scale
    const start = Math.max(0, Math.min(Math.floor(centre - support + 0.5), length - taps))
    starts[i] = start
    let sum = 0
    for (let tap = 0; tap < taps; tap++) {
      const distance = Math.abs(start + tap + 0.5 - centre) / support
      sum += weights[i * taps + tap] = Math.max(0, 1 - distance)
    }
    for (let tap = 0; tap < taps; tap++) weights[i * taps + tap]! /= sum
  }
  return { taps, starts, weights }
}

/** Rows `first` to `last` of the image, resized across: (rows, positions, channels). */
function resizeRows(image: DecodedImage, across: Taps, first: number, last: number): Float32Array {
  const { width, channels, pixels } = image
  const { taps, starts, weights } = across
  const resized = new Float32Array((last - first + 1) * starts.length * channels)
  let to = 0
  for (let y = first; y <= last; y++) {
    for (let i = 0; i < starts.length; i++) {
      const from = (y * width + starts[i]!) * channels
      for (let c = 0; c < channels; c++) {
        let sum = 0
        for (let tap = 0; tap < taps; tap++)
          sum += weights[i * taps + tap]! * pixels[from + tap * channels + c]!
        resized[to++] = sum
      }
    }
  }
  return resized
}

/** Rows of `pitch` values, the first of which is the source's row `firstRow`, resized down and rounded to bytes. */
function resizeColumns(rows: Float32Array, down: Taps, pitch: number, firstRow: number): Uint8Array {
  const { taps, starts, weights } = down
  const resized = new Uint8Array(starts.length * pitch)
  const sums = new Float64Array(pitch)
  for (let i = 0; i < starts.length; i++) {
    sums.fill(0.5) // to round
    for (let tap = 0; tap < taps; tap++) {
      const weight = weights[i * taps + tap]!
      if (weight === 0) continue
      const from = (starts[i]! - firstRow + tap) * pitch
      for (let j = 0; j < pitch; j++) sums[j]! += weight * rows[from + j]!
    }
    for (let j = 0; j < pitch; j++) resized[i * pitch + j] = sums[j]!
  }
  return resized
}
