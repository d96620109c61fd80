import { cpSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, expect, it } from 'vitest'
import type { Dataset } from './dataset.ts'
import { dataDifference } from './identity.ts'
import { identifyDataset, openDataset } from './open.ts'
import { syntheticDataset } from './synthetic.ts'

const root = mkdtempSync(join(tmpdir(), 'convmark-identity-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

/** Two classes of 20 files each, all with the same size and beginning. */
function folderOf(change: (folder: string) => void = () => {}): string {
  const folder = mkdtempSync(join(root, 'set-'))
  for (const name of ['cat', 'dog']) {
    mkdirSync(join(folder, name))
    for (let i = 0; i < 20; i++) {
      const bytes = new Uint8Array(20_000).fill(7)
      bytes.set(new TextEncoder().encode(`${name} ${i}`), 19_000)
      writeFileSync(join(folder, name, `${i}.jpg`), bytes)
    }
  }
  change(folder)
  return folder
}

async function identified(source: string | Dataset) {
  const dataset = typeof source === 'string' ? await openDataset(`folder:${source}`) : source
  return { classNames: dataset.classNames, identity: await identifyDataset(dataset) }
}

const before = await identified(folderOf())

it('a folder is the same wherever it lies and whenever it was written', async () => {
  const elsewhere = join(root, 'elsewhere')
  cpSync(folderOf(), elsewhere, { recursive: true })
  expect(dataDifference(before, await identified(elsewhere))).toBeNull()
})

it.each<[string, (folder: string) => void, string]>([
  [
    'a class is renamed',
    (folder) => renameSync(join(folder, 'cat'), join(folder, 'owl')),
    "class 0 was 'cat', is 'dog'",
  ],
  [
    'a class is added',
    (folder) => cpSync(join(folder, 'dog'), join(folder, 'owl'), { recursive: true }),
    "class 2, 'owl', is new; there were 2 classes, now 3",
  ],
  [
    'a class is removed',
    (folder) => rmSync(join(folder, 'dog'), { recursive: true }),
    "class 1, 'dog', is gone; there were 2 classes, now 1",
  ],
  [
    'an image is added',
    (folder) => writeFileSync(join(folder, 'dog/x.jpg'), 'x'),
    "class 'dog' had 18 images to train on, has 19",
  ],
  [
    'images are removed',
    (folder) => {
      for (const i of [1, 2, 3, 4]) rmSync(join(folder, `cat/${i}.jpg`))
    },
    "class 'cat' had 18 images to train on, has 14",
  ],
  [
    'the contents of two classes are swapped',
    (folder) => {
      renameSync(join(folder, 'cat'), join(folder, 'x'))
      renameSync(join(folder, 'dog'), join(folder, 'cat'))
      renameSync(join(folder, 'x'), join(folder, 'dog'))
    },
    "class 'cat' has other images to train on, or under other names",
  ],
  [
    'an image is replaced by one of its size that begins alike',
    (folder) => writeFileSync(join(folder, 'dog/0.jpg'), new Uint8Array(20_000).fill(7)),
    "class 'dog' has other images",
  ],
])('is another where %s', async (_, change, expected) => {
  expect(dataDifference(before, await identified(folderOf(change)))).toContain(expected)
})

it('what the epochs are tried on counts as well', async () => {
  const divided = (name: string): Promise<Awaited<ReturnType<typeof identified>>> => {
    const folder = mkdtempSync(join(root, 'divided-'))
    for (const [path, text] of [
      ['train/a/1.jpg', '1'],
      [`${name}/a/2.jpg`, '2'],
      ['test/a/3.jpg', '3'],
    ] as const) {
      mkdirSync(dirname(join(folder, path)), { recursive: true })
      writeFileSync(join(folder, path), text)
    }
    return identified(folder)
  }
  const [val, other, alone] = [await divided('val'), await divided('valid'), await divided('test')]
  expect(dataDifference(val, other)).toBeNull()
  expect(dataDifference(val, alone)).toBe("class 'a' had 1 image to try it on after each epoch, has 2")
})

it('files of IDX are told apart by labels and by pixels, and by their order', async () => {
  const write = async (labels: readonly number[], pixels: readonly number[]) => {
    const folder = mkdtempSync(join(root, 'idx-'))
    const count = labels.length
    writeFileSync(
      join(folder, 'images'),
      gzipSync(Uint8Array.of(0, 0, 8, 3, 0, 0, 0, count, 0, 0, 0, 1, 0, 0, 0, 1, ...pixels)),
    )
    writeFileSync(join(folder, 'labels'), Uint8Array.of(0, 0, 8, 1, 0, 0, 0, count, ...labels))
    return identified(await openDataset(`idx:${join(folder, 'images')},${join(folder, 'labels')}`))
  }
  const first = await write([0, 1, 0, 1], [10, 20, 30, 40])
  expect(dataDifference(first, await write([0, 1, 0, 1], [10, 20, 30, 40]))).toBeNull()
  const differences = [
    [await write([0, 1, 1, 1], [10, 20, 30, 40]), "class '0' had 2 images to train on, has 1"],
    [await write([1, 0, 0, 1], [10, 20, 30, 40]), "class '0' has other images to train on"],
    [await write([0, 1, 0, 1], [10, 20, 31, 40]), "class '0' has other images to train on"],
    [await write([0, 0, 1, 1], [10, 30, 20, 40]), 'the images to train on are in another order'],
  ] as const
  for (const [other, expected] of differences) expect(dataDifference(first, other)).toContain(expected)
})

it('synthetic images are told apart by how they are made', async () => {
  const small = await identified(syntheticDataset({ size: 8 }))
  expect(dataDifference(small, await identified(syntheticDataset({ size: 8 })))).toBeNull()
  for (const other of [{ size: 9 }, { size: 8, seed: 8 }, { size: 8, channels: 1 as const }])
    expect(dataDifference(small, await identified(syntheticDataset(other)))).toContain('has other images')
})

it('of a set that is not known, the classes alone are compared', () => {
  expect(dataDifference({ classNames: ['cat', 'dog'], identity: null }, before)).toBeNull()
  expect(dataDifference({ classNames: ['dog', 'cat'], identity: null }, before)).toBe(
    "class 0 was 'dog', is 'cat'",
  )
})
