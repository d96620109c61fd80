// A model that learned other classes, trained on one's own: `train --freeze all-but-head`.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { onnxModel } from '../src/formats/onnx.ts'
import { importOnnx } from '../src/formats/onnx-import.ts'
import {
  conv,
  dense,
  dropout,
  globalAveragePool,
  maxPool,
  softmax,
  softmaxLoss,
} from '../src/layers/index.ts'
import { defineNetwork, initializeForTraining, type Network } from '../src/networks/index.ts'
import { parseTrainingLog } from '../src/records/read-training-log.ts'
import { decodeModel, encodeModel } from '../src/train/model-file.ts'
import { painted, pngOf } from './support/images.ts'
import { inProcess } from './support/in-process.ts'
import { ownCache } from './support/own-cache.ts'
import { workingFolder } from './support/working-folder.ts'

ownCache()
const folder = workingFolder()

const SIZE = 12
const bytesOf = (file: string) => readFileSync(join(folder, file))
const modelIn = (file: string) => decodeModel(bytesOf(file), file)
function write(file: string, bytes: Uint8Array | string): string {
  mkdirSync(dirname(join(folder, file)), { recursive: true })
  writeFileSync(join(folder, file), bytes)
  return file
}

/** Without the warnings that nothing is measured. */
async function convmark(...command: readonly string[]) {
  const ended = await inProcess(...command)
  return { ...ended, stderr: ended.stderr.replaceAll(/^.*the tuning budget of 0 s was spent.*\n/gm, '') }
}

/** Ends as SqueezeNet does: in a convolution to classes and the mean over all pixels. */
const network = defineNetwork('before', {
  inputs: { images: [SIZE, SIZE, 1] },
  layers: [
    conv('stem', { filters: 8, kernel: 3, activation: 'relu' }),
    maxPool('pool', { kernel: 2, stride: 2 }),
    dropout('drop'),
    conv('head', { filters: 7, kernel: 1 }),
    globalAveragePool('mean'),
    softmax('classes'),
  ],
})
const learned = initializeForTraining(network, { seed: 3 })
const ONNX = write('before.onnx', onnxModel(network, learned, { layout: 'NCHW' }))

const CLASSES = ['across', 'down', 'slanted'] as const
const SPLITS = { train: 10, val: 4, test: 5 } as const

/** Of picture `i` of a class. */
const tone = (label: number, i: number, x: number, y: number): number =>
  [x, y, x + y][label]! % 4 < 2 ? 40 + 5 * i : 200 - 3 * i

for (const [split, count] of Object.entries(SPLITS)) {
  for (const [label, name] of CLASSES.entries()) {
    for (let i = 0; i < count; i++) {
      const picture = painted(SIZE, SIZE, (x, y) => {
        const grey = tone(label, i, x, y)
        return [grey, grey, grey]
      })
      write(`stripes/${split}/${name}/${i}.png`, await pngOf(picture))
    }
  }
}

/** The same in memory, whose classes are called 0, 1 and 2: no decoder has to start. */
function writeIdx(name: string, count: number): string {
  const header = (...numbers: readonly number[]) =>
    Buffer.from([0, 0, 8, numbers.length, ...numbers.flatMap((n) => [0, 0, n >> 8, n & 255])])
  const images = Array.from({ length: count * CLASSES.length }, (_, index) => {
    const [label, i] = [index % CLASSES.length, Math.floor(index / CLASSES.length)]
    return Uint8Array.from({ length: SIZE * SIZE }, (_, at) =>
      tone(label, i, at % SIZE, Math.floor(at / SIZE)),
    )
  })
  const labels = Uint8Array.from(images, (_, index) => index % CLASSES.length)
  write(`${name}.images`, Buffer.concat([header(images.length, SIZE, SIZE), ...images]))
  write(`${name}.labels`, Buffer.concat([header(images.length), labels]))
  return `${name}.images,${name}.labels`
}
const IDX = `idx:${writeIdx('train', SPLITS.train)},${writeIdx('test', SPLITS.val)}`

const words = (model: string, ...more: readonly string[]) => [
  ...['train', model, '--data', IDX, '--batch', '5', '--epochs', '2', '--engine', 'wasm@1'],
  ...['--tuning-budget', '0', '--optimizer', 'adam', '--rate', '0.01', ...more],
]
const KEPT = 'the frozen layers ran once: 42 images x 200 values, 0 MB kept'

