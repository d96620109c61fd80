// The commands that take pictures: classify and embed.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { onnxModel } from '../src/formats/onnx.ts'
import { decodeSafetensors } from '../src/formats/safetensors.ts'
import { conv } from '../src/layers/index.ts'
import { defineNetwork, initialize } from '../src/networks/index.ts'
import { parseClassification } from '../src/records/classification.ts'
import { encodeModel } from '../src/train/model-file.ts'
import {
  CERTAIN,
  COLOURS,
  colourModel,
  colourNetwork,
  colourParameters,
  pictureOf,
} from './support/colour-model.ts'
import { inProcess } from './support/in-process.ts'
import { ownCache } from './support/own-cache.ts'
import { workingFolder } from './support/working-folder.ts'

ownCache()
const folder = workingFolder()
function write(file: string, content: Uint8Array | string): string {
  mkdirSync(dirname(join(folder, file)), { recursive: true })
  writeFileSync(join(folder, file), content)
  return file
}
const read = (file: string) => readFileSync(join(folder, file))
const MODEL = write('colours.safetensors', encodeModel(colourModel))
const ONNX = write('colours.onnx', onnxModel(colourNetwork('softmax'), colourParameters, { layout: 'NCHW' }))
for (const colour of COLOURS) write(`photos/${colour}.png`, await pictureOf(colour))
write('photos/deep/down/red.PNG', await pictureOf('red'))
write('photos/.hidden.png', 'not looked at')
write('photos/readme.txt', 'not looked at')
write('LABELS.txt', 'rouge\nvert\nbleu\n')

const UNTUNED = ['--tuning-budget', '0']
const classify = (...words: string[]) => inProcess('classify', ...words, ...UNTUNED)
const embed = (...words: string[]) => inProcess('embed', ...words, ...UNTUNED)
const linesOf = (text: string): string[] => text.trimEnd().split('\n')

describe('classify', () => {
  it('says what a picture shows, with bars', async () => {
    const { code, stdout, stderr } = await classify(MODEL, 'photos/green.png')
    expect(linesOf(stdout)).toEqual([
      'photos/green.png',
      expect.stringMatching(/^ {3}98\.7% {2}█+.? +green$/),
      expect.stringMatching(/^ {4}0\.7% .* (red|blue)$/),
      expect.stringMatching(/^ {4}0\.7% .* (red|blue)$/),
    ])
    expect({ code, stderr: stderr.replaceAll(/.*tiles.*\n/g, '') }).toEqual({ code: 0, stderr: '' })
  })

  it.each([
    [
      'a folder',
      ['photos'],
      ['photos/blue.png', 'photos/deep/down/red.PNG', 'photos/green.png', 'photos/red.png'],
    ],
    ['a pattern', ['photos/*e*.png'], ['photos/blue.png', 'photos/green.png', 'photos/red.png']],
    [
      'files, in their order, each once',
      ['photos/red.png', 'photos/blue.png', 'photos/red.png'],
      ['photos/red.png', 'photos/blue.png'],
    ],
  ])('takes %s', async (_, words, files) => {
    const { stdout, code } = await classify(MODEL, ...words, '--json', '-', '--top', '1')
    const { pictures } = parseClassification(stdout, 'stdout')
    expect(pictures.map(({ file }) => file)).toEqual(files)
    for (const { file, top } of pictures) expect(file.toLowerCase()).toContain(top![0]!.name)
    expect(code).toBe(0)
  })

  it('writes JSON and a page', async () => {
    const { code, stdout } = await classify(
      MODEL,
      'photos',
      '--json',
      'c.json',
      '--html',
      'c.html',
      '--top',
      '2',
    )
    const classification = parseClassification(read('c.json').toString(), 'c.json')
    expect(classification).toMatchObject({
      network: 'colours',
      model: MODEL,
      classes: 3,
      assumed: [],
      preprocessing: {
        ground: 'model',
        text: expect.stringContaining('the central square resized to 8 x 8'),
      },
    })
    expect(classification.pictures[0]!.top).toEqual([
      { index: 2, name: 'blue', probability: expect.closeTo(CERTAIN, 4) },
      { index: expect.any(Number), name: expect.any(String), probability: expect.any(Number) },
    ])
    const page = read('c.html').toString()
    expect(page.match(/<img /g)).toHaveLength(4)
    expect(stdout).toContain('4 pictures')
    expect(code).toBe(0)
  })

  it('says what it assumes of a file that says little, and takes options for it', async () => {
    const bare = await classify(ONNX, 'photos/red.png')
    expect(bare.stdout).toContain(
      'warning: colours.onnx does not say how its images are to be prepared; assumed: imagenet',
    )
    expect(bare.stdout).toContain('class 0')
    const told = await classify(ONNX, 'photos/red.png', '--labels', 'LABELS.txt', '--preprocess', 'zero-one')
    expect(told.stdout).toMatch(/98\.7% .* rouge\n/)
    expect(told.stdout).not.toContain('warning')
  })

  it.each([
    [['--preprocess', 'caffe', '--mean', '0', '--range', '0..1'], 'bleu'], // blue first
    [['--preprocess', 'zero-one', '--channel-order', 'bgr'], 'bleu'],
    [['--preprocess', 'inception'], 'rouge'],
    [['--mean', '0', '--sd', '1,1,1', '--resize', '8', '--fit', 'stretch'], 'rouge'],
  ])('prepares pictures by %j', async (options, name) => {
    const { stdout } = await classify(
      ONNX,
      'photos/red.png',
      '--labels',
      'LABELS.txt',
      '--top',
      '1',
      ...options,
    )
    expect(stdout).toMatch(new RegExp(`photos/red.png +[\\d.]+% +${name}\n`))
  })

  it('goes on after a picture that can’t be read, and ends in 1', async () => {
    write('bad/a.png', 'no picture')
    write('bad/b.png', await pictureOf('red'))
    const { code, stdout } = await classify(MODEL, 'bad', '--top', '1')
    expect(linesOf(stdout)[0]).toMatch(/^bad\/a.png: is not a JPEG, PNG or WebP image/)
    expect(linesOf(stdout)[1]).toMatch(/^bad\/b.png +98\.7% +red$/)
    expect(stdout).toContain('1 could not be classified')
    expect(code).toBe(1)
  })
})

