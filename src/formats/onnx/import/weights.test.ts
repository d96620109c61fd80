import { describe, expect, it } from 'vitest'
import { type Constant, floatConstant, integerConstant, storedConstant } from './constants.ts'
import { copied, transposed, withRowsAt } from './weights.ts'

const FLOAT32 = 1
const FLOAT16 = 10

/** Where its bytes lie in a file is up to the file. */
function stored(values: Float32Array, dims: readonly number[], offset: number): Constant {
  const rawData = new Uint8Array(values.byteLength + offset).subarray(offset)
  rawData.set(new Uint8Array(values.buffer))
  return storedConstant({ name: 'w', dims, dataType: FLOAT32, rawData })
}

/** As `toEqual`, which takes seconds for so many values. */
function expectSame(found: Float32Array, expected: Float32Array): void {
  expect(found.length).toBe(expected.length)
  expect(found.findIndex((value, i) => value !== expected[i])).toBe(-1)
}

const counted = (count: number) => Float32Array.from({ length: count }, (_, i) => i + 0.5)

describe.each([
  [1, 1],
  [3, 7],
  [33, 259],
  [64, 512],
  [31, 255],
])('a matrix of %i x %i', (rows, columns) => {
  const values = counted(rows * columns)
  const place = (at: number, count: number) => (at * 5 + 2) % count
  /** A permutation only where 5 is prime to the count. */
  const placeIn = (count: number) => (at: number) => (count % 5 === 0 ? at : place(at, count))
  const at = (row: number, column: number) => values[row * columns + column]!
  const kinds: readonly (readonly [string, Constant])[] = [
    ['aligned in its file', stored(values, [rows, columns], 0)],
    ['at an odd byte of its file', stored(values, [rows, columns], 1)],
    ['that was computed', floatConstant([rows, columns], values)],
    ['of float64', floatConstant([rows, columns], Float64Array.from(values))],
  ]

  it.each(kinds)('%s is transposed', (_, constant) => {
    const placeOf = placeIn(columns)
    const expected = new Float32Array(rows * columns)
    for (let r = 0; r < rows; r++)
      for (let c = 0; c < columns; c++) expected[placeOf(c) * rows + r] = 2 * at(r, c)
    expectSame(transposed(constant, rows, columns, placeOf, 2), expected)
  })

  it.each(kinds)('%s has its rows in another order', (_, constant) => {
    const placeOf = placeIn(rows)
    const expected = new Float32Array(rows * columns)
    for (let r = 0; r < rows; r++)
      for (let c = 0; c < columns; c++) expected[placeOf(r) * columns + c] = 2 * at(r, c)
    expectSame(withRowsAt(constant, rows, columns, placeOf, 2), expected)
  })

  it.each(kinds)('%s is copied, not shared', (_, constant) => {
    const copy = copied(constant)
    expectSame(copy, values)
    copy.fill(0)
    expectSame(copied(constant), values)
  })
})

it('integers and float16 become weights too', () => {
  const integers = integerConstant([2, 2], [1, 2, 3, 4])
  expect([...transposed(integers, 2, 2)]).toEqual([1, 3, 2, 4])
  const half = storedConstant({
    name: 'h',
    dims: [2, 2],
    dataType: FLOAT16,
    rawData: new Uint8Array(Uint16Array.of(0x3c00, 0x4000, 0xc000, 0x3800).buffer),
  })
  expect([...transposed(half, 2, 2)]).toEqual([1, -2, 2, 0.5])
})
