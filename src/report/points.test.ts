import fc from 'fast-check'
import { expect, it } from 'vitest'
import { everyFew, indexesOfExtremes, meanCurve, movingMean, type Point } from './points.ts'

const curveOf = (...ys: number[]): Point[] => ys.map((y, x) => ({ x, y }))
const ysOf = (points: readonly Point[]): number[] => points.map(({ y }) => y)

it('a moving mean has as many neighbours on either side, and at the end those before', () => {
  expect(ysOf(movingMean(curveOf(3, 0, 6, 0, 6), 1))).toEqual([3, 3, 2, 4, 3])
  expect(ysOf(movingMean(curveOf(3, 0, 6, 0, 6), 9))).toEqual([3, 3, 3, 3, 3])
  expect(movingMean(curveOf(3, 0), 0)).toEqual(curveOf(3, 0))
  expect(movingMean([], 3)).toEqual([])
})

it('a moving mean leaves a straight line as it is up to its end: it does not lag', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 0, max: 30 }), (length, reach) => {
      const straight = curveOf(...Array.from({ length: length + reach }, (_, i) => 5 - 2 * i))
      for (const { x, y } of movingMean(straight, reach).slice(0, length)) expect(y).toBeCloseTo(5 - 2 * x, 9)
    }),
  )
})

it('every few keeps order, the first and the last', () => {
  expect(everyFew([1, 2, 3], 3)).toEqual([1, 2, 3])
  expect(everyFew([...Array(101).keys()], 5)).toEqual([0, 25, 50, 75, 100])
})

it('extremes are kept, in order, in no more than so many', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer(), { minLength: 1, maxLength: 300 }),
      fc.integer({ min: 2, max: 40 }),
      (values, max) => {
        const indexes = indexesOfExtremes(values, max)
        const kept = indexes.map((i) => values[i]!)
        expect(indexes.length).toBeLessThanOrEqual(max)
        expect(indexes).toEqual([...new Set(indexes)].sort((a, b) => a - b))
        expect(Math.max(...kept)).toBe(Math.max(...values))
        expect(Math.min(...kept)).toBe(Math.min(...values))
      },
    ),
  )
})

it('a mean of curves is where all of them have a point', () => {
  const short = curveOf(1, 3)
  const long = curveOf(3, 5, 100)
  expect(meanCurve([short, long])).toEqual(curveOf(2, 4))
  expect(meanCurve([long])).toEqual(long)
  expect(meanCurve([short, []])).toEqual([])
})
