import fc from 'fast-check'
import { expect, it } from 'vitest'
import { epochOrder, shuffled } from './order.ts'

it('is an order of all, the same for the same seed and epoch', () => {
  const counts = fc.integer({ min: 0, max: 300 })
  const numbers = fc.integer({ min: 0, max: 2 ** 40 })
  fc.assert(
    fc.property(counts, numbers, numbers, (count, seed, epoch) => {
      const order = epochOrder(count, seed, epoch)
      expect(epochOrder(count, seed, epoch)).toEqual(order)
      expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, i) => i))
    }),
  )
})

it('differs by seed, epoch and purpose', () => {
  const orders = [epochOrder(50, 7, 0), epochOrder(50, 7, 1), epochOrder(50, 8, 0), shuffled(50, 7, 'test')]
  expect(new Set(orders.map(String)).size).toBe(4)
})

it('gives each order of three about as often as any other', () => {
  const found = new Map<string, number>()
  for (let epoch = 0; epoch < 6000; epoch++) {
    const order = String(epochOrder(3, 7, epoch))
    found.set(order, (found.get(order) ?? 0) + 1)
  }
  expect(found.size).toBe(6)
  for (const count of found.values()) expect(Math.abs(count - 1000)).toBeLessThan(150) // 5 sd of a binomial
})
