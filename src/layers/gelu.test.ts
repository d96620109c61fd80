import { expect, it } from 'vitest'
import { gradientErrors } from '../../test/support/finite-differences.ts'
import { backwardOf, forwardOf } from '../../test/support/layers.ts'
import { geluDefinition as definition, gelu } from './gelu.ts'

const layer = { definition, options: { approximate: 'none' }, inputShape: [1, 1, 5] } as const
const nearly = { ...layer, options: { approximate: 'tanh' } } as const

it('is x times the share of the normal distribution below x, and keeps NaN', () => {
  // From a table of the normal distribution
  const { values } = forwardOf({ ...layer, input: [0, 1, -1, 3, Number.NaN] })
  expect(values[0]).toBe(0)
  expect(values[1]).toBeCloseTo(0.841344746068543, 15)
  expect(values[2]).toBeCloseTo(-0.158655253931457, 15)
  expect(values[3]).toBeCloseTo(3 * 0.99865010196837, 14)
  expect(values[4]).toBeNaN()
  const far = forwardOf({ ...layer, input: [1e9, -1e9, Infinity, -Infinity, 8.5] })
  expect(far.values).toEqual([1e9, -0, Infinity, Number.NaN, 8.5])
})

it('is nearly the same with the approximation by tanh', () => {
  const { values } = forwardOf({ ...nearly, input: [0, 1, -1, 1e9, Number.NaN] })
  expect(values[0]).toBe(0)
  expect(values[1]).toBeCloseTo(0.841191990608, 10) // PyTorch's
  expect(values[2]).toBeCloseTo(-0.158808009392, 10)
  expect(values.slice(3)).toEqual([1e9, Number.NaN])
})

it('multiplies the gradient by the share and x times the density, and adds it', () => {
  const { input } = backwardOf({ ...layer, input: [0, 1, -1, 1e9, -1e9] }, [2, 1, 1, 1, 1], 5)
  expect(input![0]).toBe(6)
  expect(input![1]).toBeCloseTo(5 + 0.841344746068543 + 0.241970724519143, 14)
  expect(input![2]).toBeCloseTo(5 + 0.158655253931457 - 0.241970724519143, 14)
  expect(input!.slice(3)).toEqual([6, 5])
})

it('refuses another approximation', () => {
  expect(gelu('a').options).toEqual({ approximate: 'none' })
  expect(() => gelu('a', { approximate: 'tahn' as never })).toThrow(
    "a: unknown approximate 'tahn'; did you mean 'tanh'? (none, tanh)",
  )
})

it.each(['none', 'tanh'] as const)('backward against finite differences, approximate: %s', (approximate) => {
  const { input } = gradientErrors({ definition, options: { approximate }, inputShape: [3, 4, 5] })
  expect(input).toBeLessThan(1e-8)
})
