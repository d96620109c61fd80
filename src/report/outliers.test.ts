import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { beyondText, commonExtent, robustExtent } from './outliers.ts'

const bulk = Array.from({ length: 100 }, (_, i) => 10 + (i % 10) / 10)

describe('the robust extent', () => {
  it.each<[string, number[], readonly [low: number, high: number], number[], number[]]>([
    ['no outlier', bulk, [10, 10.9], [], []],
    ['one far above', [...bulk, 150], [10, 10.9], [], [150]],
    ['some far above, the nearest first', [...bulk, 1e6, 150, 90], [10, 10.9], [], [90, 150, 1e6]],
    ['one far below', [...bulk, 1], [10, 10.9], [1], []],
    ['both', [...bulk, 0, 150], [10, 10.9], [0], [150]],
    ['some that are far out, but one after the other', [...bulk, 11.3, 11.9, 12.8], [10, 12.8], [], []],
    ['a far one and one on the way', [...bulk, 11.3, 20], [10, 11.3], [], [20]],
    ['a second hump, which is no oddity', [...bulk, ...Array(20).fill(20)], [10, 20], [], []],
    ['equal values but one', [...Array(50).fill(400), 900], [400, 400], [], [900]],
    ['equal values but one that is near', [...Array(50).fill(400), 419], [400, 419], [], []],
    ['five, one of them far', [1, 1, 1, 1, 9], [1, 1], [], [9]],
    ['too few to tell', [1, 1.1, 100], [1, 100], [], []],
    ['one', [3], [3, 3], [], []],
    ['nothing but zeros and one', [...Array(20).fill(0), 5], [0, 0], [], [5]],
  ])('of %s', (_, values, [low, high], below, above) => {
    expect(robustExtent(values)).toEqual({ low, high, below, above })
  })

  it('loses no value, and leaves out at most one in twenty on a side', () => {
    const values = fc.array(fc.double({ min: 0, max: 1e15, noNaN: true }), { minLength: 1, maxLength: 200 })
    fc.assert(
      fc.property(values, (all) => {
        const { low, high, below, above } = robustExtent(all)
        const inside = all.filter((value) => value >= low && value <= high)
        expect(inside.length + below.length + above.length).toBe(all.length)
        for (const beyond of [below, above]) {
          expect(beyond.length).toBeLessThanOrEqual(Math.max(1, all.length / 20))
        }
      }),
    )
  })

  it('takes hundreds of thousands of values', () => {
    const many = Array.from({ length: 200_000 }, (_, i) => 1 + (i % 100) / 100)
    expect(robustExtent([...many, 1000])).toMatchObject({ low: 1, high: 1.99, above: [1000] })
  })
})

it('says how many are beyond the axis, and where', () => {
  const text = (below: number[], above: number[]) => beyondText({ low: 0, high: 1, below, above }, String)
  expect(text([], [])).toBe('')
  expect(text([], [15])).toBe('1 sample is beyond the axis: 15 ms.')
  expect(text([2], [15])).toBe('2 samples are beyond the axis: 2 and 15 ms.')
  expect(text([], [15, 20, 30])).toBe('3 samples are beyond the axis: 15 to 30 ms.')
})

describe('the extent of several series', () => {
  const slow = bulk.map((value) => 3 * value)

  it('has the first values of another series in it, few as they are', () => {
    expect(commonExtent([bulk, [30]])).toEqual({ low: 10, high: 30, below: [], above: [] })
    expect(commonExtent([bulk, slow.slice(0, 6)])).toMatchObject({ below: [], above: [] })
  })

  it('has beyond it what lies outside of all, the nearest first', () => {
    const extent = commonExtent([
      [...bulk, 20, 1, 200],
      [...slow, 100, 2],
    ])
    expect(extent).toEqual({ low: 10, high: slow.at(-1), below: [2, 1], above: [100, 200] })
  })
})
