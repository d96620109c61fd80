import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { DecodedImage, Decoder } from '../../src/data/index.ts'
import { built } from '../support/built.ts'
import { CMYK_JPEG, gradient, jpegOf, painted, pngOf, webpOf, withOrientation } from '../support/images.ts'

// What is no dependency, but fetched by whoever wants it: sharp, and MNIST's own files. Both come over the network here.

const { openDataset, openDecoder, openPipeline, channelStatistics } =
  await built<typeof import('../../src/data/index.ts')>('data/index.js')

const root = mkdtempSync(join(tmpdir(), 'convmark-data-'))
const home = process.cwd()
afterAll(() => {
  process.chdir(home)
  rmSync(root, { recursive: true, force: true })
})

const meanDifference = (a: DecodedImage, b: DecodedImage): number => {
  expect([a.width, a.height, a.channels]).toEqual([b.width, b.height, b.channels])
  return a.pixels.reduce((sum, pixel, i) => sum + Math.abs(pixel - b.pixels[i]!), 0) / a.pixels.length
}

describe('sharp, installed in the user’s project', () => {
  let sharp: Decoder
  let wasm: Decoder

  beforeAll(async () => {
    const project = join(root, 'project')
    mkdirSync(project)
    writeFileSync(join(project, 'package.json'), '{ "private": true }')
    execFileSync('npm', ['i', '--ignore-scripts', '--no-audit', '--no-fund', 'sharp'], { cwd: project })
    process.chdir(project)
    sharp = await openDecoder()
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

  it.each([null, 375, 256, 150, 64, 40, 500])(
    'agrees with the decoders that are always there: resized to %s',
    async (side) => {
      const orient = (orientation: number) => async (image: DecodedImage) =>
        withOrientation(await jpegOf(image), orientation)
      for (const encode of [jpegOf, pngOf, webpOf, orient(6), orient(3)]) {
        const file = { name: 'photograph', bytes: await encode(photograph) }
        const [a, b] = [await sharp.decode(file, side), await wasm.decode(file, side)]
        // Of 255, where a shift by a pixel makes 3 to 25. At 64 and 40 JPEG and WebP are read at a reduced scale
        expect(meanDifference(a, b)).toBeLessThan(side !== null && side <= 64 ? 6 : 0.5)
      }
    },
  )

  it('reads CMYK', async () => {
    const { channels, pixels } = await sharp.decode({ name: 'cmyk.jpg', bytes: CMYK_JPEG })
    expect(channels).toBe(3)
    ;[200, 60, 40].forEach((value, c) => {
      expect(Math.abs(pixels[c]! - value)).toBeLessThan(20)
    })
  })

  it('refuses what is cut short, by name', async () => {
    for (const bytes of [await jpegOf(photograph), await pngOf(photograph), await webpOf(photograph)]) {
      const cut = { name: 'cut.jpg', bytes: bytes.subarray(0, bytes.length / 2) }
      await expect(sharp.decode(cut, 64)).rejects.toMatchObject({
        name: 'DamagedImageError',
        file: 'cut.jpg',
      })
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
