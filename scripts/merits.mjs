// What each of AlexNet's ingredients is worth, on small data sets: `node scripts/merits.mjs <folder>`, after a build. Trains
// alexnet-cifar10 (and lenet, which has dropout) with and without each, with several seeds, and writes a log for every run;
// `convmark report <folder>/*.jsonl --html curves.html` lays them over each other. MNIST must be installed (train says how).
//   --seeds 3   --epochs 15   --images 1000   --engine auto   --only <text in a run's name>

import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { openDataset } from '../dist/data/index.js'
import { hashAt, keyOf } from '../dist/random.js'

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seeds: { type: 'string', default: '3' },
    epochs: { type: 'string', default: '15' },
    images: { type: 'string', default: '1000' },
    engine: { type: 'string', default: 'auto' },
    only: { type: 'string', default: '' },
  },
})
const [folder] = positionals
if (!folder) throw new Error('name a folder for the logs')
mkdirSync(folder, { recursive: true })
const count = Number(options.images)
const SIZE = 28

/** An IDX file: its magic number, its extents and its bytes. */
function writeIdx(path, extents, bytes) {
  const header = Buffer.alloc(4 + 4 * extents.length)
  header.writeUInt32BE(0x0800 + extents.length)
  for (const [i, extent] of extents.entries()) header.writeUInt32BE(extent, 4 + 4 * i)
  writeFileSync(path, Buffer.concat([header, bytes]))
}

/** Four files of `count` images each, and the source that names them. */
async function writeSet(name, sampleOf) {
  const paths = ['images', 'labels', 'test-images', 'test-labels'].map((part) =>
    join(folder, `${name}-${part}.idx`),
  )
  for (const [part, [imagesPath, labelsPath]] of [paths.slice(0, 2), paths.slice(2)].entries()) {
    const images = Buffer.alloc(count * SIZE * SIZE)
    const labels = Buffer.alloc(count)
    for (let i = 0; i < count; i++) {
      const { label, pixels } = await sampleOf(i, part)
      labels[i] = label
      images.set(pixels, i * SIZE * SIZE)
    }
    writeIdx(imagesPath, [count, SIZE, SIZE], images)
    writeIdx(labelsPath, [count], labels)
  }
  return `idx:${paths.join()}`
}

/** The first digits of MNIST. */
async function mnist() {
  const { train, test } = await openDataset('mnist')
  return writeSet('mnist', async (i, part) => {
    const split = part === 0 ? train : test
    return { label: split.label(i), pixels: (await split.image(i)).pixels }
  })
}

/** Ten shapes, anywhere, of any size, brightness and contrast, in noise; by whether a point of their own square is inside. */
const SHAPES = [
  (x, y) => x * x + y * y < 1, // disc
  (x, y) => Math.abs(x * x + y * y - 0.7) < 0.3, // ring
  (x, y) => Math.max(Math.abs(x), Math.abs(y)) < 0.85, // square
  (x, y) => Math.abs(Math.max(Math.abs(x), Math.abs(y)) - 0.75) < 0.2, // frame
  (x, y) => y > -0.8 && y < 0.8 && Math.abs(x) < (y + 0.8) / 1.6, // triangle, point up
  (x, y) => y > -0.8 && y < 0.8 && Math.abs(x) < (0.8 - y) / 1.6, // triangle, point down
  (x, y) => Math.min(Math.abs(x), Math.abs(y)) < 0.25, // cross
  (x, y) => Math.abs(Math.abs(x) - Math.abs(y)) < 0.3, // diagonal cross
  (_x, y) => Math.sin(7 * y) > 0, // stripes that lie
  (x) => Math.sin(7 * x) > 0, // stripes that stand
]

function shapes() {
  return writeSet('shapes', async (i, part) => {
    const key = keyOf(part, `shape ${i}`)
    const random = (index) => (hashAt(key, index) >>> 0) / 2 ** 32
    const label = i % SHAPES.length
    const radius = 6 + 5 * random(0)
    const [centreX, centreY] = [1, 2].map((n) => radius + (SIZE - 2 * radius) * random(n))
    const background = 60 + 80 * random(3)
    const contrast = (50 + 70 * random(4)) * (random(5) < 0.5 ? -1 : 1)
    const pixels = Uint8Array.from({ length: SIZE * SIZE }, (_, p) => {
      const [x, y] = [((p % SIZE) - centreX) / radius, (Math.floor(p / SIZE) - centreY) / radius]
      const isInside = Math.max(Math.abs(x), Math.abs(y)) <= 1 && SHAPES[label](x, y)
      const noise = 40 * (random(10 + 2 * p) + random(11 + 2 * p) - 1)
      return Math.max(0, Math.min(255, background + (isInside ? contrast : 0) + noise))
    })
    return { label, pixels }
  })
}

const BASE = ['--augment', 'crop', '--rate', '0.01', '--batch', '32']
const variants = [
  ['alexnet-cifar10', 'all', []],
  ['alexnet-cifar10', 'sigmoid', ['--activation', 'sigmoid']],
  ['alexnet-cifar10', 'tanh', ['--activation', 'tanh']],
  ['alexnet-cifar10', 'without-lrn', ['--without', 'lrn']],
  ['alexnet-cifar10', 'without-overlap', ['--without', 'overlap']],
  ['alexnet-cifar10', 'without-augment', ['--without', 'augment']],
  ['lenet', 'all', []],
  ['lenet', 'without-dropout', ['--without', 'dropout']],
]

const main = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url))
const finals = new Map()
for (const [set, source] of [
  ['mnist', await mnist()],
  ['shapes', await shapes()],
]) {
  for (const [network, variant, args] of variants) {
    for (let seed = 1; seed <= Number(options.seeds); seed++) {
      const name = `${set}-${network}-${variant}-${seed}`
      const log = join(folder, `${name}.jsonl`)
      if (!name.includes(options.only) || existsSync(log)) continue
      // lenet is made for 28 x 28, so nothing is left to crop
      const own = network === 'lenet' ? ['--rate', '0.01', '--batch', '32'] : BASE
      const common = [
        'train',
        network,
        '--data',
        source,
        '--epochs',
        options.epochs,
        '--seed',
        String(seed),
        '--engine',
        options.engine,
      ]
      const { status, stderr } = spawnSync(process.execPath, [main, ...common, ...own, ...args, '--log', log])
      if (status !== 0) throw new Error(`${name}: ${stderr}`)
      const epochs = readFileSync(log, 'utf8')
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line))
        .filter(({ kind }) => kind === 'epoch')
      const { trainAccuracy, testTop1 } = epochs.at(-1)
      const key = `${set}  ${network}  ${variant}`
      finals.set(key, [...(finals.get(key) ?? []), { trainAccuracy, testTop1 }])
      console.log(name, (100 * trainAccuracy).toFixed(1), (100 * testTop1).toFixed(1))
    }
  }
}
for (const [key, runs] of finals) {
  const mean = (field) => runs.reduce((sum, run) => sum + run[field], 0) / runs.length
  const spread =
    Math.max(...runs.map(({ testTop1 }) => testTop1)) - Math.min(...runs.map(({ testTop1 }) => testTop1))
  const texts = [mean('trainAccuracy'), mean('testTop1'), spread].map(
    (value) => `${(100 * value).toFixed(1)}%`,
  )
  console.log(`${key.padEnd(48)} train ${texts[0]}  test ${texts[1]}, from lowest to highest ${texts[2]}`)
}