describe('train --freeze all-but-head', () => {
  it('gives an ONNX file a new head, trains it on what the frozen layers make once, and keeps the rest', async () => {
    const files = ['--out', 'mine.safetensors', '--log', 'mine.jsonl']
    const more = ['--data', 'folder:stripes', '--rate', '0.05', '--epochs', '12', ...files]
    const ended = await convmark(...words(ONNX, '--freeze', 'all-but-head', ...more))
    expect(ended).toMatchObject({ code: 0, stderr: '' })
    const lines = ended.stdout.split('\n')
    expect(lines).toContain('the head, head, is new, for 3 classes')
    expect(lines).toContain(KEPT)
    expect(ended.stdout).toMatch(
      /^folder:stripes: 30 images to train on, 12 to validate on after each epoch, 15 to test/m,
    )
    const model = modelIn('mine.safetensors')
    expect(model.classNames).toEqual(['across', 'down', 'slanted'])
    for (const part of ['weights', 'biases'])
      expect(model.parameters[`stem/${part}`]).toEqual(learned[`stem/${part}` as keyof typeof learned])
    expect(model.parameters['head/weights']).toHaveLength(8 * 3)
    const [run] = parseTrainingLog(bytesOf('mine.jsonl').toString(), 'mine.jsonl').runs
    expect(run!.run).toMatchObject({ testedOn: 'validation', testCount: 12 })
    expect(run!.run.settings).toMatchObject({ freeze: ['all-but-head'], head: null, headRate: null })
    expect(run!.epochs.at(-1)!.testTop1!).toBeGreaterThan(0.8)

    const evaluated = await convmark(
      'evaluate',
      'mine.safetensors',
      '--data',
      'folder:stripes',
      '--engine',
      'wasm@1',
    )
    expect(evaluated).toMatchObject({ code: 0, stderr: '' })
    expect(evaluated.stdout).toMatch(/^top-1 +(8\d|9\d|100)[\d.]*% {2}\d+ of 15/m)
    const exported = await convmark('export', 'mine.safetensors', '--onnx', 'mine.onnx')
    expect(exported).toMatchObject({ code: 0, stderr: '' })
    const again = await importOnnx(bytesOf('mine.onnx'))
    expect(again.parameters['head/weights']).toEqual(model.parameters['head/weights'])
    expect(again.parameters['stem/weights']).toEqual(model.parameters['stem/weights'])
  })

  it('leads to the same where the frozen layers run in every epoch, and says why they do', async () => {
    const freeze = ['--freeze', 'all-but-head']
    expect(await convmark(...words(ONNX, ...freeze, '--out', 'k.safetensors'))).toMatchObject({ code: 0 })
    const never = await convmark(
      ...words(ONNX, ...freeze, '--keep-features', 'never', '--out', 'n.safetensors'),
    )
    expect(never).toMatchObject({ code: 0, stderr: '' })
    expect(never.stdout).not.toContain('frozen')
    const [kept, not] = [modelIn('k.safetensors'), modelIn('n.safetensors')]
    for (const [name, values] of Object.entries(kept.parameters))
      expect([...values], name).toEqual([...not.parameters[name]!].map((value) => expect.closeTo(value, 4)))
    const flipped = await convmark(...words(ONNX, ...freeze, '--augment', 'flip'))
    expect(flipped.stdout).toContain(
      'what the frozen layers make is not kept, so they run in every epoch: --augment flip changes the pictures in every epoch\n',
    )
    const first = await convmark(...words(ONNX, '--freeze', 'head', '--head-rate', '0.1', '--epochs', '1'))
    expect(first.stderr).toBe(
      "convmark: rates: 'head' names no layer that is trained; leave it out, or freeze fewer\n",
    )
  })

  it('is taken up again with the same bits, and not with other rates or another head', async () => {
    const tuned = words(ONNX, '--freeze', 'all-but-head', '--head-rate', '0.02')
    expect(await convmark(...tuned, '--out', 'whole.safetensors')).toMatchObject({ code: 0 })
    expect(await convmark(...tuned, '--epochs', '1', '--out', 'left.safetensors')).toMatchObject({ code: 0 })
    const resume = ['--resume', 'left.checkpoint.safetensors']
    const ended = await convmark(...tuned, '--out', 'resumed.safetensors', ...resume)
    expect(ended).toMatchObject({ code: 0, stderr: '' })
    expect(ended.stdout.split('\n')).toContain(KEPT)
    expect(bytesOf('resumed.safetensors').equals(bytesOf('whole.safetensors'))).toBe(true)
    for (const [more, message] of [
      [
        ['--head-rate', '0.03'],
        'its training had headRate 0.02, now it has headRate 0.03; give the same options',
      ],
      [['--head', 'head'], 'its training had no head, now it has head "head"; give the same options'],
      [
        ['--preprocess', 'caffe'],
        'images are prepared as in its training; leave --preprocess and its parts out',
      ],
    ] as const) {
      const refused = await convmark(...tuned, ...more, ...resume)
      expect(refused).toMatchObject({ code: 2, stdout: '' })
      expect(refused.stderr).toContain(message)
    }
  })

  it('trains all layers at other rates, with --head-rate alone', async () => {
    const ended = await convmark(
      ...words(ONNX, '--head-rate', '0.01', '--rate', '1e-30', '--out', 'all.safetensors'),
    )
    expect(ended).toMatchObject({ code: 0, stderr: '' })
    const { parameters } = modelIn('all.safetensors')
    expect(parameters['stem/weights']).toEqual(learned['stem/weights'])
    expect(parameters['head/biases']).not.toEqual(new Float32Array(3))
  })
})

