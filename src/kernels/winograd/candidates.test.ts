import { describe, expect, it } from 'vitest'
import { type Extent, type WindowGeometry, windowGeometry } from '../../layers/index.ts'
import { roundUp } from '../../tensor.ts'
import { whyNotWinograd, winogradCandidates, winogradGradientCandidates } from './candidates.ts'
import type { PointCount } from './matrices.ts'

const traits = { name: 'test', lanes: 8, vectorRegisters: 16 }

const squareOf = (
  size: number,
  kernel: Extent,
  stride = 1,
  padding: 'same' | 'valid' = 'same',
): WindowGeometry => windowGeometry('conv', { kernel, stride, padding }, size, size)

const candidatesOf = (geometry: WindowGeometry, channels = 64, filters = 64, images = 32) =>
  winogradCandidates(traits, { images, geometry, channels: roundUp(channels, traits.lanes), filters })

/** The points of the candidates, in order. */
const pointsOf = (candidates: readonly { readonly points: PointCount }[]) => [
  ...new Set(candidates.map(({ points }) => points)),
]

/** AlexNet's convolutions as they are with stride 1: conv1's kernel becomes one over blocks of 4 x 4 pixels. */
const alexnet = [
  { name: 'conv1', geometry: squareOf(224, 11, 4), channels: 4 * 4 * 3, filters: 64, kernel: 3, best: 8 },
  { name: 'conv2', geometry: squareOf(27, 5), channels: 64, filters: 192, kernel: 5, best: 8 },
  { name: 'conv3', geometry: squareOf(13, 3), channels: 192, filters: 384, kernel: 3, best: 7 },
  { name: 'conv4', geometry: squareOf(13, 3), channels: 384, filters: 256, kernel: 3, best: 7 },
  { name: 'conv5', geometry: squareOf(13, 3), channels: 256, filters: 256, kernel: 3, best: 7 },
]

describe.each(alexnet)("AlexNet's $name", ({ geometry, channels, filters, kernel, best }) => {
  const forward = candidatesOf(geometry, channels, filters)
  const gradient = winogradGradientCandidates(traits, geometry, filters)

  it('has candidates, the most saving points first', () => {
    const products = (points: number) =>
      Math.ceil(geometry.outputHeight / (points - kernel + 1)) ** 2 * points ** 2
    for (const candidates of [forward, gradient]) {
      const points = pointsOf(candidates)
      expect(points[0]).toBe(best)
      expect(points.map(products)).toEqual(points.map(products).sort((a, b) => a - b))
      expect(products(best)).toBe(Math.min(...[4, 5, 6, 7, 8].map(products)))
    }
  })

  it('names each of them once, by tile and kernel', () => {
    for (const candidates of [forward, gradient]) {
      const names = candidates.map(({ tile }) => tile)
      expect(new Set(names).size).toBe(names.length)
      for (const { algorithm, tile, family, points } of candidates) {
        const outputs = points - kernel + 1
        expect(algorithm).toBe('winograd')
        for (const name of [tile, family])
          expect(name).toContain(`F(${outputs}x${outputs}, ${kernel}x${kernel})`)
      }
    }
  })

  it('goes by groups of images for every set of points, whatever bands the cache has room for', () => {
    expect(pointsOf(forward.filter(({ bandRows }) => bandRows === null))).toEqual(pointsOf(forward))
    for (const { bandRows } of forward) expect(bandRows ?? 1).toBeGreaterThan(0)
  })
})

it.each<[string, WindowGeometry, string]>([
  ['1 x 1', squareOf(13, 1), 'its kernel is 1x1: nothing to save'],
  ['1 x 5', squareOf(13, [1, 5]), 'its kernel is 1x5: nothing to save'],
  ['2 x 2 with stride 2', squareOf(12, 2, 2), 'its kernel of blocks is 1x1: nothing to save'],
  ['11 x 11', squareOf(56, 11), 'its kernel is 11x11: there are points for up to 7'],
  [
    '29 x 29 with stride 4',
    squareOf(56, 29, 4, 'valid'),
    'its kernel of blocks is 8x8: there are points for up to 7',
  ],
  [
    'a single output',
    squareOf(3, 3, 1, 'valid'),
    'its 1x1 outputs take as many products in tiles as without',
  ],
])('none for %s, with a reason', (_what, geometry, reason) => {
  expect(candidatesOf(geometry)).toEqual([])
  expect(winogradGradientCandidates(traits, geometry, 64)).toEqual([])
  expect(whyNotWinograd(geometry)).toBe(reason)
})

it('an 11 x 11 kernel needs its stride: with it, it is one of 3 x 3 blocks', () => {
  expect(candidatesOf(squareOf(224, 11))).toEqual([])
  expect(candidatesOf(squareOf(224, 11, 4))).not.toEqual([])
})

it.each([4, 8])(
  'a weights gradient at %s lanes: rows divide a vector, no more vectors than there are',
  (lanes) => {
    const candidates = winogradGradientCandidates({ ...traits, lanes }, squareOf(13, 3), 2 * lanes)
    expect(candidates).not.toEqual([])
    for (const { rows, vectors } of candidates) {
      expect(lanes % rows).toBe(0)
      expect(vectors).toBeLessThanOrEqual(2)
    }
  },
)

it.each([
  [1, [7, 6, 4]],
  [4, [7, 6]],
])(
  'with %i images of 14 x 14 pixels there are points for weights that come from memory too',
  (images, points) => {
    expect(pointsOf(candidatesOf(squareOf(14, 3), 256, 256, images))).toEqual(points)
  },
)
