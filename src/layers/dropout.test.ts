import { describe, expect, it } from 'vitest'
import { gradientErrors } from '../../test/support/finite-differences.ts'
import { backwardOf, forwardOf } from '../../test/support/layers.ts'
import { dropoutDefinition as definition, dropout } from './dropout.ts'

const many = { definition, inputShape: [10, 10, 100], input: Array<number>(20_000).fill(3), batch: 2 }

describe('what is kept', () => {
  it.each([0.5, 0.25, 0.9])('is a share of 1 - %f, divided by it', (rate) => {
    const { values } = forwardOf({ ...many, options: { rate, seed: 1 } })
    const kept = values.filter((value) => value !== 0)
    // Five standard deviations of a binomial
    expect(Math.abs(kept.length / values.length - (1 - rate))).toBeLessThan(
      5 * Math.sqrt(0.25 / values.length),
    )
    expect(new Set(kept)).toEqual(new Set([3 / (1 - rate)]))
  })

  it('is all at rate 0', () => {
    expect(forwardOf({ ...many, options: { rate: 0, seed: 1 } }).values).toEqual(many.input)
  })

  it('is the same again, differs between images and seeds, and is unlike its neighbours', () => {
    const mask = (seed: number) =>
      forwardOf({ ...many, options: { rate: 0.5, seed } }).values.map((v) => v > 0)
    const first = mask(1)
    expect(mask(1)).toEqual(first)
    const agreement = (other: readonly boolean[]) => {
      const same = other.filter((isKept, i) => isKept === first[i]).length
      return same / other.length
    }
    expect(agreement(mask(2))).toBeCloseTo(0.5, 1)
    expect(agreement(first.slice(10_000))).toBeCloseTo(0.5, 1)
    expect(agreement(first.slice(1))).toBeCloseTo(0.5, 1)
  })

  it('is the same in any batch', () => {
    const options = { rate: 0.5, seed: 1 }
    const one = forwardOf({ ...many, options, input: many.input.slice(0, 10_000), batch: 1 })
    expect(forwardOf({ ...many, options }).values.slice(0, 10_000)).toEqual(one.values)
  })
})

it('passes the gradient where the value is kept, and adds it', () => {
  const layer = { ...many, options: { rate: 0.5, seed: 1 } }
  const { values } = forwardOf(layer)
  const { input } = backwardOf(layer, Array<number>(20_000).fill(7), 5)
  expect(input).toEqual(values.map((value) => (value === 0 ? 5 : 19)))
})

it.each([
  [{ rate: 1 }, 'drop: rate is 1; it must be a number from 0 to below 1'],
  [{ rate: Number.NaN }, 'drop: rate is NaN; it must be a number from 0'],
  [{ seed: -1 }, 'drop: seed is -1; it must be an integer from 0'],
])('refuses %o', (options, message) => {
  expect(() => dropout('drop', options)).toThrow(message)
})

it('backward against finite differences', () => {
  const { input } = gradientErrors({ definition, options: { rate: 0.3, seed: 2 }, inputShape: [3, 4, 5] })
  expect(input).toBeLessThan(1e-8)
})
