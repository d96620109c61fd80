import { describe, expect, it, vi } from 'vitest'
import {
  animatedWebp,
  exif,
  PNG_TYPES,
  pngChunk,
  pngFile,
  pngOfNothing,
  withExif,
} from '../../test/support/image-files.ts'
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
import { eighthsFor, openDecoder } from './decode.ts'
import { readImageHeader } from './headers/read-header.ts'
import { upright } from './orientation.ts'
import { type Fit, resizedSquare } from './resample.ts'

const decoder = await openDecoder({ decoder: 'wasm' })
const decode = (bytes: Uint8Array, side: number | null = null, fit?: Fit) =>
  decoder.decode({ name: 'a', bytes }, side, fit)

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
    expect(await decode(await pngOf(image), 20)).toEqual(resizedSquare(image, 20))
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
  // The top is red on the left and blue on the right, the bottom is green: every orientation looks different
  const seen = painted(32, 16, (x, y) => {
    if (y >= 8) return [0, 255, 0]
    return x < 16 ? [255, 0, 0] : [0, 0, 255]
  })
  /**
   * Where the stored image has the pixel (x, y) of the upright one. Source: EXIF 2.3, on the position of row 0 and
   * column 0.
   */
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
  function storedFor(orientation: number): DecodedImage {
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
    return stored
  }

  it.each([1, 2, 3, 4, 5, 6, 7, 8])('%i is rotated upright in every container', async (value) => {
    const stored = storedFor(value)
    const { width, height } = stored
    for (const isLittleEndian of [true, false]) {
      const tiff = exif({ value, isLittleEndian })
      const png = withExif.png(await pngOf(stored), tiff)
      const webp = withExif.webp(await webpOf(stored, true), tiff, [width, height])
      for (const bytes of [png, webp]) {
        expect(await decode(bytes)).toEqual(seen)
        expect(await decode(bytes, 16)).toEqual(resizedSquare(seen, 16))
        expect(await decode(bytes, 16, 'stretch')).toEqual(resizedSquare(seen, 16, 'stretch'))
      }
      expect(meanDifference(await decode(withExif.jpeg(await jpegOf(stored), tiff)), seen)).toBeLessThan(8)
    }
  })

  it('leaves the central square where it is, if the middle is between two pixels', async () => {
    const odd = painted(5, 2, (x) => [50 * x, 0, 0])
    for (const [value, upright] of [
      [1, odd],
      [2, painted(5, 2, (x) => [50 * (4 - x), 0, 0])],
    ] as const)
      expect(await decode(withExif.png(await pngOf(odd), exif({ value })), 2)).toEqual(
        resizedSquare(upright, 2),
      )
  })

  it('that makes no sense is upright', async () => {
    const jpeg = await jpegOf(image)
    for (const orientation of [0, 9, 65535])
      expect(await decode(withOrientation(jpeg, orientation))).toEqual(await decode(jpeg))
  })
})

