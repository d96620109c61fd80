import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { anyNumber } from '../../../test/support/any-record.ts'
import { barScale, countScale, extentOf, linearScale, logScale, PERCENT, type Scale } from './scales.ts'

const labelsOf = ({ ticks }: Scale): string[] => ticks.map(({ label }) => label)

describe('a linear scale', () => {
  it('rounds its domain to ticks and places them', () => {
    const scale = linearScale([0.3, 9.7], [0, 100])
    expect(scale.domain).toEqual([0, 10])
    expect(scale.at(2.5)).toBe(25)
    expect(labelsOf(scale)).toEqual(['0', '2', '4', '6', '8', '10'])
  })

  it('goes downward where its range does', () => {
    const scale = linearScale([0, 10], [200, 0])
    expect([0, 5, 10].map(scale.at)).toEqual([200, 100, 0])
  })

  it('labels with the decimals of its step', () => {
    expect(labelsOf(linearScale([0.1, 0.3], [0, 1]))).toEqual(['0.10', '0.15', '0.20', '0.25', '0.30'])
  })

  it('has room around a single value', () => {
    for (const value of [0, 400]) {
      const { at, domain } = linearScale([value, value], [0, 100])
      expect(domain[1]).toBeGreaterThan(domain[0])
      expect(at(value)).toBeGreaterThanOrEqual(0)
      expect(at(value)).toBeLessThan(100)
    }
  })
})

it('a scale of counts has whole numbers alone', () => {
  expect(labelsOf(countScale([0, 1], [0, 1]))).toEqual(['0', '1'])
  expect(labelsOf(countScale([0, 3], [0, 1]))).toEqual(['0', '1', '2', '3'])
  expect(labelsOf(countScale([0, 4690], [0, 1]))).toEqual(['0', '1000', '2000', '3000', '4000', '5000'])
})

describe('a log scale', () => {
  it('gives equal ratios equal room', () => {
    const { at } = logScale([0.1, 1000], [0, 100])
    expect([0.1, 1, 10, 100, 1000].map((value) => Math.round(at(value)))).toEqual([0, 25, 50, 75, 100])
  })

  it('has even ticks within a decade, 1 2 5 within some and powers of ten over many', () => {
    expect(labelsOf(logScale([0.8, 2.2], [0, 1]))).toEqual(['1.0', '1.5', '2.0'])
    expect(labelsOf(logScale([3, 300], [0, 1]))).toEqual(['5', '10', '20', '50', '100', '200'])
    expect(labelsOf(logScale([0.1, 1e4], [0, 1]))).toEqual(['0.1', '1', '10', '100', '1000', '10000'])
    expect(labelsOf(logScale([1e-3, 1e9], [0, 1])).length).toBeLessThan(7)
  })
})

const positive = fc.double({ min: 1e-9, max: 1e12, noNaN: true })

it('keeps values in the range, in order, with ticks inside of it', () => {
  fc.assert(
    fc.property(positive, positive, fc.constantFrom(linearScale, logScale), (a, b, scaleOf) => {
      const [low, high] = [Math.min(a, b), Math.max(a, b)]
      const { at, ticks } = scaleOf([low, high], [0, 100])
      expect(at(low)).toBeGreaterThanOrEqual(-1e-6)
      expect(at(high)).toBeLessThanOrEqual(100 + 1e-6)
      expect(at(low)).toBeLessThanOrEqual(at(high))
      const places = ticks.map((tick) => tick.at)
      expect(places).toEqual([...places].sort((x, y) => x - y))
      for (const place of places) expect(Math.abs(place - 50)).toBeLessThanOrEqual(50 + 1e-6)
      expect(places.length).toBeLessThan(12)
    }),
  )
})

it('extentOf', () => {
  expect(extentOf([3, 1, 2])).toEqual([1, 3])
  expect(extentOf([])).toEqual([0, 1])
})

it('percent do not go past 100, nor below 0', () => {
  expect(linearScale([100, 100], [0, 1], PERCENT).domain).toEqual([95, 100])
  expect(linearScale([0, 0], [0, 1], PERCENT).domain).toEqual([0, 1])
  expect(linearScale([3, 99.7], [0, 1], PERCENT).domain).toEqual([0, 100])
})

it('the longest bar ends where the room does', () => {
  const { at, ticks } = barScale(0.82, [0, 100])
  expect(at(0.82)).toBe(100)
  expect(ticks.map(({ label }) => label)).toEqual(['0.0', '0.2', '0.4', '0.6', '0.8'])
})

it('labels are short where numbers are not', () => {
  expect(labelsOf(linearScale([1e-7, 3e-7], [0, 1]))).toEqual([
    '1.0e-7',
    '1.5e-7',
    '2.0e-7',
    '2.5e-7',
    '3.0e-7',
  ])
  expect(labelsOf(linearScale([0, 1e15], [0, 1]))).toEqual(['0', '2e14', '4e14', '6e14', '8e14', '1.0e15'])
})

it('every place is finite and within the range, whatever the values are', () => {
  const scales = fc.constantFrom(
    linearScale,
    logScale,
    countScale,
    ([, high]: readonly [number, number], range: readonly [number, number]) => barScale(high, range),
  )
  fc.assert(
    fc.property(scales, anyNumber, anyNumber, anyNumber, (scaleOf, a, b, value) => {
      const { at, ticks } = scaleOf(extentOf([a, b]), [0, 100])
      for (const place of [at(value), at(a), at(b), ...ticks.map((tick) => tick.at)]) {
        expect(place).toBeGreaterThanOrEqual(0)
        expect(place).toBeLessThanOrEqual(100)
      }
      for (const { label } of ticks) expect(label).toMatch(/^-?\d+(\.\d+)?(e-?\d+)?$/)
    }),
  )
})
