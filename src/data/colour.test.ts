import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DamagedImageError } from '../errors.ts'
import { channelStatistics, colourComponents, principalComponents } from './colour.ts'
import type { DecodedImage, Split } from './dataset.ts'

const rgb = (...pixels: number[]): DecodedImage => ({
  width: pixels.length / 3,
  height: 1,
  channels: 3,
  pixels: Uint8Array.from(pixels),
})

const splitOf = (...images: (DecodedImage | Error)[]): Split => ({
  count: images.length,
  label: () => 0,
  image: (index) => {
    const image = images[index]!
    return image instanceof Error ? Promise.reject(image) : image
  },
})

const SQRT_HALF = Math.sqrt(0.5)

describe('principal components', () => {
  it('of a case done by hand', () => {
    // (2 1; 1 2) has 3 along (1, 1) and 1 along (1, -1); the third axis stands alone
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
      // Of two entries of one size either may be the positive one
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

describe('a set', () => {
  // Red 0 and 255, green its half, blue always 51: mean (0.5, 0.25, 0.2), covariance 0.25 (1, 1/2; 1/2, 1/4)
  const split = splitOf(rgb(0, 0, 51, 254, 127, 51), rgb(254, 127, 51, 0, 0, 51))
  const unit = 254 / 255

  it('has a mean and an sd of each channel', async () => {
    const { mean, sd } = await channelStatistics(split, 3)
    const expected = { mean: [unit / 2, unit / 4, 0.2], sd: [unit / 2, unit / 4, 0] }
    for (const c of [0, 1, 2]) {
      expect(mean[c]).toBeCloseTo(expected.mean[c]!, 12)
      expect(sd[c]).toBeCloseTo(expected.sd[c]!, 7)
    }
  })

  it('has one component where its colours lie on a line', async () => {
    const { eigenvalues, eigenvectors } = await colourComponents(split)
    // The variance along (2, 1, 0) / sqrt(5): 0.25 + 0.0625
    expect(eigenvalues[0]).toBeCloseTo(0.3125 * unit ** 2, 12)
    expect(eigenvalues[1]).toBeCloseTo(0, 12)
    const line = [2 / Math.sqrt(5), 1 / Math.sqrt(5), 0]
    for (const c of [0, 1, 2]) expect(eigenvectors[0]![c]).toBeCloseTo(line[c]!, 12)
  })

  it('is grey where one channel is asked for', async () => {
    const { mean } = await channelStatistics(splitOf(rgb(255, 255, 255, 0, 0, 0)), 1)
    expect(mean).toEqual([0.5])
  })

  it('leaves damaged images out, but not all of them', async () => {
    const damaged = new DamagedImageError('a.jpg', 'is cut short')
    expect((await channelStatistics(splitOf(damaged, rgb(51, 51, 51)), 3)).mean[0]).toBeCloseTo(0.2, 12)
    await expect(channelStatistics(splitOf(damaged), 3)).rejects.toThrow('none of 1 images could be read')
    await expect(channelStatistics(splitOf(new TypeError('a bug')), 3)).rejects.toThrow('a bug')
  })

  it('is sampled evenly', async () => {
    const seen: number[] = []
    const watched: Split = {
      count: 10,
      label: () => 0,
      image: (index) => {
        seen.push(index)
        return rgb(1, 2, 3)
      },
    }
    await channelStatistics(watched, 3, 4)
    expect(seen).toEqual([0, 2, 5, 7])
  })
})
