// Weights in the order in which layers have them. They are read from the file piece by piece and written once, so that
// nothing but the file and the result is in memory; and in blocks, which stay in the cache: there may be a hundred
// million of them.
import { elementCount } from '../../../tensor.ts'
import { type Constant, floatsOf } from './constants.ts'

/** So many rows at a time, whose values make a whole line of the cache or more where they are written, */
const BLOCK_ROWS = 32
/** and so many values of each, 32 kB in all. */
const PIECE = 256
/** From row to row. Multiples of 1 kB would fall on few lines of the cache. */
const PITCH = PIECE + 16

/**
 * A matrix (rows, columns), row-major, with rows and columns exchanged, times a factor: column c becomes row
 * `placeOf(c)` of the result.
 */
export function transposed(
  constant: Constant,
  rows: number,
  columns: number,
  placeOf: (column: number) => number = (column) => column,
  factor = 1,
): Float32Array {
  const read = readerOf(constant)
  const result = new Float32Array(rows * columns)
  const block = new Float32Array(BLOCK_ROWS * PITCH)
  for (let column = 0; column < columns; column += PIECE) {
    const width = Math.min(PIECE, columns - column)
    for (let row = 0; row < rows; row += BLOCK_ROWS) {
      const height = Math.min(BLOCK_ROWS, rows - row)
      for (let i = 0; i < height; i++)
        read((row + i) * columns + column, block.subarray(i * PITCH, i * PITCH + width))
      for (let k = 0; k < width; k++) {
        const to = placeOf(column + k) * rows + row
        for (let i = 0; i < height; i++) result[to + i] = factor * block[i * PITCH + k]!
      }
    }
  }
  return result
}

/** The same matrix, times a factor: row r becomes row `placeOf(r)` of the result. */
export function withRowsAt(
  constant: Constant,
  rows: number,
  columns: number,
  placeOf: (row: number) => number,
  factor = 1,
): Float32Array {
  const read = readerOf(constant)
  const result = new Float32Array(rows * columns)
  for (let row = 0; row < rows; row++) {
    const to = placeOf(row) * columns
    read(row * columns, result.subarray(to, to + columns))
  }
  if (factor !== 1) for (let i = 0; i < result.length; i++) result[i]! *= factor
  return result
}

/** An array of one's own, in the constant's order. */
export function copied(constant: Constant): Float32Array {
  const read = readerOf(constant)
  const result = new Float32Array(elementCount(constant.dims))
  read(0, result)
  return result
}

/**
 * Of any kind of constant, as `FloatConstant.read`. Throws Refusal for integers that depend on the batch and for a type
 * that is not read.
 */
export function readerOf(
  constant: Constant,
  what = 'a weight',
): (first: number, target: Float32Array) => void {
  if (constant.kind === 'float') {
    // Values of a type that can't be read may have any shape, since nothing tells how many there are: before that is allocated.
    constant.read(0, new Float32Array())
    return (first, target) => constant.read(first, target)
  }
  const values = floatsOf(constant, what)
  return (first, target) => target.set(values.subarray(first, first + target.length))
}
