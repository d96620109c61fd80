import { describe, expect, it } from 'vitest'
import {
  type Augmentation,
  augmentationKey,
  augmentedView,
  checkAugmentation,
  colourShift,
} from './augmentation.ts'
import type { DecodedImage } from './dataset.ts'

const image: DecodedImage = { width: 6, height: 5, channels: 3, pixels: new Uint8Array(90) }
const colour = {
  eigenvalues: [0.2, 0.02],
  eigenvectors: [
    [0.6, 0.8, 0],
    [0, 0, 1],
  ],
}
const all: Augmentation = { flip: true, crop: true, colour }
const none: Augmentation = { flip: false, crop: false, colour: null }
const views = (augmentation: Augmentation, count: number, epoch = 0) =>
  Array.from({ length: count }, (_, index) =>
    augmentedView(image, 4, augmentation, augmentationKey(7, epoch), index),
  )

describe('augmentation', () => {
  it('reaches every place, and flips about half', () => {
    const found = views(all, 600)
    const places = new Set(found.map(({ top, left }) => `${top},${left}`))
    expect([...places].sort()).toEqual(['0,0', '0,1', '0,2', '1,0', '1,1', '1,2'])
    const flipped = found.filter(({ isFlipped }) => isFlipped).length
    expect(Math.abs(flipped - 300)).toBeLessThan(60) // 5 sd of a binomial
  })

  it('is the same for the same seed, epoch and image, and differs by epoch', () => {
    expect(views(all, 5)).toEqual(views(all, 5))
    expect(views(all, 5, 1)).not.toEqual(views(all, 5))
  })

  it('leaves the centre where nothing is asked for', () => {
    expect(views(none, 1)).toEqual([{ top: 0, left: 1, isFlipped: false, shift: null }])
  })

  it('crops alike whether it flips or not', () => {
    const places = (augmentation: Augmentation) => views(augmentation, 20).map(({ top, left }) => [top, left])
    expect(places({ ...all, flip: false, colour: null })).toEqual(places(all))
  })

  it('shifts colours by eigenvector * alpha * eigenvalue', () => {
    const shift = colourShift(colour, (i) => [0.5, -2][i]!)
    const expected = [0.6 * 0.5 * 0.2, 0.8 * 0.5 * 0.2, -2 * 0.02]
    for (const c of [0, 1, 2]) expect(shift[c]).toBeCloseTo(expected[c]!, 12)
  })

  it('draws alpha with an sd of 0.1', () => {
    // Blue moves only by the second component: alpha * 0.02
    const alphas = views(all, 2000).map(({ shift }) => shift![2]! / 0.02)
    const mean = alphas.reduce((sum, alpha) => sum + alpha, 0) / alphas.length
    const sd = Math.sqrt(alphas.reduce((sum, alpha) => sum + (alpha - mean) ** 2, 0) / alphas.length)
    expect(Math.abs(mean)).toBeLessThan(0.012)
    expect(Math.abs(sd - 0.1)).toBeLessThan(0.008)
  })

  it('of colours needs colours', () => {
    const preprocessing = { size: 4, channels: 1, resize: null, normalise: { kind: 'per-image' } } as const
    expect(() => checkAugmentation(all, preprocessing)).toThrow('needs images of 3 channels')
  })

  it('of colours needs an eigenvector for each eigenvalue, and one at least', () => {
    const preprocessing = { size: 4, channels: 3, resize: 6, normalise: { kind: 'per-image' } } as const
    for (const colour of [
      { eigenvalues: [1, 1, 1], eigenvectors: [] },
      { eigenvalues: [], eigenvectors: [[1, 0, 0]] },
      { eigenvalues: [], eigenvectors: [] },
    ])
      expect(() => checkAugmentation({ ...all, colour }, preprocessing)).toThrow(
        /^augmentation: colour has \d eigenval/,
      )
    checkAugmentation(all, preprocessing)
  })
})
