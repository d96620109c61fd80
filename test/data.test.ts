import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import type { Batch, PipelineOptions } from '../src/data/index.ts'
import { built } from './support/built.ts'
import { gradient, jpegOf } from './support/images.ts'
import { importsOf } from './support/import-rules.ts'
import { sourceFiles } from './support/package.ts'

// Images in files, decoded by worker threads as they are shipped.

const { channelStatistics, colourComponents, openDataset, openPipeline } =
  await built<typeof import('../src/data/index.ts')>('data/index.js')
const threads = process.getBuiltinModule('node:worker_threads')

const root = mkdtempSync(join(tmpdir(), 'convmark-data-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

const IMAGES = 240
const folder = join(root, 'set')
const phases = [0, 1, 2, 3, 4, 5]
const jpegs = await Promise.all(phases.map((phase) => jpegOf(gradient(40, 30, phase))))
for (const name of ['a', 'b']) mkdirSync(join(folder, name), { recursive: true })
for (let i = 0; i < IMAGES; i++)
  writeFileSync(join(folder, i % 2 ? 'a' : 'b', `${1000 + i}.jpg`), jpegs[i % jpegs.length]!)

const options: PipelineOptions = {
  batch: 20,
  preprocessing: { size: 16, channels: 3, resize: 20, normalise: { kind: 'per-image' } },
  augmentation: { flip: true, crop: true, colour: null },
  decoder: 'wasm',
}

const copyOf = ({ images, labels, indexes }: Batch) => ({ images: [...images], labels: [...labels], indexes })

async function read(from: string, more: Partial<PipelineOptions>, fromBatch = 0) {
  const { train } = await openDataset(`folder:${from}`)
  await using pipeline = await openPipeline(train, { ...options, ...more })
  const batches: ReturnType<typeof copyOf>[] = []
  for await (const batch of pipeline.epoch(1, fromBatch)) batches.push(copyOf(batch))
  return { batches, skipped: pipeline.skipped, decoder: pipeline.decoder, files: train.files! }
}

describe('images in files', () => {
  it('make the same batches on any number of threads, and from the middle', async () => {
    const one = await read(folder, { workers: 1 })
    expect(one.batches).toHaveLength(10) // 216 of 240 are for training
    expect(one.decoder).toBe('wasm (asked for)')
    const three = await read(folder, { workers: 3, prefetch: 4 })
    expect(three.batches).toEqual(one.batches)
    const late = await read(folder, { workers: 2 }, 7)
    expect(late.batches).toEqual(one.batches.slice(7))
  })

  it('make the same batches as on the caller’s own thread', async () => {
    const { train } = await openDataset(`folder:${folder}`, { decoder: 'wasm' })
    const inMemory = { count: train.count, label: train.label, image: train.image }
    await using pipeline = await openPipeline(inMemory, options)
    const batch = await pipeline.epoch(1).next()
    const [first] = (await read(folder, { workers: 2 })).batches
    expect(copyOf(batch.value as Batch)).toEqual(first)
  })

  it('that are damaged are named and skipped; over 1% of them end it', async () => {
    const other = join(root, 'damaged')
    for (const name of ['a', 'b']) mkdirSync(join(other, name), { recursive: true })
    const { files } = await read(folder, { workers: 1 })
    for (const file of files) copyFileSync(file, file.replace(folder, other))
    const { train } = await openDataset(`folder:${other}`)
    const cut = train.files![5]!
    writeFileSync(cut, jpegs[0]!.subarray(0, 400))
    const { batches, skipped } = await read(other, { workers: 2 })
    expect(skipped.map(({ file }) => file)).toEqual([cut])
    expect(batches.every(({ indexes }) => indexes.length === 20 && !indexes.includes(5))).toBe(true)
    for (const file of train.files!.slice(6, 8)) writeFileSync(file, '')
    await expect(read(other, { workers: 2 })).rejects.toThrow(
      /images are damaged, over 1%.*\.jpg \(is not a JPEG/,
    )
  })

  it('smaller than a crop end it as FormatError, from a worker too', async () => {
    const preprocessing = { ...options.preprocessing, size: 35, resize: null }
    const error = await read(folder, { preprocessing, workers: 2 }).catch((error: unknown) => error)
    expect(error).toMatchObject({ name: 'FormatError', message: expect.stringContaining('40 x 30 pixels') })
  })

  it('are let go when the pipeline is disposed of', async () => {
    const { train } = await openDataset(`folder:${folder}`)
    const pipeline = await openPipeline(train, { ...options, workers: 2 })
    const epoch = pipeline.epoch(0)
    await epoch.next()
    await pipeline.dispose()
    await expect(
      (async () => {
        for await (const _ of epoch);
      })(),
    ).rejects.toThrow('disposed')
  })
})

describe('statistics of images in files', () => {
  const { Worker: RealWorker } = threads
  /** Of every worker that was started. */
  const exits: Promise<number>[] = []
  const watchWorkers = (most = Number.POSITIVE_INFINITY) => {
    threads.Worker = class extends RealWorker {
      constructor(...given: ConstructorParameters<typeof RealWorker>) {
        if (exits.length === most) {
          const error = new Error('Worker initialization failure: EAGAIN')
          throw Object.assign(error, { code: 'ERR_WORKER_INIT_FAILED' })
        }
        super(...given)
        exits.push(new Promise((resolve) => this.once('exit', resolve)))
      }
    }
  }
  afterEach(() => {
    threads.Worker = RealWorker
    exits.length = 0
  })
  /** Nothing is remembered of a set that was opened anew. */
  const opened = async () => (await openDataset(`folder:${folder}`, { decoder: 'wasm' })).train
  const SAMPLE = 50

  it('are the same on any number of threads, and on the caller’s own', async () => {
    const { count, label, image } = await opened()
    for (const side of [null, 12]) {
      const options = { sample: SAMPLE, side }
      const expected = await channelStatistics({ count, label, image }, 3, options)
      const components = await colourComponents({ count, label, image }, options)
      for (const workers of [1, 3]) {
        const train = await opened()
        expect(await channelStatistics(train, 3, { ...options, workers })).toEqual(expected)
        expect(await colourComponents(train, { ...options, workers })).toEqual(components)
      }
    }
  })

  it('tell how far they are, and leave no worker', async () => {
    watchWorkers()
    const seen: (readonly [number, number])[] = []
    const onProgress = (done: number, total: number) => seen.push([done, total])
    await channelStatistics(await opened(), 3, { sample: SAMPLE, workers: 2, onProgress })
    expect(seen.at(0)).toEqual([0, SAMPLE])
    expect(seen.at(-1)).toEqual([SAMPLE, SAMPLE])
    expect(seen.map(([done]) => done)).toEqual(seen.map(([done]) => done).sort((a, b) => a - b))
    expect(exits).toHaveLength(2)
    await Promise.all(exits)
  })

  it('can be left, before and while they are made, and leave no worker', async () => {
    watchWorkers()
    await expect(
      channelStatistics(await opened(), 3, { workers: 2, signal: AbortSignal.abort() }),
    ).rejects.toMatchObject({ name: 'InterruptedError' })
    const controller = new AbortController()
    const onProgress = (done: number) => done > 0 && controller.abort()
    await expect(
      channelStatistics(await opened(), 3, { workers: 2, onProgress, signal: controller.signal }),
    ).rejects.toMatchObject({ name: 'InterruptedError' })
    expect(exits).toHaveLength(2)
    await Promise.all(exits)
  })

  it('are made by as many threads as the system allows', async () => {
    const expected = await channelStatistics(await opened(), 3, { sample: SAMPLE })
    watchWorkers(1)
    expect(await channelStatistics(await opened(), 3, { sample: SAMPLE, workers: 4 })).toEqual(expected)
    expect(exits).toHaveLength(1)
    await expect(channelStatistics(await opened(), 3, { workers: 4 })).rejects.toThrow(
      'the system allows no more threads',
    )
  })
})

it('what a browser loads of it imports nothing of Node', () => {
  const sources = sourceFiles()
  const seen = new Set<string>()
  const waiting = ['data/index.ts']
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (seen.has(path)) continue
    seen.add(path)
    const imports = importsOf(path, sources.get(path)!).filter(({ kind }) => kind === 'static')
    expect(imports.filter(({ specifier }) => specifier.startsWith('node:'))).toEqual([])
    waiting.push(...imports.flatMap(({ to }) => to ?? []))
  }
  expect(seen.size).toBeGreaterThan(15)
})

it('takes the name of a folder that is here for what it most likely is', async () => {
  mkdirSync(join(root, 'mnis/cats'), { recursive: true })
  writeFileSync(join(root, 'mnis/cats/a.jpg'), jpegs[0]!)
  const before = process.cwd()
  process.chdir(root)
  try {
    await expect(openDataset('mnis')).rejects.toThrow("did you mean 'folder:mnis'?")
  } finally {
    process.chdir(before)
  }
})
