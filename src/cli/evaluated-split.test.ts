import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { identifyDataset, openDataset } from '../data/index.ts'
import { FormatError, UsageError } from '../errors.ts'
import { lenet } from '../networks/lenet.ts'
import type { Model } from '../train/index.ts'
import { evaluatedSplit, type SplitName } from './evaluated-split.ts'

const root = mkdtempSync(join(tmpdir(), 'convmark-split-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

/** Images are distinguished only by their files' bytes; nothing is decoded here. */
function write(folder: string, paths: readonly string[], text = ''): void {
  for (const path of paths) {
    mkdirSync(dirname(join(root, folder, path)), { recursive: true })
    writeFileSync(join(root, folder, path), `${path} ${text}`)
  }
}

const images = ['cat', 'dog'].flatMap((name) => Array.from({ length: 20 }, (_, i) => `${name}/${i}.jpg`))
write('plain', images)
write('others', images, 'taken elsewhere')
write('divided/train', images)
write('divided/val', ['cat/1.jpg'])
write('divided/test', ['cat/2.jpg', 'dog/1.jpg', 'dog/2.jpg'])
write('unvalidated/train', images)
write('unvalidated/test', ['cat/2.jpg'])
write('untested/train', images)
write('untested/valid', ['cat/1.jpg'])

const open = (folder: string) => openDataset(`folder:${root}/${folder}`)

async function modelOf(folder: string): Promise<Model> {
  const dataset = await open(folder)
  const { classNames } = dataset
  const trainedOn = await identifyDataset(dataset)
  return { network: lenet(), parameters: {}, classNames, preprocessing: null, trainedOn }
}

const unknown: Model = { network: lenet(), parameters: {}, classNames: ['cat', 'dog'], preprocessing: null }
const plainModel = await modelOf('plain')

async function evaluated(folder: string, { model = plainModel, asked }: Partial<Evaluated> = {}) {
  const { split, name, note, warning } = await evaluatedSplit(model, await open(folder), asked, () => {})
  return { count: split.count, name, note, warning }
}
interface Evaluated {
  readonly model: Model
  readonly asked: SplitName
}

describe('a source with splits', () => {
  it.each([
    ['divided', 'test', 3],
    ['unvalidated', 'test', 1],
    ['untested', 'val', 1],
  ])('%s is evaluated on %s', async (folder, name, count) => {
    expect(await evaluated(folder)).toMatchObject({ name, count, warning: null })
    expect((await evaluated('untested')).note).toContain('has no test images; its validation images')
  })

  it.each([
    ['divided', 'val', 1],
    ['divided', 'train', 40],
    ['unvalidated', 'train', 40],
  ] as const)('%s has %s for who asks', async (folder, asked, count) => {
    expect(await evaluated(folder, { asked })).toMatchObject({ name: asked, count })
  })

  it.each([
    ['divided', 'all', 'test, val, train'],
    ['unvalidated', 'val', 'test, train'],
    ['untested', 'test', 'val, train'],
    ['plain', 'val', 'test, train, all'],
  ] as const)('%s has no %s', async (folder, asked, has) => {
    const error = await evaluated(folder, { asked }).catch((error: unknown) => error)
    expect(error).toBeInstanceOf(UsageError)
    expect((error as Error).message).toMatch(
      new RegExp(`^--split ${asked}: .* has no such split; it has ${has}$`),
    )
  })
})

describe('a folder without splits', () => {
  it('is evaluated whole', async () => {
    expect(await evaluated('others')).toEqual({ count: 40, name: 'all', note: null, warning: null })
  })

  it('that was trained on is evaluated by what was held out, wherever it lies now', async () => {
    cpSync(join(root, 'plain'), join(root, 'moved'), { recursive: true })
    for (const folder of ['plain', 'moved']) {
      const found = await evaluated(folder)
      expect(found).toMatchObject({ count: 4, name: 'held out', warning: null })
      expect(found.note).toContain('the tenth of each class that was held out')
    }
  })

  it('has its splits and all of it for who asks', async () => {
    const all = await evaluated('plain', { asked: 'all' })
    expect(all).toMatchObject({ count: 40, name: 'all' })
    expect(all.warning).toContain('the model was trained on these images')
    const none = { note: null, warning: null }
    expect(await evaluated('plain', { asked: 'test' })).toEqual({ count: 4, name: 'held out', ...none })
    expect(await evaluated('plain', { asked: 'train' })).toEqual({ count: 36, name: 'train', ...none })
    expect(await evaluated('others', { asked: 'test' })).toEqual({ count: 4, name: 'held out', ...none })
    expect(await evaluated('others', { asked: 'all' })).toEqual({ count: 40, name: 'all', ...none })
  })

  it('whose images were all trained on is refused', async () => {
    const trained = evaluated('divided/train', { model: await modelOf('divided') })
    await expect(trained).rejects.toThrow(FormatError)
    await expect(trained).rejects.toThrow(/the model was trained on all of these images; evaluate others/)
  })

  it('that has changed is refused, with the difference', async () => {
    cpSync(join(root, 'plain'), join(root, 'grown'), { recursive: true })
    write('grown', ['cat/new.jpg'])
    await expect(evaluated('grown')).rejects.toThrow(
      /class 'cat' had 18 images to train on, has 19; so it is not known which images were held out/,
    )
    for (const [asked, count] of [
      ['all', 41],
      ['test', 4],
    ] as const) {
      const found = await evaluated('grown', { asked })
      expect(found.count).toBe(count)
      expect(found.warning).toMatch(/has 19; images that .* make the accuracy too high$/)
    }
  })

  it('that has changed in every class is refused too, however its path is written', async () => {
    write('renewed', images)
    const model = await modelOf('renewed')
    write('renewed', ['cat/new.jpg', 'dog/new.jpg'])
    for (const folder of ['renewed', './renewed/', 'plain/../renewed'])
      await expect(evaluated(folder, { model })).rejects.toThrow(
        /class 'cat' had 18 images to train on, has 19; so it is not known which images were held out/,
      )
  })

  it('is doubtful if the model does not say what it was trained on', async () => {
    const found = await evaluated('plain', { model: unknown })
    expect(found).toMatchObject({ count: 40, name: 'all' })
    expect(found.warning).toContain('the model does not say which images it was trained on')
  })
})
