import { describe, expect, it } from 'vitest'
import { FormatError, UsageError } from '../errors.ts'
import { type DecodedImage, withChannels } from './dataset.ts'
import {
  centreCrop,
  checkPreprocessing,
  cropSource,
  type Preprocessing,
  tenCrops,
  writeView,
} from './preprocessing.ts'

const asBytes = { kind: 'channels', mean: [0], sd: [1 / 255] } as const
const plain = (size: number): Preprocessing => ({ size, channels: 1, resize: null, normalise: asBytes })

/** 3 x 3: 1 2 3 / 4 5 6 / 7 8 9. */
const square: DecodedImage = {
  width: 3,
  height: 3,
  channels: 1,
  pixels: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9),
}
const upright = { isFlipped: false, shift: null }

function written(image: DecodedImage, view: Parameters<typeof writeView>[1], how: Preprocessing): number[] {
  const destination = new Float32Array(how.size * how.size * how.channels)
  writeView(image, view, how, destination)
  return [...destination]
}

describe('a view', () => {
  it('is a part', () => {
    expect(written(square, { ...upright, top: 1, left: 0 }, plain(2))).toEqual([4, 5, 7, 8])
  })

  it('can be flipped', () => {
    expect(written(square, { ...upright, isFlipped: true, top: 1, left: 0 }, plain(2))).toEqual([5, 4, 8, 7])
  })

  const colours: DecodedImage = {
    width: 2,
    height: 1,
    channels: 3,
    pixels: Uint8Array.of(1, 2, 3, 4, 5, 6),
  }

  it('keeps the channels in order when flipped, and shifts each', () => {
    const doubled = { ...colours, height: 2, pixels: Uint8Array.of(1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6) }
    const sd = 1 / 255
    const how: Preprocessing = {
      size: 2,
      channels: 3,
      resize: null,
      normalise: { kind: 'channels', mean: [0, 0, 0], sd: [sd, sd, sd] },
    }
    const view = { top: 0, left: 0, isFlipped: true, shift: [10 / 255, 20 / 255, 0] }
    expect(written(doubled, view, how).slice(0, 6)).toEqual([14, 25, 6, 11, 22, 3])
  })

  it('is normalised by channel, in units of 255', () => {
    const how: Preprocessing = {
      size: 1,
      channels: 3,
      resize: null,
      normalise: { kind: 'channels', mean: [0, 1 / 255, 0.5], sd: [1, 0.5, 2 / 255] },
    }
    const [red, green, blue] = written(colours, { ...upright, top: 0, left: 1 }, how)
    expect(red).toBeCloseTo(4 / 255, 6)
    expect(green).toBeCloseTo(8 / 255, 6)
    expect(blue).toBeCloseTo((6 - 127.5) / 2, 5)
  })

  it('is standardised on its own', () => {
    const how: Preprocessing = { ...plain(2), normalise: { kind: 'per-image' } }
    // 1 2 / 4 5: mean 3, variance (4 + 1 + 1 + 4) / 4
    const sd = Math.sqrt(2.5)
    const expected = [-2 / sd, -1 / sd, 1 / sd, 2 / sd].map(Math.fround)
    expect(written(square, { ...upright, top: 0, left: 0 }, how)).toEqual(expected)
  })

  it('of one colour is not divided by zero: by 1 / sqrt(n)', () => {
    const flat = { ...square, pixels: new Uint8Array(9).fill(7) }
    const how: Preprocessing = { ...plain(3), normalise: { kind: 'per-image' } }
    expect(written(flat, { ...upright, top: 0, left: 0 }, how)).toEqual(new Array(9).fill(0))
    // One pixel of 25 differs by 1, and sd is 0.196 < 1/5, so the result is 5 times the deviation
    const nearly: DecodedImage = { width: 5, height: 5, channels: 1, pixels: new Uint8Array(25).fill(7) }
    nearly.pixels[0] = 8
    const [first] = written(nearly, { ...upright, top: 0, left: 0 }, { ...how, size: 5 })
    expect(first).toBeCloseTo(0.96 / 0.2, 5)
  })
})

