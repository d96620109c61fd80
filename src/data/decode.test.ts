import { describe, expect, it } from 'vitest'
import {
  CMYK_JPEG,
  gradient,
  jpegOf,
  painted,
  pngBomb,
  pngOf,
  webpOf,
  withOrientation,
} from '../../test/support/images.ts'
import { DamagedImageError } from '../errors.ts'
import type { DecodedImage } from './dataset.ts'
import { openDecoder } from './decode.ts'
import { readImageHeader } from './headers/read-header.ts'
import { centralSquare } from './resample.ts'

const decoder = await openDecoder({ decoder: 'wasm' })
const decode = (bytes: Uint8Array, side: number | null = null) => decoder.decode({ name: 'a', bytes }, side)

function meanDifference(a: DecodedImage, b: DecodedImage): number {
  expect([a.width, a.height, a.channels]).toEqual([b.width, b.height, b.channels])
  return a.pixels.reduce((sum, pixel, i) => sum + Math.abs(pixel - b.pixels[i]!), 0) / a.pixels.length
}

const image = gradient(50, 30)

describe('decoding', () => {
  it('PNG and lossless WebP gives the pixels back', async () => {
    expect(await decode(await pngOf(image))).toEqual(image)
    expect(await decode(await webpOf(image, true))).toEqual(image)
  })

  it('JPEG and WebP comes near', async () => {
    expect(meanDifference(await decode(await jpegOf(image)), image)).toBeLessThan(3)
    expect(meanDifference(await decode(await webpOf(image)), image)).toBeLessThan(3)
  })

  it('to a square is decoding and then resizing', async () => {
    expect(await decode(await pngOf(image), 20)).toEqual(centralSquare(image, 20))
  })

  it('many at a time gives each its own', async () => {
    const images = [0, 1, 2, 3, 4].map((phase) => gradient(20, 20, phase))
    const files = await Promise.all(images.map((one) => jpegOf(one)))
    const truncated = files[2]!.subarray(0, files[2]!.length - 40)
    const results = await Promise.allSettled([...files, truncated, ...files].map((bytes) => decode(bytes)))
    expect(results.map(({ status }) => status)).toEqual([
      ...files.map(() => 'fulfilled'),
      'rejected',
      ...files.map(() => 'fulfilled'),
    ])
    results.forEach((result, i) => {
      if (result.status === 'fulfilled')
        expect(meanDifference(result.value, images[i < 5 ? i : i - 6]!)).toBeLessThan(3)
    })
  })
})

describe('orientation', () => {
  // Red left, blue right of the top; the bottom is green: every orientation looks different
  const seen = painted(32, 16, (x, y) => {
    if (y >= 8) return [0, 255, 0]
    return x < 16 ? [255, 0, 0] : [0, 0, 255]
  })
  /** Where the stored image has the pixel (x, y) of the upright one. Source: EXIF 2.3, what row 0 and column 0 are. */
  const STORED: Readonly<Record<number, (x: number, y: number) => [x: number, y: number]>> = {
    1: (x, y) => [x, y],
    2: (x, y) => [31 - x, y],
    3: (x, y) => [31 - x, 15 - y],
    4: (x, y) => [x, 15 - y],
    5: (x, y) => [y, x],
    6: (x, y) => [y, 31 - x],
    7: (x, y) => [15 - y, 31 - x],
    8: (x, y) => [15 - y, x],
  }

  it.each([1, 2, 3, 4, 5, 6, 7, 8])('%i is turned upright', async (orientation) => {
    const [width, height] = orientation < 5 ? [32, 16] : [16, 32]
    const stored = painted(width, height, () => [0, 0, 0])
    for (let y = 0; y < 16; y++) {
      for (let x = 0; x < 32; x++) {
        const [storedX, storedY] = STORED[orientation]!(x, y)
        stored.pixels.set(
          seen.pixels.subarray(3 * (32 * y + x), 3 * (32 * y + x) + 3),
          3 * (width * storedY + storedX),
        )
      }
    }
    const jpeg = withOrientation(await jpegOf(stored), orientation, orientation % 2 === 0)
    expect(readImageHeader({ name: 'a', bytes: jpeg }).orientation).toBe(orientation)
    expect(meanDifference(await decode(jpeg), seen)).toBeLessThan(8)
  })

  it('that makes no sense is upright', async () => {
    const jpeg = await jpegOf(image)
    for (const orientation of [0, 9, 65535])
      expect(await decode(withOrientation(jpeg, orientation))).toEqual(await decode(jpeg))
  })
})

