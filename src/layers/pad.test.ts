import { describe, expect, it } from 'vitest'
import { gradientErrors } from '../../test/support/finite-differences.ts'
import { backwardOf, forwardOf } from '../../test/support/layers.ts'
import { NetworkError, ShapeError } from '../errors.ts'
import { type PadOptions, pad, padDefinition, padStretches } from './pad.ts'

const definition = padDefinition
const caseOf = (options: PadOptions) => ({
  definition,
  options,
  inputShape: [2, 3, 1],
  input: [1, 2, 3, 4, 5, 6],
})

describe('forward', () => {
  it.each<[string, PadOptions, number[][]]>([
    [
      'a constant on all sides',
      { padding: [1, 0, 2, 1], mode: 'constant', value: 9 },
      [
        [9, 9, 9, 9, 9, 9],
        [9, 9, 1, 2, 3, 9],
        [9, 9, 4, 5, 6, 9],
      ],
    ],
    [
      'the mirrored image, without the edge',
      { padding: [1, 1, 2, 1], mode: 'reflect' },
      [
        [6, 5, 4, 5, 6, 5],
        [3, 2, 1, 2, 3, 2],
        [6, 5, 4, 5, 6, 5],
        [3, 2, 1, 2, 3, 2],
      ],
    ],
    [
      'the edge, again and again',
      { padding: [0, 2, 3, 1], mode: 'edge' },
      [
        [1, 1, 1, 1, 2, 3, 3],
        [4, 4, 4, 4, 5, 6, 6],
        [4, 4, 4, 4, 5, 6, 6],
        [4, 4, 4, 4, 5, 6, 6],
      ],
    ],
    [
      'nothing',
      { padding: 0, mode: 'reflect' },
      [
        [1, 2, 3],
        [4, 5, 6],
      ],
    ],
  ])('adds %s', (_what, options, rows) => {
    expect(forwardOf(caseOf(options))).toEqual({
      shape: [rows.length, rows[0]!.length, 1],
      values: rows.flat(),
    })
  })

  it('pads every channel alike, with 0 if there is no value', () => {
    const layer = {
      definition,
      options: { padding: [0, 0, 1, 0], mode: 'constant' } as const,
      batch: 2,
      inputShape: [1, 1, 2],
      input: [1, 2, 3, 4],
    }
    expect(forwardOf(layer).values).toEqual([0, 0, 1, 2, 0, 0, 3, 4])
  })
})

describe('backward', () => {
  const ones = (count: number) => Array.from({ length: count }, () => 1)

  it('gives constants no gradient, and adds gradients to what is there', () => {
    const gradient = [0, 1, 2, 3, 10, 11, 12, 13]
    const options = { padding: [0, 0, 1, 0], mode: 'constant' } as const
    expect(backwardOf(caseOf(options), gradient, 100).input).toEqual([101, 102, 103, 111, 112, 113])
  })

  it('gives a value the gradients of all its reflections', () => {
    // Rows are taken 2 and 2 times, columns 1, 2 and 1 times
    const options = { padding: [1, 1, 0, 1], mode: 'reflect' } as const
    expect(backwardOf(caseOf(options), ones(16)).input).toEqual([2, 4, 2, 2, 4, 2])
  })

  it('gives an edge pixel the gradients of all that repeat it', () => {
    const options = { padding: [0, 2, 3, 0], mode: 'edge' } as const
    expect(backwardOf(caseOf(options), ones(24)).input).toEqual([4, 1, 1, 12, 3, 3])
  })
})

it.each<PadOptions>([
  { padding: [1, 2, 3, 0], mode: 'constant', value: 2 },
  { padding: [2, 1, 3, 2], mode: 'reflect' },
  { padding: [2, 5, 0, 7], mode: 'edge' },
])('finite differences: %o', (options) => {
  expect(gradientErrors({ definition, options, inputShape: [3, 4, 2] }).input).toBeLessThan(1e-8)
})

it('has the image’s own stretch first, and none that is empty', () => {
  expect(padStretches('edge', 4, 0, 2)).toEqual([
    { first: 0, count: 4, source: 0, step: 1 },
    { first: 4, count: 2, source: 3, step: 0 },
  ])
})

it.each<[PadOptions, string]>([
  [
    { padding: [0, 3, 0, 0], mode: 'reflect' },
    "a: the mode 'reflect' adds at most 2 on each side to the height of its input [3, 4, 2], not 3; reduce the padding or use the mode 'edge'",
  ],
  [
    { padding: [0, 0, 4, 0], mode: 'reflect' },
    "a: the mode 'reflect' adds at most 3 on each side to the width of its input [3, 4, 2], not 4; reduce the padding or use the mode 'edge'",
  ],
  [
    { padding: 1, mode: 'edge', value: 0 },
    "a: value is only for the mode 'constant'; with 'edge' leave it out",
  ],
])('refuses %o for an image of 3 x 4', (options, message) => {
  expect(() => definition.outputShape('a', options, [[3, 4, 2]])).toThrow(new ShapeError(message))
})

it('refuses an input that is not an image', () => {
  expect(() => definition.outputShape('a', { padding: 1, mode: 'edge' }, [[5]])).toThrow(
    new ShapeError('a: its input is [5]; it pads images, (H, W, C)'),
  )
})

it.each<[object, string]>([
  [{}, 'a: padding is missing; it must be an integer from 0 or [top, bottom, left, right]'],
  [{ padding: -1 }, 'a: padding is -1; it must be an integer from 0 to 2^53 - 1'],
  [{ padding: [1, 2] }, 'a: padding is [1,2]; it must be [top, bottom, left, right], integers from 0'],
  [{ padding: 1, mode: 'wrap' }, "a: unknown mode 'wrap' (constant, reflect, edge)"],
  [{ padding: 1, value: Infinity }, 'a: value is Infinity; it must be a finite number'],
])('refuses %o', (options, message) => {
  expect(() => pad('a', options as never)).toThrow(NetworkError)
  expect(() => pad('a', options as never)).toThrow(message)
})