describe('a model of convmark', () => {
  const three = defineNetwork('three', {
    inputs: { images: [SIZE, SIZE, 1], labels: [] },
    layers: [
      conv('stem', { filters: 4, kernel: 3, activation: 'relu' }),
      dense('fc', { units: 3 }),
      softmaxLoss('loss', { inputs: ['fc', 'labels'] }),
    ],
  })
  const about = {
    network: three as Network,
    parameters: initializeForTraining(three, { seed: 3 }),
    preprocessing: { size: SIZE, channels: 1, resize: null, normalise: { kind: 'per-image' } },
  }
  const written = (file: string, ...classNames: readonly string[]) =>
    write(file, encodeModel({ ...about, classNames }))
  const THREE = written('three.safetensors', '0', '1', '2')
  const OTHERS = written('others.safetensors', '0', 'b', '2')

  it('goes on with the head that knows these classes, unless a new one is asked for by name', async () => {
    const kept = await convmark(
      ...words(THREE, '--freeze', 'all-but-head', '--rate', '1e-30', '--out', 'goes.safetensors'),
    )
    expect(kept.stdout).toContain('the head, fc, goes on from what it has learned\n')
    expect(modelIn('goes.safetensors').parameters['fc/weights']).toEqual(about.parameters['fc/weights'])
    const made = await convmark(
      ...words(THREE, '--head', 'fc', '--rate', '1e-30', '--seed', '8', '--out', 'new.safetensors'),
    )
    expect(made.stdout).toContain('the head, fc, is new, for 3 classes\n')
    expect(modelIn('new.safetensors').parameters['fc/weights']).not.toEqual(about.parameters['fc/weights'])
  })

  it('is not trained on classes with other names, unless a new head is asked for', async () => {
    const refused = await convmark(...words(OTHERS))
    expect(refused).toEqual({
      code: 2,
      stdout: '',
      stderr: `convmark: others.safetensors: its class 1 is 'b', that of ${IDX} is '1'; for a new head give --freeze all-but-head or --head-rate\n`,
    })
    const tuned = await convmark(...words(OTHERS, '--freeze', 'all-but-head'))
    expect(tuned.stdout).toContain('the head, fc, is new, for 3 classes\n')
  })
})

describe('is refused in one line', () => {
  mkdirSync(join(folder, 'empty/train/a'), { recursive: true })

  it.each<[string, readonly string[], string]>([
    [
      'classes that differ',
      words(ONNX),
      `before.onnx: it knows 7 classes, ${IDX} has 3; for a new head give --freeze all-but-head or --head-rate`,
    ],
    [
      'a preparation that does not fit',
      words(ONNX, '--freeze', 'all-but-head', '--resize', '1'),
      'preprocessing: resize 1 is smaller than the crops of ',
    ],
    [
      'a head that is misspelt',
      words(ONNX, '--head', 'haed'),
      "head: unknown layer 'haed'; did you mean 'head'? (stem, head)",
    ],
    [
      'a head that is none',
      words(ONNX, '--head', 'stem'),
      "before: 'stem' is not its head: with 3 outputs the network has 7 classes",
    ],
    [
      'a layer without weights',
      words(ONNX, '--head', 'pool'),
      "head: 'pool' has no weights; these layers have: stem, head",
    ],
    [
      'all but the head, and others',
      words(ONNX, '--freeze', 'all-but-head,stem'),
      '--freeze all-but-head stands alone; it names all other layers',
    ],
    [
      'a network that has learned nothing',
      words('lenet', '--freeze', 'all-but-head'),
      'lenet: it has learned nothing yet, so nothing of it is worth keeping; leave --freeze all-but-head out',
    ],
    [
      'another word',
      words(ONNX, '--keep-features', 'always'),
      "unknown value of --keep-features 'always' (auto, never)",
    ],
    [
      'an infinite rate',
      words(ONNX, '--head-rate', '1e38'),
      'rate is 1e+38; in its first step adam multiplies by',
    ],
    ['an empty folder', words(ONNX, '--freeze', 'all-but-head', '--data', 'folder:empty'), 'empty'],
  ])('%s', async (_, command, message) => {
    const { code, stdout, stderr } = await convmark(...command)
    expect(stderr).toContain(message)
    expect(stderr.trimEnd().split('\n')).toHaveLength(1)
    expect([1, 2]).toContain(code)
    expect(stdout).toBe('')
  })
})