describe('a header', () => {
  it('tells format and size', async () => {
    const files = [await jpegOf(image), await pngOf(image), await webpOf(image), await webpOf(image, true)]
    const headers = files.map((bytes) => readImageHeader({ name: 'a', bytes }))
    expect(headers.map(({ format }) => format)).toEqual(['jpeg', 'png', 'webp', 'webp'])
    for (const { width, height } of headers) expect([width, height]).toEqual([50, 30])
  })

  it('of an extended WebP tells size and orientation', () => {
    const file = Buffer.alloc(62)
    file.write('RIFF', 0)
    file.write('WEBPVP8X', 8)
    file.writeUInt32LE(10, 16)
    file[20] = 0x08
    file.writeUIntLE(400 - 1, 24, 3)
    file.writeUIntLE(300 - 1, 27, 3)
    file.write('EXIF', 30)
    file.writeUInt32LE(24, 34)
    file.write('II', 38)
    file.writeUInt16LE(42, 40)
    file.writeUInt32LE(8, 42)
    file.writeUInt16LE(1, 46)
    file.writeUInt16LE(0x0112, 48)
    file.writeUInt16LE(3, 50)
    file.writeUInt32LE(1, 52)
    file.writeUInt16LE(6, 56)
    expect(readImageHeader({ name: 'a', bytes: file })).toMatchObject({
      width: 400,
      height: 300,
      orientation: 6,
    })
  })

  it('cut anywhere, or with any byte changed, is read or refused by name', async () => {
    for (const bytes of [withOrientation(await jpegOf(gradient(8, 8)), 3), await pngOf(gradient(8, 8))]) {
      for (let i = 0; i < Math.min(bytes.length, 200); i++) {
        const changed = Uint8Array.from(bytes)
        changed[i]! ^= 0xff
        for (const broken of [bytes.subarray(0, i), changed]) {
          try {
            readImageHeader({ name: 'a', bytes: broken })
          } catch (error) {
            expect(error).toBeInstanceOf(DamagedImageError)
          }
        }
      }
    }
  })
})

describe('a damaged image', () => {
  const damaged = async (bytes: Uint8Array, message: string | RegExp) => {
    const error = await decode(bytes).catch((error: unknown) => error)
    expect(error).toBeInstanceOf(DamagedImageError)
    expect((error as DamagedImageError).file).toBe('a')
    expect((error as DamagedImageError).message).toMatch(message)
  }

  it('is named: not an image, empty, cut short', async () => {
    await damaged(Buffer.from('not an image'), 'a: is not a JPEG, PNG or WebP image')
    await damaged(new Uint8Array(0), 'is not a JPEG')
    const files = { jpeg: await jpegOf(image), png: await pngOf(image), webp: await webpOf(image) }
    await damaged(files.jpeg.subarray(0, files.jpeg.length * 0.7), 'Premature end')
    await damaged(files.png.subarray(0, files.png.length * 0.7), 'PNG data are damaged')
    await damaged(files.webp.subarray(0, files.webp.length * 0.7), "can't be decoded")
    await damaged(files.jpeg.subarray(0, 30), 'ends within its header')
  })

  it('does not stop the next one', async () => {
    const jpeg = await jpegOf(image)
    const whole = await decode(jpeg)
    const broken = Uint8Array.from(jpeg)
    const huffman = Buffer.from(jpeg).indexOf(Buffer.from([0xff, 0xc4]))
    broken.fill(7, huffman + 4, huffman + 30)
    await damaged(broken, "a: can't be decoded")
    expect(await decode(jpeg)).toEqual(whole)
  })

  it('that is a bomb is refused by its header', async () => {
    await damaged(pngBomb(), 'a: is 50000 x 50000 pixels by its header, over the limit of 100 million')
  })

  it('is a limit of the caller', async () => {
    const strict = await openDecoder({ decoder: 'wasm', maxPixels: 50 * 30 - 1 })
    const lax = await openDecoder({ decoder: 'wasm', maxPixels: 50 * 30 })
    const file = { name: 'a', bytes: await pngOf(image) }
    await expect(strict.decode(file)).rejects.toThrow('over the limit')
    expect(await lax.decode(file)).toEqual(image)
  })

  it('of cyan, magenta, yellow and black says what reads it', async () => {
    await damaged(CMYK_JPEG, 'CMYK JPEG, which sharp alone reads here')
  })
})
