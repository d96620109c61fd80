import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { classified } from '../../test/support/classification.ts'
import { gradient, jpegOf, pngOf, webpOf } from '../../test/support/images.ts'
import { openDecoder } from '../data/index.ts'
import { MAX_THUMBNAILS } from '../report/html/classification.ts'
import { thumbnailsOf } from './thumbnails.ts'

const folder = mkdtempSync(join(tmpdir(), 'convmark-thumbnails-'))
afterAll(() => rmSync(folder, { recursive: true }))

const write = (name: string, bytes: Uint8Array): string => {
  const path = join(folder, name)
  writeFileSync(path, bytes)
  return path
}

const wide = gradient(400, 300)
const files = [
  write('a.jpg', await jpegOf(wide)),
  write('b.png', await pngOf(wide)),
  write('c.webp', await webpOf(wide)),
]
const picturesOf = (names: readonly string[]) => [
  { pictures: names.map((file) => classified(file, { tabby: 1 })) },
]

it("is the central square of each picture, in the picture's colours", async () => {
  const progress: number[] = []
  const thumbnails = await thumbnailsOf(picturesOf(files), {
    onProgress: (done, total) => progress.push(done / total),
  })
  expect([...thumbnails.keys()]).toEqual(files)
  expect(progress.at(-1)).toBe(1)
  const decoder = await openDecoder()
  const expected = await decoder.decode({ name: 'wide', bytes: await pngOf(wide) }, 160)
  for (const [name, uri] of thumbnails) {
    expect(uri).toMatch(/^data:image\/webp;base64,[\w+/]+=*$/)
    const bytes = Buffer.from(uri.split(',')[1]!, 'base64')
    expect(bytes.length).toBeLessThan(10_000)
    const { width, height, pixels } = await decoder.decode({ name, bytes })
    expect([width, height]).toEqual([160, 160])
    const difference = pixels.reduce((sum, value, i) => sum + Math.abs(value - expected.pixels[i]!), 0)
    expect(difference / pixels.length).toBeLessThan(6)
  }
})

it('takes bytes of what is in no file', async () => {
  const bytes = new Map([['-', await jpegOf(wide)]])
  expect([...(await thumbnailsOf(picturesOf(['-']), { bytes })).keys()]).toEqual(['-'])
})

it('has none of what is gone, damaged or no file, nor of pictures without an answer', async () => {
  const damaged = write('damaged.jpg', (await jpegOf(wide)).subarray(0, 900))
  const names = [
    join(folder, 'gone.png'),
    damaged,
    write('text.png', Buffer.from('text')),
    folder,
    '/dev/zero',
    '',
  ]
  const failed = { pictures: [{ file: files[0]!, error: 'is damaged' }] }
  expect(await thumbnailsOf([...picturesOf(names), failed])).toEqual(new Map())
})

it('are of the first pictures, each made once', async () => {
  const many = Array.from({ length: MAX_THUMBNAILS }, (_, i) => `gone-${i}.png`)
  expect((await thumbnailsOf(picturesOf([...many, files[0]!]))).size).toBe(0)
  expect((await thumbnailsOf(picturesOf([...many.slice(1), files[0]!, files[0]!]))).size).toBe(1)
})

it('can be interrupted', async () => {
  await expect(thumbnailsOf(picturesOf(files), { signal: AbortSignal.abort() })).rejects.toThrow(/abort/)
})