describe('bad input is one line', () => {
  const empty = join(folder, 'empty')
  mkdirSync(empty)
  const eyes = defineNetwork('eyes', {
    inputs: { images: [8, 8, 3] },
    layers: [conv('a', { filters: 2, kernel: 3 })],
  })
  write('eyes.onnx', onnxModel(eyes, initialize(eyes, { seed: 1 }), { layout: 'NCHW' }))
  write('short.txt', 'red\ngreen\n')

  it.each([
    [[MODEL, 'gone.png'], "gone.png: can't be read: it does not exist"],
    [[MODEL, 'empty'], 'empty: this folder has no picture: no .jpg, .jpeg, .png or .webp file'],
    [[MODEL, 'photos/*.gif'], 'photos/*.gif: no file fits this pattern'],
    [['resnet18', 'photos'], 'resnet18 has no weights of its own; give --weights <file>'],
    [['gone.onnx', 'photos'], "gone.onnx: can't be read: it does not exist"],
    [['photos/red.png', 'photos'], 'photos/red.png: '],
    [[ONNX, 'photos', '--labels', 'short.txt'], 'short.txt: 2 names, but the model knows 3 classes'],
    [[ONNX, 'photos', '--labels', 'gone.txt'], "gone.txt: can't be read: it does not exist"],
    [
      [ONNX, 'photos', '--preprocess', 'imagnet'],
      "unknown value of --preprocess 'imagnet'; did you mean 'imagenet'?",
    ],
    [[ONNX, 'photos', '--preprocess', 'from-model'], 'the model does not say how its images are prepared'],
    [[ONNX, 'photos', '--mean', '1,x'], "--mean is '1,x'; it must be a number, or one for each channel"],
    [[ONNX, 'photos', '--mean', '1,2'], '3 channels need as many means and sds over 0'],
    [[ONNX, 'photos', '--range', '255'], "--range is '255'; it must be two numbers such as 0..1"],
    [[ONNX, 'photos', '--resize', '4'], 'resize 4 is smaller than the crops of 8'],
    [[ONNX, 'photos', '--resize', 'big'], "--resize is 'big'; it must be a positive integer, or none"],
    [[ONNX, 'photos', '--lables', 'x'], "unknown option '--lables'; did you mean '--labels'?"],
    [[ONNX, 'photos', '--json', ONNX], `--json is '${ONNX}', which is read too`],
    [[ONNX, 'photos/red.png', '--html', 'photos/red.png'], "--html is 'photos/red.png', which is read too"],
    [['eyes.onnx', 'photos'], "eyes.onnx: its output 'a' is no vector of classes"],
    [[ONNX], "missing required argument 'photo'"],
  ])('classify %j', async (words, message) => {
    const { code, stdout, stderr } = await classify(...words)
    expect(stderr).toContain(message)
    expect(linesOf(stderr)).toHaveLength(1)
    expect({ code: code === 1 || code === 2, stdout }).toEqual({ code: true, stdout: '' })
  })

  it.each([
    [[MODEL, 'photos', '--out', 'x/y.safetensors'], "x/y.safetensors: can't be written: its folder 'x'"],
    [
      [MODEL, 'photos', '--layer', 'men', '--out', 'f.safetensors'],
      "unknown layer 'men'; did you mean 'mean'?",
    ],
    [[MODEL, 'photos'], "required option '--out <file>' not specified"],
  ])('embed %j', async (words, message) => {
    const { code, stderr } = await embed(...words)
    expect(stderr).toContain(message)
    expect(linesOf(stderr)).toHaveLength(1)
    expect(code).toBe(2)
  })
})

