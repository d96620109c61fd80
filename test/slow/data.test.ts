import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { withChannels } from '../../src/data/dataset.ts'
import type { Decoder } from '../../src/data/index.ts'
import { built } from '../support/built.ts'
import {
  animatedWebp,
  EXIF_TYPES,
  exif,
  exifSegment,
  PNG_TYPES,
  pngFile,
  withChunk,
  withExif,
  withSegments,
} from '../support/image-files.ts'
import { CMYK_JPEG, gradient, jpegOf, painted, pngOf, webpOf } from '../support/images.ts'

// What is no dependency, but fetched by whoever wants it: sharp, and MNIST's own files. Both come over the network here.

const { openDataset, openDecoder, openPipeline, channelStatistics } =
  await built<typeof import('../../src/data/index.ts')>('data/index.js')

const root = mkdtempSync(join(tmpdir(), 'convmark-data-'))
const home = process.cwd()
afterAll(() => {
  process.chdir(home)
  rmSync(root, { recursive: true, force: true })
})

describe('sharp, installed in the user’s project', () => {
  let sharp: Decoder
  let wasm: Decoder
  // biome-ignore lint/suspicious/noExplicitAny: it is no dependency, and has no types here
  let sharpItself: (bytes: Uint8Array, options: object) => any

  beforeAll(async () => {
    const project = join(root, 'project')
    mkdirSync(project)
    writeFileSync(join(project, 'package.json'), '{ "private": true }')
    execFileSync('npm', ['i', '--ignore-scripts', '--no-audit', '--no-fund', 'sharp'], { cwd: project })
    process.chdir(project)
    sharp = await openDecoder()
    sharpItself = createRequire(join(project, 'index.js'))('sharp')
    wasm = await openDecoder({ decoder: 'wasm' })
  })

  it('is taken by itself', () => {
    expect(sharp.name).toBe('sharp')
    expect(sharp.reason).toMatch(/^sharp \d+\.\d+\.\d+ is installed$/)
  })

  /** Detail of every size, as a photograph has. */
  const photograph = painted(500, 375, (x, y) => {
    const wave = (a: number, b: number) =>
      128 + 60 * Math.sin(x / a + y / b) + 50 * Math.cos((x * y) / (900 * a))
    return [wave(7, 31), wave(23, 5), wave(61, 43)]
  })

  /** Both decoders' pixels, and those of sharp itself, as it turns and shows a picture. */
  async function expectSame(
    bytes: Uint8Array,
    sides: readonly (number | null)[] = [null, 375, 64, 7, 500],
  ): Promise<void> {
    const file = { name: 'picture', bytes }
    for (const side of sides) {
      const [a, b] = await Promise.all([sharp.decode(file, side), wasm.decode(file, side)])
      expect([a.width, a.height, a.channels]).toEqual([b.width, b.height, b.channels])
      expect(Buffer.compare(a.pixels, b.pixels)).toBe(0)
    }
    const image = sharpItself(bytes, { ignoreIcc: true }).rotate().toColourspace('srgb').removeAlpha().raw()
    const { data, info } = await image.toBuffer({ resolveWithObject: true })
    const decoded = await wasm.decode(file)
    expect([decoded.width, decoded.height]).toEqual([info.width, info.height])
    const { pixels } = withChannels({ ...info, channels: info.channels === 1 ? 1 : 3, pixels: data }, 3)
    expect(Buffer.compare(decoded.pixels, pixels)).toBe(0)
  }

  it('gives the same pixels as the decoders that are always there, and as sharp does by itself', async () => {
    const fades = (x: number) => (x < 100 ? 0 : Math.min(255, x - 100))
    for (const bytes of [
      await jpegOf(photograph),
      await jpegOf(photograph, 90, { progressive: false, auto_subsample: false, chroma_subsample: 1 }),
      await jpegOf(photograph, 90, { color_space: 1 }),
      await pngOf(photograph),
      await pngOf(photograph, fades),
      await webpOf(photograph),
      await webpOf(photograph, true),
      await webpOf(photograph, false, fades),
      await webpOf(photograph, true, fades),
    ])
      await expectSame(bytes)
  })

  it('gives the same pixels of PNGs of every kind', async () => {
    const kinds = Object.keys(PNG_TYPES) as (keyof typeof PNG_TYPES)[]
    const depths = {
      grey: [1, 2, 4, 8, 16],
      rgb: [8, 16],
      palette: [1, 2, 4, 8],
      'grey + alpha': [8, 16],
      rgba: [8, 16],
    }
    const kind = fc
      .constantFrom(...kinds)
      .chain((type) => fc.record({ type: fc.constant(type), depth: fc.constantFrom(...depths[type]) }))
    const size = fc.record({
      width: fc.integer({ min: 1, max: 40 }),
      height: fc.integer({ min: 1, max: 40 }),
    })
    const arbitrary = fc.record({ kind, size, seed: fc.integer(), hasTransparency: fc.boolean() })
    await fc.assert(
      fc.asyncProperty(arbitrary, async ({ kind, size, seed, hasTransparency }) => {
        const { type, depth } = kind as { type: keyof typeof PNG_TYPES; depth: 8 }
        const most = 2 ** depth - 1
        const random = (i: number) => Math.imul(i + 1, Math.imul(seed, 2) + 0x9e3779b1) >>> 8
        const count = size.width * size.height * PNG_TYPES[type].samples
        const samples = Array.from({ length: count }, (_, i) => random(i) % (most + 1))
        const bytesOf = (length: number) => Uint8Array.from({ length }, (_, i) => random(i) % 256)
        const chunks: [string, Uint8Array][] = [['gAMA', Uint8Array.of(0, 1, 0x86, 0xa0)]]
        if (type === 'palette') chunks.push(['PLTE', bytesOf(3 * (most + 1))])
        if (hasTransparency && type === 'palette') chunks.push(['tRNS', bytesOf(most + 1)])
        if (hasTransparency && type === 'grey') chunks.push(['tRNS', Uint8Array.of(0, samples[0]! % 256)])
        if (hasTransparency && type === 'rgb') chunks.push(['tRNS', Uint8Array.of(0, 1, 0, 2, 0, 3)])
        await expectSame(pngFile({ ...size, type, depth, samples, chunks }))
      }),
      { numRuns: 150 },
    )
  })

  it('gives the same pixels of an animation’s first frame', async () => {
    const small = painted(200, 100, (x, y) => [x, y, 90])
    for (const isLossless of [true, false]) {
      for (const alphaAt of [undefined, (x: number) => Math.min(255, x + 1)]) {
        const webp = await webpOf(small, isLossless, alphaAt)
        const frame = { webp, width: 200, height: 100, left: 0, top: 0 }
        await expectSame(animatedWebp(300, 200, [{ ...frame, left: 50, top: 20 }, frame]))
        await expectSame(animatedWebp(200, 100, [frame, frame]))
      }
    }
  })

  it('turns pictures as sharp does, whatever the form of their orientation', async () => {
    const small = painted(24, 10, (x, y) => [10 * x, 20 * y, 90])
    const [jpeg, png, webp] = [await jpegOf(small), await pngOf(small), await webpOf(small, true)]
    const values = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 255]
    for (const type of Object.keys(EXIF_TYPES) as (keyof typeof EXIF_TYPES)[]) {
      for (const isLittleEndian of [true, false]) {
        for (const value of values) {
          const tiff = exif({ type, value, isLittleEndian })
          await expectSame(withExif.jpeg(jpeg, tiff), [null])
          await expectSame(withExif.png(png, tiff), [7])
          await expectSame(withExif.webp(webp, tiff, [24, 10]), [7])
        }
      }
    }
    const six = exif({ value: 6 })
    await expectSame(withChunk(png, 'eXIf', six, 'after'))
    await expectSame(withSegments(jpeg, [exifSegment(exif({ tag: 256, value: 1 })), exifSegment(six)]))
    await expectSame(withSegments(jpeg, [exifSegment(six), exifSegment(exif({ value: 3 }))], true))
  })

  it('gives the same pixels of CMYK, which sharp itself would give by a profile of its own', async () => {
    const file = { name: 'cmyk.jpg', bytes: CMYK_JPEG }
    expect(await sharp.decode(file)).toEqual(await wasm.decode(file))
    expect([...(await sharp.decode(file)).pixels.subarray(0, 3)]).toEqual([211, 28, 22])
  })

  it('refuses what is cut short or damaged, by name, as the others do', async () => {
    for (const bytes of [await jpegOf(photograph), await pngOf(photograph), await webpOf(photograph)]) {
      const flipped = Uint8Array.from(bytes)
      flipped[bytes.length >> 1]! ^= 1
      for (const broken of [bytes.subarray(0, bytes.length / 2), bytes.subarray(0, 30), flipped]) {
        const outcomes = [sharp, wasm].map((decoder) =>
          decoder.decode({ name: 'cut.jpg', bytes: broken }, 64).then(
            ({ pixels }) => Buffer.from(pixels).toString('base64'),
            ({ name, file, message }) => `${name} ${file} ${message}`,
          ),
        )
        const [a, b] = await Promise.all(outcomes)
        expect(a).toBe(b)
        if (broken.length < bytes.length) expect(a).toMatch(/^DamagedImageError cut\.jpg /)
      }
    }
  })

  it('decodes in the pipeline’s workers', async () => {
    const folder = join(root, 'set')
    for (const name of ['a', 'b']) mkdirSync(join(folder, name), { recursive: true })
    for (let i = 0; i < 40; i++)
      writeFileSync(join(folder, i % 2 ? 'a' : 'b', `${i}.jpg`), await jpegOf(gradient(80, 60, i)))
    const { train } = await openDataset(`folder:${folder}`)
    const { mean, sd } = await channelStatistics(train, 3)
    await using pipeline = await openPipeline(train, {
      batch: 12,
      preprocessing: { size: 28, channels: 3, resize: 32, normalise: { kind: 'channels', mean, sd } },
      workers: 2,
    })
    expect(pipeline.decoder).toContain('sharp')
    let sum = 0
    let count = 0
    for await (const { images } of pipeline.epoch(0)) {
      sum += images.reduce((total, value) => total + value, 0)
      count += images.length
    }
    expect(count).toBe(3 * 12 * 28 * 28 * 3)
    expect(Math.abs(sum / count)).toBeLessThan(0.1)
  })
})

describe('MNIST', () => {
  it('is there after the command that is printed', async () => {
    process.chdir(root)
    vi.stubEnv('CONVMARK_CACHE', join(root, 'cache'))
    const error = await openDataset('mnist').catch((error: unknown) => error as Error)
    const command = /install it with: (.*)$/.exec((error as Error).message)![1]!
    execFileSync('sh', ['-c', command])
    const { train, test, classNames } = await openDataset('mnist')
    expect([train.count, test!.count, classNames.length]).toEqual([60_000, 10_000, 10])
    // The first digits of either set, as everyone knows them
    expect([0, 1, 2, 3, 4].map(train.label)).toEqual([5, 0, 4, 1, 9])
    expect([0, 1, 2, 3, 4].map(test!.label)).toEqual([7, 2, 1, 0, 4])
    const { mean, sd } = await channelStatistics(train, 1, { sample: 60_000 })
    expect(mean[0]).toBeCloseTo(0.1307, 4)
    expect(sd[0]).toBeCloseTo(0.3081, 4)
  })
})
