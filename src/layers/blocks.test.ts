import { describe, expect, it } from 'vitest'
import { gradientErrors } from '../../test/support/finite-differences.ts'
import { backwardOf, forwardOf } from '../../test/support/layers.ts'
import { NetworkError, ShapeError } from '../errors.ts'
import type { BlockOptions } from './blocks.ts'
import { depthToSpace, depthToSpaceDefinition } from './depth-to-space.ts'
import { spaceToDepth, spaceToDepthDefinition } from './space-to-depth.ts'

/** By the formulas of ONNX on NCHW values: reshape, transpose, reshape. */
function byOnnx(values: readonly number[], [h, w, deep]: readonly number[], options: BlockOptions) {
  const { blockSize: b, mode } = options
  const c = deep! / b ** 2
  const nchw = (y: number, x: number, channel: number) => values[(y * w! + x) * deep! + channel]!
  const made: number[] = []
  for (let y = 0; y < h! * b; y++)
    for (let x = 0; x < w! * b; x++)
      for (let k = 0; k < c; k++) {
        const [i, j] = [y % b, x % b]
        // DCR: (b, b, C); CRD: (C, b, b)
        const channel = mode === 'DCR' ? i * b * c + j * c + k : k * b * b + i * b + j
        made.push(nchw(Math.floor(y / b), Math.floor(x / b), channel))
      }
  return made
}

const DCR: BlockOptions = { blockSize: 2, mode: 'DCR' }
const CRD: BlockOptions = { blockSize: 2, mode: 'CRD' }
const counted = (count: number) => Array.from({ length: count }, (_, i) => i)

describe('depth to space', () => {
  const definition = depthToSpaceDefinition
  const pixel = { definition, inputShape: [1, 1, 8], input: counted(8) }

  it('a pixel becomes a block: the channels of each of its pixels together, or apart', () => {
    // Rows of two pixels with two channels
    expect(forwardOf({ ...pixel, options: DCR })).toEqual({
      shape: [2, 2, 2],
      values: [0, 1, 2, 3, 4, 5, 6, 7],
    })
    expect(forwardOf({ ...pixel, options: CRD }).values).toEqual([0, 4, 1, 5, 2, 6, 3, 7])
  })

  it('the example of ONNX, with its values in NHWC', () => {
    // depthtospace_example: (1, 8, 2, 3) whose channels are 9 apart; the first output channel's first rows
    const input = [0, 1].flatMap((y) => [0, 1, 2].flatMap((x) => counted(8).map((c) => 9 * c + 3 * y + x)))
    const first = (options: BlockOptions) =>
      forwardOf({ definition, options, inputShape: [2, 3, 8], input })
        .values.filter((_, i) => i % 2 === 0)
        .slice(0, 12)
    expect(first(DCR)).toEqual([0, 18, 1, 19, 2, 20, 36, 54, 37, 55, 38, 56])
    expect(first(CRD)).toEqual([0, 9, 1, 10, 2, 11, 18, 27, 19, 28, 20, 29])
  })

  it.each([DCR, CRD, { ...DCR, blockSize: 3 }, { ...CRD, blockSize: 1 }])(
    'as ONNX defines it: %o',
    (options) => {
      const inputShape = [2, 3, 36]
      const input = counted(2 * 3 * 36)
      expect(forwardOf({ definition, options, inputShape, input }).values).toEqual(
        byOnnx(input, inputShape, options),
      )
    },
  )

  it('refuses channels that the block does not divide, and what is no image', () => {
    expect(() => definition.outputShape('a', DCR, [[2, 3, 6]])).toThrow(
      new ShapeError('a: for blocks of 2 x 2, 4 must divide the 6 channels of its input [2, 3, 6]'),
    )
    expect(() => definition.outputShape('a', DCR, [[8]])).toThrow(
      new ShapeError('a: its input is [8]; it needs images, (H, W, C)'),
    )
  })
})

describe('space to depth', () => {
  const definition = spaceToDepthDefinition

  it.each([DCR, CRD, { ...DCR, blockSize: 3 }, { ...CRD, blockSize: 3 }])(
    'is the inverse of depth to space: %o',
    (options) => {
      const deep = {
        definition: depthToSpaceDefinition,
        options,
        inputShape: [2, 3, 36],
        input: counted(216),
      }
      const { shape, values } = forwardOf(deep)
      expect(forwardOf({ definition, options, inputShape: shape, input: values })).toEqual({
        shape: [2, 3, 36],
        values: counted(216),
      })
    },
  )

  it('refuses images that the block does not divide, and what is no image', () => {
    for (const shape of [
      [3, 4, 2],
      [4, 3, 2],
    ])
      expect(() => definition.outputShape('a', DCR, [shape])).toThrow(
        new ShapeError(`a: blocks of 2 x 2 do not divide its input [${shape.join(', ')}]; pad it before`),
      )
    expect(() => definition.outputShape('a', DCR, [[8]])).toThrow(ShapeError)
  })
})

describe.each([
  { name: 'depth to space', definition: depthToSpaceDefinition, inputShape: [2, 3, 8] },
  { name: 'space to depth', definition: spaceToDepthDefinition, inputShape: [2, 6, 2] },
])('$name, backward', ({ definition, inputShape }) => {
  it.each([DCR, CRD])('gives every value its gradient, added to what is there: %o', (options) => {
    const layer = { definition, options, inputShape, input: counted(inputShape.reduce((a, b) => a * b)) }
    const { values } = forwardOf(layer)
    expect(backwardOf(layer, values, 100).input).toEqual(layer.input.map((value) => value + 100))
    expect(gradientErrors({ definition, options, inputShape }).input).toBeLessThan(1e-8)
  })
})

it.each([depthToSpace, spaceToDepth])('has the order DCR unless it is given: %o', (factory) => {
  expect(factory('a', { blockSize: 2 }).options).toEqual(DCR)
  expect(() => factory('a', {} as never)).toThrow(
    new NetworkError('a: blockSize is missing; it must be a positive integer'),
  )
  expect(() => factory('a', { blockSize: 2, mode: 'RCD' as never })).toThrow("a: unknown mode 'RCD'")
})
