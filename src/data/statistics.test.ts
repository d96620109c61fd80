import { describe, expect, it } from 'vitest'
import { DamagedImageError } from '../errors.ts'
import type { DecodedImage, Split } from './dataset.ts'
import { channelStatistics, colourComponents } from './statistics.ts'

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
    await expect(channelStatistics(splitOf(damaged, damaged), 3)).rejects.toThrow(
      'none of 2 images could be read; 2 of 2: a.jpg (is cut short)',
    )
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
    await channelStatistics(watched, 3, { sample: 4 })
    expect(seen).toEqual([0, 2, 5, 7])
  })

  it('is looked at once for statistics and components of the same pixels', async () => {
    let asked = 0
    const watched: Split = {
      count: 3,
      label: () => 0,
      image: () => {
        asked++
        return rgb(1, 2, 3)
      },
    }
    await channelStatistics(watched, 3)
    await colourComponents(watched)
    expect(asked).toBe(3)
    await channelStatistics(watched, 3, { sample: 2 })
    expect(asked).toBe(5)
    // Other decoders and other limits may find other images damaged
    await channelStatistics(watched, 3, { sample: 2, decoder: 'wasm' })
    await channelStatistics(watched, 3, { sample: 2, decoder: 'wasm', maxPixels: 100 })
    expect(asked).toBe(9)
  })

  it.each([
    ['channels', 1, {}],
    ['sample', 3, { sample: 2 }],
    ['side', 3, { side: 1 }],
    ['decoder', 3, { decoder: 'wasm' }],
    ['most pixels', 3, { maxPixels: 100 }],
  ] as const)('is looked at anew for another %s', async (_, channels, options) => {
    let asked = 0
    const image = () => {
      asked++
      return rgb(1, 2, 3)
    }
    const watched: Split = { count: 3, label: () => 0, image }
    await channelStatistics(watched, 3)
    await channelStatistics(watched, 3)
    expect(asked).toBe(3)
    await channelStatistics(watched, channels, options)
    expect(asked).toBeGreaterThan(3)
  })

  it('tells how far it is, and can be left', async () => {
    const many = { ...split, count: 40, image: () => rgb(1, 2, 3) }
    const seen: string[] = []
    await channelStatistics(many, 3, { onProgress: (done, total) => seen.push(`${done} of ${total}`) })
    expect([seen[0], seen.at(-1)]).toEqual(['0 of 40', '40 of 40'])
    const controller = new AbortController()
    const onProgress = (done: number) => done > 0 && controller.abort()
    const left = channelStatistics({ ...many }, 3, { onProgress, signal: controller.signal })
    await expect(left).rejects.toMatchObject({ name: 'InterruptedError' })
  })
})