// sharp decodes these to the same bytes: see test/slow/data.test.ts
describe('pixels', () => {
  const [width, height] = [7, 5]
  const samplesOf = (samples: number, most: number): number[] =>
    Array.from({ length: width * height * samples }, (_, i) => (i * 7919 + ((i * i) >> 2)) % (most + 1))
  const DEPTHS = {
    grey: [1, 2, 4, 8, 16],
    rgb: [8, 16],
    palette: [1, 2, 4, 8],
    'grey + alpha': [8, 16],
    rgba: [8, 16],
  } as const
  const kinds = Object.entries(DEPTHS).flatMap(([type, depths]) =>
    depths.map((depth) => ({ type: type as keyof typeof DEPTHS, depth })),
  )

  it.each(kinds)('of a PNG: $type of $depth bits', async ({ type, depth }) => {
    const { samples: perPixel } = PNG_TYPES[type]
    const most = 2 ** depth - 1
    const samples = samplesOf(perPixel, most)
    const palette = Uint8Array.from({ length: 3 * (most + 1) }, (_, i) => (37 * i) % 256)
    // Every second entry or grey level is transparent: colours stay as they are
    const transparent =
      type === 'palette'
        ? Uint8Array.from({ length: most + 1 }, (_, i) => 255 * (i % 2))
        : Uint8Array.of(0, 1)
    const chunks: [string, Uint8Array][] =
      type === 'palette'
        ? [
            ['PLTE', palette],
            ['tRNS', transparent],
          ]
        : []
    if (type === 'grey') chunks.push(['tRNS', transparent])
    // None of these changes a pixel
    chunks.unshift(['gAMA', Uint8Array.of(0, 1, 0x86, 0xa0)], ['sRGB', Uint8Array.of(0)])
    const byteOf = (sample: number) => (depth === 16 ? sample >> 8 : Math.round((255 * sample) / most))
    const expected = painted(width, height, (x, y) => {
      const at = (y * width + x) * perPixel
      if (type === 'palette')
        return [0, 1, 2].map((c) => palette[3 * samples[at]! + c]!) as [number, number, number]
      if (perPixel < 3) return [byteOf(samples[at]!), byteOf(samples[at]!), byteOf(samples[at]!)]
      return [byteOf(samples[at]!), byteOf(samples[at + 1]!), byteOf(samples[at + 2]!)]
    })
    const bytes = pngFile({ width, height, type, depth, samples, chunks })
    expect(await decode(bytes)).toEqual(expected)
    expect(await decode(bytes, 3)).toEqual(resizedSquare(expected, 3))
  })

  it.each([
    ['all transparent', () => 0],
    ['half', () => 128],
    ['in part', (x: number) => (x < 20 ? 0 : 255)],
    ['more and more', (x: number) => 5 * x],
  ])('that are transparent keep their colours, resized too: %s', async (_, alphaAt) => {
    for (const bytes of [await pngOf(image, alphaAt), await webpOf(image, true, alphaAt)]) {
      expect(await decode(bytes)).toEqual(image)
      for (const side of [20, 7, 45]) expect(await decode(bytes, side)).toEqual(resizedSquare(image, side))
    }
    expect(meanDifference(await decode(await webpOf(image, false, alphaAt)), image)).toBeLessThan(3)
  })

  it('of an animation are the first frame’s, on black where it does not reach', async () => {
    const [small, large] = [gradient(20, 10), gradient(50, 30, 2)]
    const frame = async (image: DecodedImage, left: number, top: number, alphaAt?: (x: number) => number) => {
      const { width, height } = image
      return { webp: await webpOf(image, left % 4 === 0, alphaAt), width, height, left, top }
    }
    const lossless = animatedWebp(50, 30, [await frame(small, 8, 6), await frame(large, 0, 0)])
    const expected = painted(50, 30, (x, y) => {
      const isInside = x >= 8 && x < 28 && y >= 6 && y < 16
      const at = 3 * ((y - 6) * 20 + x - 8)
      return isInside ? [small.pixels[at]!, small.pixels[at + 1]!, small.pixels[at + 2]!] : [0, 0, 0]
    })
    expect(await decode(lossless)).toEqual(expected)
    expect(await decode(lossless, 12)).toEqual(resizedSquare(expected, 12))
    // Lossy, with alpha in a chunk of its own
    const lossy = animatedWebp(50, 30, [await frame(large, 0, 0), await frame(small, 2, 2)])
    expect(meanDifference(await decode(lossy), large)).toBeLessThan(3)
    const half = animatedWebp(50, 30, [{ ...(await frame(large, 2, 0, (x) => 5 * x)), left: 0 }])
    expect(meanDifference(await decode(half), large)).toBeLessThan(3)
  })

  it.each([1, 2, 3, 4])(
    'of a JPEG do not depend on how its chroma is stored: %i',
    async (chroma_subsample) => {
      const jpeg = await jpegOf(image, 95, { auto_subsample: false, chroma_subsample })
      expect(meanDifference(await decode(jpeg), image)).toBeLessThan(6)
    },
  )

  it('of a JPEG in grey, and of one in cyan, magenta, yellow and black', async () => {
    const grey = await decode(await jpegOf(image, 90, { color_space: 1 }))
    for (let i = 0; i < grey.pixels.length; i += 3)
      expect(new Set(grey.pixels.subarray(i, i + 3)).size).toBe(1)
    const { width, height, channels, pixels } = await decode(CMYK_JPEG)
    expect([width, height, channels]).toEqual([16, 16, 3])
    // 255 - 0, 221 and 228 of ink, each times 255 - 44 of black, as in Pillow
    expect([...pixels.subarray(0, 3)]).toEqual([211, 28, 22])
    // Without Adobe's marker the inks are stored directly
    const adobe = Buffer.from(CMYK_JPEG).indexOf('Adobe')
    const plain = Buffer.concat([CMYK_JPEG.subarray(0, adobe - 4), CMYK_JPEG.subarray(adobe + 12)])
    expect([...(await decode(plain)).pixels.subarray(0, 3)]).toEqual([0, 38, 39])
  })
})