describe('ten crops', () => {
  it('are four corners and the centre, and these flipped', () => {
    const image: DecodedImage = {
      width: 4,
      height: 4,
      channels: 1,
      pixels: Uint8Array.from({ length: 16 }, (_, i) => i),
    }
    const crops = tenCrops(image, plain(2))
    const crop = (i: number) => [...crops.subarray(4 * i, 4 * i + 4)]
    expect(Array.from({ length: 10 }, (_, i) => crop(i))).toEqual([
      [0, 1, 4, 5],
      [2, 3, 6, 7],
      [8, 9, 12, 13],
      [10, 11, 14, 15],
      [5, 6, 9, 10],
      [1, 0, 5, 4],
      [3, 2, 7, 6],
      [9, 8, 13, 12],
      [11, 10, 15, 14],
      [6, 5, 10, 9],
    ])
  })

  it('come from the resized square', () => {
    const image: DecodedImage = { width: 8, height: 4, channels: 1, pixels: new Uint8Array(32).fill(50) }
    expect(tenCrops(image, { ...plain(2), resize: 3 })).toEqual(new Float32Array(40).fill(50))
  })
})

describe('a preprocessing with its parts', () => {
  const colours: DecodedImage = { width: 1, height: 1, channels: 3, pixels: Uint8Array.of(255, 51, 0) }
  const of = (part: Partial<Preprocessing>) =>
    centreCrop(colours, { ...plain(1), channels: 3, ...part } as Preprocessing)
  const plainValues = { kind: 'channels', mean: [0, 0, 0], sd: [1, 1, 1] } as const

  it('in another order has mean and deviation of that order', () => {
    const normalise = { kind: 'channels', mean: [0, 0.1, 0.2], sd: [1, 2, 4] } as const
    expect([...of({ order: 'bgr', normalise })]).toEqual(
      [0, 0.05, 0.2].map((value) => expect.closeTo(value, 6)),
    )
  })

  it('has values in any range', () => {
    const values = (range: readonly [number, number]) => [...of({ normalise: { ...plainValues, range } })]
    expect(values([0, 255])).toEqual([255, 51, 0])
    expect(values([-1, 1])).toEqual([1, -0.6, -1].map((value) => expect.closeTo(value, 6)))
  })

  it('sees all of a picture that is stretched', () => {
    const image: DecodedImage = { width: 4, height: 1, channels: 1, pixels: Uint8Array.of(10, 20, 30, 40) }
    const all = centreCrop(image, { ...plain(1), resize: 1, fit: 'stretch' })
    expect(centreCrop(image, { ...plain(1), resize: 1 })[0]).toBe(20)
    expect(all[0]).toBe(25)
  })
})

describe('a crop source', () => {
  it('must be as large as the crop', () => {
    expect(() => cropSource(square, plain(4), 'a.png')).toThrow(FormatError)
    expect(() => cropSource(square, plain(4), 'a.png')).toThrow('a.png: 3 x 3 pixels are less than')
    expect(cropSource(square, { ...plain(4), resize: 5 }, 'a.png').width).toBe(5)
  })

  it('has the channels that the network takes', () => {
    const grey = { width: 1, height: 1, channels: 1, pixels: Uint8Array.of(9) } as const
    expect(withChannels(grey, 3).pixels).toEqual(Uint8Array.of(9, 9, 9))
    const red = { width: 1, height: 1, channels: 3, pixels: Uint8Array.of(200, 0, 0) } as const
    expect(withChannels(red, 1).pixels).toEqual(Uint8Array.of(60)) // 0.299 * 200
  })
})

describe('preprocessing', () => {
  it.each([
    [{ size: 0 }, 'size is 0'],
    [{ channels: 2 as 1 }, 'channels is 2; it must be 1 or 3'],
    [{ resize: 3 }, 'resize 3 is smaller than the crops of 4'],
    [{ channels: 3 as const }, '3 channels need as many means'],
    [{ normalise: { kind: 'channels', mean: [0], sd: [0] } as const }, 'sds over 0'],
  ])('refuses %o', (change, message) => {
    expect(() => checkPreprocessing({ ...plain(4), ...change })).toThrow(UsageError)
    expect(() => checkPreprocessing({ ...plain(4), ...change })).toThrow(message)
  })
})
