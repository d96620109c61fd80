import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { principalComponents } from './colour.ts'

const SQRT_HALF = Math.sqrt(0.5)

describe('principal components', () => {
  it('of a case done by hand', () => {
    // (2 1; 1 2) has eigenvalue 3 along (1, 1) and 1 along (1, -1); the third axis is independent
    const { eigenvalues, eigenvectors } = principalComponents([
      [2, 1, 0],
      [1, 2, 0],
      [0, 0, 5],
    ])
    expect(eigenvalues.map((value) => value.toFixed(12))).toEqual(
      ['5', '3', '1'].map((v) => Number(v).toFixed(12)),
    )
    const expected = [
      [0, 0, 1],
      [SQRT_HALF, SQRT_HALF, 0],
      [SQRT_HALF, -SQRT_HALF, 0],
    ]
    eigenvectors.forEach((vector, i) => {
      // If two entries have the same size, either may be the positive one
      const sign = Math.sign(vector[0]! || vector[2]!)
      vector.forEach((entry, j) => {
        expect(sign * entry).toBeCloseTo(expected[i]![j]!, 12)
      })
    })
  })

  it('make up the covariance again', () => {
    const entry = fc.double({ min: -1, max: 1, noNaN: true })
    fc.assert(
      fc.property(fc.array(entry, { minLength: 9, maxLength: 9 }), (entries) => {
        const axes = [0, 1, 2]
        const covariance = axes.map((a) =>
          axes.map((b) => axes.reduce((sum, k) => sum + entries[3 * a + k]! * entries[3 * b + k]!, 0)),
        )
        const { eigenvalues, eigenvectors } = principalComponents(covariance)
        for (const a of axes) {
          for (const b of axes) {
            const sum = axes.reduce(
              (total, i) => total + eigenvalues[i]! * eigenvectors[i]![a]! * eigenvectors[i]![b]!,
              0,
            )
            expect(sum).toBeCloseTo(covariance[a]![b]!, 9)
          }
        }
        expect([...eigenvalues].sort((a, b) => b - a)).toEqual(eigenvalues)
      }),
    )
  })
})