describe('a JPEG far larger than what is asked for', () => {
  /** Noise of every size, and edges: like a photograph, and worse. */
  const photograph = painted(603, 451, (x, y) => {
    const noise = (size: number) => {
      const cell = Math.imul(
        Math.floor(x / size) * 73_856_093 + Math.floor(y / size) * 19_349_663 + size,
        0x9e3779b1,
      )
      return ((cell ^ (cell >>> 15)) >>> 8) % 256
    }
    const value = (noise(1) + noise(3) + noise(16) + noise(90)) / 4
    return [value, (value + noise(5)) / 2, x > 350 ? 255 - value : value]
  })
  const kinds = [{}, { progressive: false, auto_subsample: false, chroma_subsample: 1 }]

  it('is decoded at a reduced size, which is seen by less than one grey level', async () => {
    for (const options of kinds) {
      const jpeg = await jpegOf(photograph, 92, options)
      const whole = await decode(jpeg)
      for (const orientation of [1, 6]) {
        const file = withOrientation(jpeg, orientation)
        const header = readImageHeader({ name: 'a', bytes: file })
        for (const [side, eighths] of [
          [11, 1],
          [28, 2],
          [40, 3],
          [56, 4],
        ] as const) {
          expect(eighthsFor(header, side)).toBe(eighths)
          const expected = resizedSquare(orientation === 1 ? whole : upright(whole, 6), side)
          expect(meanDifference(await decode(file, side), expected)).toBeLessThan(1)
          const all = resizedSquare(orientation === 1 ? whole : upright(whole, 6), side, 'stretch')
          expect(meanDifference(await decode(file, side, 'stretch'), all)).toBeLessThan(1)
        }
      }
    }
  })

  it('is decoded in full where that would be seen', async () => {
    const jpeg = await jpegOf(photograph)
    const header = readImageHeader({ name: 'a', bytes: jpeg })
    const whole = await decode(jpeg)
    for (const side of [57, 100, 451]) {
      expect(eighthsFor(header, side)).toBe(8)
      expect(meanDifference(await decode(jpeg, side), resizedSquare(whole, side))).toBe(0)
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
    await damaged(new Uint8Array(0), 'is not a JPEG, PNG or WebP image: it is empty')
    const files = { jpeg: await jpegOf(image), png: await pngOf(image), webp: await webpOf(image) }
    for (const bytes of Object.values(files))
      await damaged(bytes.subarray(0, bytes.length * 0.7), 'is cut short: its image goes on after')
    await damaged(files.jpeg.subarray(0, 30), 'ends within its header')
  })

  /** One of each format whose header, checksums and end are correct. */
  async function broken() {
    const jpeg = await jpegOf(image)
    const huffman = Buffer.from(jpeg).indexOf(Buffer.from([0xff, 0xc4]))
    const webp = await webpOf(image, true)
    return {
      jpeg: [jpeg, Uint8Array.from(jpeg).fill(7, huffman + 4, huffman + 30)],
      png: [await pngOf(image), pngOfNothing(50, 30)],
      webp: [webp, Uint8Array.from(webp).fill(255, 30)],
    } as const
  }

  it('does not stop the next one', async () => {
    for (const [format, [good, bad]] of Object.entries(await broken())) {
      const whole = await decode(good)
      await damaged(
        bad,
        `a: can't be decoded: its ${{ jpeg: 'JPEG', png: 'PNG', webp: 'WebP' }[format]} data are`,
      )
      expect(await decode(good)).toEqual(whole)
      const results = await Promise.allSettled([bad, good, bad, good].map((bytes) => decode(bytes)))
      expect(results.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'rejected', 'fulfilled'])
    }
  })

  it('has its decoder started afresh, since it gives its memory back to nobody', async () => {
    const starts = vi.spyOn(WebAssembly, 'instantiate')
    for (const format of ['jpeg', 'png'] as const) {
      const [good, bad] = (await broken())[format]
      await decode(good)
      for (const count of [1, 2, 3]) {
        starts.mockClear()
        for (let i = 0; i < count; i++) await damaged(bad, 'data are damaged')
        await decode(good)
        expect(starts).toHaveBeenCalledTimes(count)
      }
    }
    starts.mockRestore()
  })

  it('is a JPEG with damaged data: zeros from a disk, an end put after half of it', async () => {
    const photo = painted(300, 200, (x, y) => [x % 256, (x * y) >> 9, 128 + ((x ^ y) & 15)])
    for (const options of [{}, { progressive: false, baseline: true }]) {
      const jpeg = await jpegOf(photo, 90, options)
      const end = jpeg.length - 2
      const zeroed = (from: number, to: number) => Uint8Array.from(jpeg).fill(0, from * end, to * end)
      const ended = Buffer.concat([jpeg.subarray(0, end / 2), jpeg.subarray(end)])
      for (const [from, to] of [
        [0.05, 1],
        [0.4, 0.6],
      ] as const)
        await damaged(zeroed(from, to), "can't be decoded: its JPEG data are damaged (")
      await damaged(ended, 'damaged (Corrupt JPEG data: premature end of data segment)')
    }
  })

  it('is no JPEG of which libjpeg says what does no harm', async () => {
    const jpeg = await jpegOf(image, 90, { progressive: false, baseline: true })
    const whole = await decode(jpeg)
    const end = jpeg.length - 2
    const leftOver = Buffer.concat([jpeg.subarray(0, end), new Uint8Array(20), jpeg.subarray(end)])
    const between = Buffer.concat([jpeg.subarray(0, 20), new Uint8Array(5), jpeg.subarray(20)])
    const scan = Buffer.from(jpeg).indexOf(Buffer.from([0xff, 0xda]))
    const spectrum = Uint8Array.from(jpeg).fill(0, scan + 12, scan + 13) // its end: 0 in place of 63
    const revision = Uint8Array.from(jpeg).fill(9, 11, 12)
    for (const bytes of [leftOver, between, spectrum, revision]) expect(await decode(bytes)).toEqual(whole)
  })

  it('is an animation whose first frame is not within its canvas, or not of its size', async () => {
    const [width, height] = [20, 10]
    const webp = await webpOf(gradient(width, height), true)
    const frame = { webp, width, height, left: 0, top: 0 }
    const file = (more: Partial<typeof frame>) => animatedWebp(24, 12, [{ ...frame, ...more }])
    expect(await decode(file({ left: 4, top: 2 }))).toMatchObject({ width: 24, height: 12 })
    for (const more of [{ left: 6 }, { left: 400 }, { top: 4 }, { width: 16383, height: 16383 }])
      await damaged(file(more), "can't be decoded: its first frame goes beyond its canvas")
    await damaged(file({ width: 4, height: 4 }), 'its WebP data are damaged')
  })

  it('is an animated PNG whose first frame is smaller than the picture', async () => {
    /** 8 x 8 by its header, but this size by its frame's header and by its data. */
    const animation = (width: number, height: number) => {
      const [control, frame] = [Buffer.alloc(8), Buffer.alloc(26)]
      control.writeUInt32BE(1, 0)
      frame.writeUInt32BE(width, 4)
      frame.writeUInt32BE(height, 8)
      const samples = Array.from({ length: width * height }, () => 200)
      const chunks = [['acTL', control] as const, ['fcTL', frame] as const]
      const png = pngFile({ width, height, type: 'grey', depth: 8, samples, chunks })
      const header = Buffer.from(png.subarray(16, 29))
      header.writeUInt32BE(8, 0)
      header.writeUInt32BE(8, 4)
      return Buffer.concat([png.subarray(0, 8), pngChunk('IHDR', header), png.subarray(33)])
    }
    expect(await decode(animation(8, 8))).toEqual(painted(8, 8, () => [200, 200, 200]))
    await damaged(animation(2, 2), 'it states two different sizes')
  })

  it('is none if its decoder may have lacked memory', async () => {
    const growing = vi.spyOn(WebAssembly.Memory.prototype, 'grow').mockImplementation(() => {
      throw new RangeError('WebAssembly.Memory.grow(): Unable to grow instance memory')
    })
    const { png, webp } = await broken()
    const error = await decode(webp[1]).catch((error: unknown) => error)
    expect(error).not.toBeInstanceOf(DamagedImageError)
    expect(error).toMatchObject({ message: 'not enough memory to decode a WebP of 50 x 30 pixels' })
    await damaged(png[1], 'its PNG data are damaged') // its own message
    growing.mockRestore()
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

  it('has a wrong checksum, or is of a kind that is not read', async () => {
    const png = Buffer.from(await pngOf(image))
    png[png.indexOf('IDAT') + 20]! ^= 1
    await damaged(png, 'is damaged: a checksum in it is wrong')
    const jpeg = Buffer.from(await jpegOf(image, 90, { progressive: false, baseline: true }))
    const frame = jpeg.indexOf(Buffer.from([0xff, 0xc0]))
    await damaged(jpeg.fill(0xc9, frame + 1, frame + 2), 'is a JPEG in arithmetic coding')
    jpeg[frame + 1] = 0xc1
    await damaged(jpeg.fill(12, frame + 4, frame + 5), 'is a JPEG of 12 bits a value')
    await damaged(jpeg.fill(0xc3, frame + 1, frame + 2), 'is a JPEG that is lossless or hierarchical')
  })
})
