import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { windowGeometry } from '../../layers/index.ts'
import { type StrideOneAxis, strideOne } from './stride-one.ts'

/** A convolution along one axis, of one channel and one filter. */
interface Axis {
  readonly x: readonly number[]
  readonly w: readonly number[]
  readonly stride: number
  readonly before: number
  readonly after: number
}

const numbers = (most: number) => fc.array(fc.integer({ min: -9, max: 9 }), { minLength: 1, maxLength: most })

/** Padded at the end by what the last window lacks, and sometimes by more. */
const axes = fc
  .record({
    x: numbers(12),
    w: numbers(7),
    stride: fc.integer({ min: 1, max: 4 }),
    before: fc.nat(4),
    more: fc.nat(4),
  })
  .map(
    ({ more, ...axis }): Axis => ({
      ...axis,
      after: Math.max(0, axis.w.length - axis.x.length - axis.before) + more,
    }),
  )

const geometryOf = (vertical: Axis, horizontal: Axis) =>
  windowGeometry(
    'conv',
    {
      kernel: [vertical.w.length, horizontal.w.length],
      stride: [vertical.stride, horizontal.stride],
      padding: {
        top: vertical.before,
        bottom: vertical.after,
        left: horizontal.before,
        right: horizontal.after,
      },
    },
    vertical.x.length,
    horizontal.x.length,
  )

/** Convolution by its definition. */
function direct({ x, w, stride, before }: Axis, output: number): number[] {
  return Array.from({ length: output }, (_, o) =>
    w.reduce((sum, weight, k) => sum + weight * (x[o * stride + k - before] ?? 0), 0),
  )
}

/** With stride 1 over blocks, whose values are channels with taps of their own. */
function overBlocks({ x, w }: Axis, { block, input, output, kernel, before, taps }: StrideOneAxis): number[] {
  return Array.from({ length: output }, (_, o) => {
    let sum = 0
    for (let tap = 0; tap < kernel; tap++) {
      const at = o + tap - before
      if (at < 0 || at >= input) continue
      for (const [value, { skip, taps: count, first, stride }] of taps.entries()) {
        if (tap < skip || tap >= skip + count) continue
        sum += w[first + (tap - skip) * stride]! * (x[at * block + value] ?? 0)
      }
    }
    return sum
  })
}

describe('stride 1 over blocks', () => {
  it('gives what the stride gives over values, along both axes', () => {
    fc.assert(
      fc.property(axes, axes, (down, across) => {
        const geometry = geometryOf(down, across)
        const { vertical, horizontal } = strideOne(geometry)
        expect(overBlocks(down, vertical)).toEqual(direct(down, geometry.outputHeight))
        expect(overBlocks(across, horizontal)).toEqual(direct(across, geometry.outputWidth))
      }),
      { numRuns: 500 },
    )
  })

  it('has every tap of the kernel once, and none outside of the rewritten one', () => {
    fc.assert(
      fc.property(axes, (axis) => {
        const { kernel, taps } = strideOne(geometryOf(axis, axis)).vertical
        const met = taps.flatMap(({ taps: count, first, stride }) =>
          Array.from({ length: count }, (_, i) => first + i * stride),
        )
        expect(met.sort((a, b) => a - b)).toEqual([...axis.w.keys()])
        for (const { skip, taps: count } of taps) expect(skip + count).toBeLessThanOrEqual(kernel)
      }),
    )
  })

  it('is the same where the stride is 1 already', () => {
    const { vertical } = strideOne(windowGeometry('conv', { kernel: 3, padding: 'same' }, 13, 13))
    const taps = [{ skip: 0, taps: 3, first: 0, stride: 1 }]
    expect(vertical).toEqual({ block: 1, input: 13, output: 13, kernel: 3, before: 1, taps })
  })

  it('makes 3 x 3 blocks of 11 x 11 with stride 4', () => {
    const { horizontal } = strideOne(
      windowGeometry('conv1', { kernel: 11, stride: 4, padding: 'same' }, 224, 224),
    )
    // 3 values of padding are one less than a block, so a window begins at the second value of a block, and the first
    // value has its taps from the next block on.
    expect(horizontal).toEqual({
      block: 4,
      input: 56,
      output: 56,
      kernel: 3,
      before: 1,
      taps: [
        { skip: 1, taps: 2, first: 3, stride: 4 },
        { skip: 0, taps: 3, first: 0, stride: 4 },
        { skip: 0, taps: 3, first: 1, stride: 4 },
        { skip: 0, taps: 3, first: 2, stride: 4 },
      ],
    })
  })
})