describe('embed', () => {
  it('writes the features of each picture, and which they are', async () => {
    const { code, stdout } = await embed(MODEL, 'photos/*.png', '--out', 'f.safetensors')
    expect(stdout).toBe('3 pictures: mean [1, 1, 3] of each written to f.safetensors\n')
    const { tensors, metadata } = decodeSafetensors(read('f.safetensors'), 'f.safetensors')
    const { shape, data } = tensors.get('features')!
    expect(shape).toEqual([3, 1, 1, 3])
    expect([...data]).toEqual([0, 0, 1, 0, 1, 0, 1, 0, 0])
    expect(JSON.parse(metadata['convmark.embedding']!)).toMatchObject({
      model: MODEL,
      layer: 'mean',
      files: ['photos/blue.png', 'photos/green.png', 'photos/red.png'],
    })
    expect(code).toBe(0)
  })

  it('leaves out what can’t be read, and ends in 1', async () => {
    write('half/a.png', 'no picture')
    write('half/b.png', await pictureOf('red'))
    const { code, stderr } = await embed(MODEL, 'half', '--layer', 'fc', '--out', 'g.safetensors')
    expect(stderr).toContain('half/a.png: is not a JPEG, PNG or WebP image')
    const { tensors } = decodeSafetensors(read('g.safetensors'), 'g.safetensors')
    expect([...tensors.get('features')!.data]).toEqual([5, 0, 0])
    expect(code).toBe(1)
  })
})

describe('export keeps what was said of a model', () => {
  const told = ['--labels', 'LABELS.txt', '--preprocess', 'zero-one']
  const exported = (...words: string[]) => inProcess('export', ...words)

  it.each([
    ['a model of convmark', '--model', 'kept.safetensors'],
    ['an ONNX file', '--onnx', 'kept.onnx'],
  ])('in %s', async (_, option, file) => {
    expect(await exported(ONNX, option, file, ...told)).toMatchObject({
      code: 0,
      stdout: `colours written to ${file}\n`,
    })
    const { stdout } = await classify(file, 'photos/red.png', '--top', '1')
    expect(stdout).toMatch(/^photos\/red.png +98\.7% +rouge\n$/)
  })

  it('and what a model’s file said already', async () => {
    await exported(MODEL, '--onnx', 'again.onnx')
    expect((await classify('again.onnx', 'photos/blue.png', '--top', '1')).stdout).toMatch(/98\.7% +blue\n$/)
  })

  it('and says what it had to assume', async () => {
    const { stdout } = await exported(ONNX, '--model', 'assumed.safetensors')
    expect(stdout).toMatch(/^warning: colours.onnx does not say how its images are to be prepared/m)
  })

  it.each([
    [[ONNX, '--safetensors', 'w.safetensors', ...told], '--labels and --preprocess are not of weights alone'],
    [['lenet', '--model', 'm.safetensors'], 'lenet has no weights of its own; give --weights <file>'],
    [[ONNX], 'nothing to write; give --onnx <file>, --model <file> or --safetensors <file>'],
  ])('not %j', async (words, message) => {
    const { code, stderr } = await exported(...words)
    expect(stderr).toContain(message)
    expect(code).toBe(2)
  })
})
