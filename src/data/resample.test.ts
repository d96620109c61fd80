import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { DecodedImage } from './dataset.ts'
import { resizedSquare } from './resample.ts'

const grey = (width: number, height: number, ...pixels: number[]): DecodedImage => ({
  width,
  height,
  channels: 1,
  pixels: Uint8Array.from(pixels),
})

describe('the central square', () => {
  it('of an image that is it already is the image', () => {
    const image = grey(2, 2, 1, 2, 3, 4)
    expect(resizedSquare(image, 2)).toBe(image)
  })

  it('is the middle of the longer side', () => {
    expect(resizedSquare(grey(4, 2, 1, 2, 3, 4, 5, 6, 7, 8), 2).pixels).toEqual(Uint8Array.of(2, 3, 6, 7))
    expect(resizedSquare(grey(2, 4, 1, 2, 3, 4, 5, 6, 7, 8), 2).pixels).toEqual(Uint8Array.of(3, 4, 5, 6))
  })

  it('or all of the image, stretched', () => {
    // Each pair of columns becomes one; the rows are as they are
    const image = grey(4, 2, 0, 0, 100, 100, 200, 200, 40, 40)
    const [a, b] = [Math.round(100 * (1 / 7)), Math.round(100 * (6 / 7))]
    const [c, d] = [Math.round(200 - 160 * (1 / 7)), Math.round(200 - 160 * (6 / 7))]
    expect(resizedSquare(image, 2, 'stretch').pixels).toEqual(Uint8Array.of(a, b, c, d))
    expect(resizedSquare(grey(2, 2, 1, 2, 3, 4), 2, 'stretch').pixels).toEqual(Uint8Array.of(1, 2, 3, 4))
  })

  it('halved: each value weighs its two nearest by 3/8 and the next two by 1/8', () => {
    // Of 4 values at distances 1.5, 0.5, 0.5, 1.5 over a support of 2: 1/4, 3/4, 3/4, 1/4, over 2. At the edge 3 are left.
    const rows = Array.from({ length: 4 }, () => [0, 80, 160, 240]).flat()
    const edge = (0.75 * 0 + 0.75 * 80 + 0.25 * 160) / 1.75
    const { pixels } = resizedSquare(grey(4, 4, ...rows), 2)
    const values = [Math.round(edge), Math.round(240 - edge)]
    expect([...pixels]).toEqual([...values, ...values])
  })

  it('doubled: between two values by 1/4 and 3/4', () => {
    const { pixels } = resizedSquare(grey(2, 2, 0, 100, 0, 100), 4)
    expect([...pixels.subarray(0, 4)]).toEqual([0, 25, 75, 100])
  })

  it('keeps one colour in every channel, whatever the sizes', () => {
    const side = fc.integer({ min: 1, max: 25 })
    fc.assert(
      fc.property(side, side, side, (width, height, to) => {
        const pixels = Uint8Array.from({ length: 3 * width * height }, (_, i) => [10, 127, 255][i % 3]!)
        const square = resizedSquare({ width, height, channels: 3, pixels }, to)
        expect([square.width, square.height]).toEqual([to, to])
        expect(square.pixels).toEqual(
          Uint8Array.from({ length: 3 * to * to }, (_, i) => [10, 127, 255][i % 3]!),
        )
      }),
    )
  })

  it('does not alias: stripes of one pixel become grey', () => {
    const stripes = Array.from({ length: 64 * 64 }, (_, i) => (i % 2) * 255)
    const { pixels } = resizedSquare(grey(64, 64, ...stripes), 10)
    for (const pixel of pixels) expect(Math.abs(pixel - 127.5)).toBeLessThan(8)
  })

  it('takes a line of one pixel, thousands long', () => {
    expect(resizedSquare(grey(5000, 1, ...new Array<number>(5000).fill(9)), 8).pixels).toEqual(
      new Uint8Array(64).fill(9),
    )
  })
})
