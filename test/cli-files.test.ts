// Commands with a file where a network is named.
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parseResult } from '../src/bench/result.ts'
import { onnxModel } from '../src/formats/onnx.ts'
import { importOnnx } from '../src/formats/onnx-import.ts'
import { decodeSafetensors, encodeSafetensors, type Tensor } from '../src/formats/safetensors.ts'
import { conv, dense, globalAveragePool, softmax } from '../src/layers/index.ts'
import { defineNetwork, initializeForTraining } from '../src/networks/index.ts'
import { normal } from '../src/random.ts'
import { decodeModel, encodeModel } from '../src/train/model-file.ts'
import type { Ended } from './support/command.ts'
import { inProcess } from './support/in-process.ts'
import { modelOf, numbers, op, weights } from './support/onnx-graphs.ts'
import { ownCache } from './support/own-cache.ts'
import { runPlainly } from './support/plain-network.ts'
import { workingFolder } from './support/working-folder.ts'

ownCache()
const folder = workingFolder()
const convmark = inProcess
const write = (file: string, content: Uint8Array | string): string => {
  writeFileSync(join(folder, file), content)
  return file
}
const read = (file: string) => readFileSync(join(folder, file))
const tensorsOf = (file: string) => decodeSafetensors(read(file), file).tensors
const linesOf = ({ stdout }: Ended): string[] => stdout.trimEnd().split('\n')

/** 10 classes of grey images, 8 x 8. */
const network = defineNetwork('small', {
  inputs: { picture: [8, 8, 1] },
  layers: [
    conv('edges', { filters: 4, kernel: 3, activation: 'relu' }),
    globalAveragePool('mean'),
    dense('logits', { units: 10 }),
    softmax('classes'),
  ],
})

const parameters = initializeForTraining(network, { seed: 5 })
const MODEL = write('small.onnx', onnxModel(network, parameters, { layout: 'NCHW' }))
/** A file that freezes its batch, leaves nothing open and has two inputs, an image and a vector. */
const TWO = write(
  'two.onnx',
  modelOf({
    inputs: { left: [1, 2, 4, 6], right: [1, 2, 4, 6] },
    nodes: [op('Add', 'left right -> sum'), op('Conv', 'sum w -> y')],
    constants: [weights('w', [3, 2, 1, 1])],
    outputs: ['y', 'sum'],
  }),
)
const OPEN = write(
  'open.onnx',
  modelOf({
    inputs: { x: ['N', 2, 'height', 'width'] },
    nodes: [op('Conv', 'x w -> y')],
    constants: [weights('w', [3, 2, 1, 1])],
    outputs: ['y'],
  }),
)
const UNSUPPORTED = write(
  'unsupported.onnx',
  modelOf({
    inputs: { x: ['N', 2, 4, 4] },
    nodes: [op('Det', 'x -> a'), op('Conv', 'x w -> b'), op('NonZero', 'b -> c')],
    constants: [weights('w', [3, 2, 1, 1])],
    outputs: ['a', 'c'],
  }),
)

const values = (tensor: string, shape: readonly number[]): Tensor => {
  const data = new Float32Array(shape.reduce((product, extent) => product * extent, 1))
  normal(data, { seed: 3, tensor })
  return { shape, data }
}
const RUN = ['--engine', 'reference', '--output', 'out.safetensors']
const expectNear = (found: ArrayLike<number | bigint>, expected: ArrayLike<number>) => {
  expect(found.length).toBe(expected.length)
  for (let i = 0; i < found.length; i++) expect(Number(found[i])).toBeCloseTo(expected[i]!, 5)
}

describe('run', () => {
  it("takes and writes an ONNX file's own tensors, with its own weights", async () => {
    const picture = values('picture', [3, 1, 8, 8])
    const input = write('picture.safetensors', encodeSafetensors({ picture }))
    const ended = await convmark('run', MODEL, '--input', input, ...RUN)
    expect(ended).toEqual({ code: 0, stdout: 'classes  [3, 10]\n', stderr: '' })
    const expected = runPlainly(network, 3, { picture: picture.data as Float32Array }, parameters, 'forward')
    const { shape, data } = tensorsOf('out.safetensors').get('classes')!
    expect(shape).toEqual([3, 10])
    expectNear(data, expected.classes!)
    const gradients = await convmark(
      ...['run', MODEL, '--gradients', ...RUN],
      '--input',
      write(
        'labelled.safetensors',
        encodeSafetensors({ picture, labels: { shape: [3], data: BigInt64Array.of(1n, 2n, 9n) } }),
      ),
    )
    expect(gradients).toMatchObject({ code: 0, stderr: '' })
    expect([...tensorsOf('out.safetensors').keys()].sort()).toEqual(
      [
        'classes',
        'edges/biases.gradient',
        'edges/weights.gradient',
        'logits/biases.gradient',
        'logits/weights.gradient',
        'loss',
      ].sort(),
    )
  })

  it('takes several inputs, any batch and channels last', async () => {
    const [left, right] = [values('left', [2, 2, 4, 6]), values('right', [2, 2, 4, 6])]
    await convmark(
      'run',
      TWO,
      '--input',
      write('both.safetensors', encodeSafetensors({ left, right })),
      ...RUN,
    )
    const first = tensorsOf('out.safetensors')
    expect(first.get('y')!.shape).toEqual([2, 3, 4, 6])
    expectNear(
      first.get('sum')!.data,
      Array.from(left.data as Float32Array, (value, i) => Number(value) + Number(right.data[i])),
    )
    const last = (tensor: Tensor): Tensor => ({
      shape: [2, 4, 6, 2],
      data: Float32Array.from({ length: 96 }, (_, i) => {
        const [image, pixel, channel] = [Math.floor(i / 48), Math.floor((i % 48) / 2), i % 2]
        return Number(tensor.data[image * 48 + channel * 24 + pixel])
      }),
    })
    const input = write('last.safetensors', encodeSafetensors({ left: last(left), right: last(right) }))
    const ended = await convmark('run', TWO, '--layout', 'nhwc', '--input', input, ...RUN)
    expect(ended).toEqual({ code: 0, stdout: 'y  [2, 4, 6, 3]\nsum  [2, 4, 6, 2]\n', stderr: '' })
    expectNear(
      tensorsOf('out.safetensors').get('sum')!.data,
      Array.from(last({ ...left, data: first.get('sum')!.data as Float32Array }).data, Number),
    )
  })

  it('takes the size that a file leaves open from its input', async () => {
    const input = write('x.safetensors', encodeSafetensors({ x: values('x', [1, 2, 5, 7]) }))
    const ended = await convmark('run', OPEN, '--input', input, ...RUN)
    expect(ended).toEqual({ code: 0, stdout: 'y  [1, 3, 5, 7]\n', stderr: '' })
  })

  it.each([
    [
      'another shape',
      { picture: values('p', [3, 8, 8, 1]) },
      'picture: its shape is [3, 8, 8, 1], but [N, 1, 8, 8] is expected, N images',
    ],
    ['another name', { images: values('p', [3, 1, 8, 8]) }, 'picture: it is missing; the file has images'],
    [
      'another type',
      { picture: { shape: [1, 1, 8, 8], data: new BigInt64Array(64) } },
      'picture: its dtype is I64, but one of F32, F16, BF16, F64, U8, I8 and I32 is expected',
    ],
  ])('refuses an input of %s', async (what, tensors: Record<string, Tensor>, message) => {
    const input = write(`${what}.safetensors`, encodeSafetensors(tensors))
    expect(await convmark('run', MODEL, '--input', input, ...RUN)).toEqual({
      code: 1,
      stdout: '',
      stderr: `convmark: ${input}: ${message}\n`,
    })
  })

  it('takes an input of any numbers, such as the bytes of a picture', async () => {
    const bytes = Uint8Array.from({ length: 64 }, (_, i) => 4 * i)
    const picture = { shape: [1, 1, 8, 8], data: Float32Array.from(bytes) }
    const asBytes = ({ shape }: Tensor) => {
      const header = JSON.stringify({ picture: { dtype: 'U8', shape, data_offsets: [0, 64] } })
      const length = Buffer.alloc(8)
      length.writeBigUInt64LE(BigInt(header.length))
      return Buffer.concat([length, Buffer.from(header), bytes])
    }
    const results: unknown[] = []
    for (const content of [encodeSafetensors({ picture }), asBytes(picture)]) {
      const input = write('numbers.safetensors', content)
      expect(await convmark('run', MODEL, '--input', input, ...RUN)).toMatchObject({ code: 0, stderr: '' })
      results.push(tensorsOf('out.safetensors').get('classes'))
    }
    expect(results[1]).toEqual(results[0])
  })

  it('never overwrites what it reads', async () => {
    const ended = await convmark('run', MODEL, '--input', 'picture.safetensors', '--output', MODEL)
    expect(ended).toMatchObject({ code: 2, stdout: '' })
    expect(ended.stderr).toContain(`--output is '${MODEL}', which is read too and would be overwritten`)
  })
})

describe('info', () => {
  it('shows a file, what it is and what is in it', async () => {
    const ended = await convmark('info', MODEL)
    expect(ended).toMatchObject({ code: 0, stderr: '' })
    expect(ended.stdout).toMatch(/^small\.onnx: ONNX, opset 17, convmark /m)
    expect(ended.stdout).toMatch(/^edges +conv +\[B, 6, 6, 4\] +40 /m)
    const open = await convmark('info', OPEN)
    expect(open).toMatchObject({ code: 2, stdout: '' })
    expect(open.stderr).toBe(
      "convmark: open.onnx: its input 'x' [N, 2, height, width] leaves the size of the images open; give --image-size 224, or height and width as in --image-size 320x512\n",
    )
    expect((await convmark('info', OPEN, '--image-size', '5x7')).stdout).toMatch(/^y +conv +\[B, 5, 7, 3\] /m)
  })

  it('lists all that is not supported, without failing', async () => {
    const ended = await convmark('info', UNSUPPORTED)
    expect(ended).toMatchObject({ code: 0, stderr: '' })
    expect(ended.stdout).toMatch(/Det/)
    expect(ended.stdout).toMatch(/NonZero/)
    const failed = await convmark('bench', UNSUPPORTED)
    expect(failed).toMatchObject({ code: 1, stdout: '' })
    expect(failed.stderr).toMatch(
      /^convmark: unsupported\.onnx: it can't be imported: Det [^\n]*NonZero [^\n]*\n$/,
    )
    expect((await convmark('info', UNSUPPORTED, '--outputs', 'b')).stdout).toMatch(/^b +conv /m)
    expect(await convmark('info', UNSUPPORTED, '--outputs', 'bb')).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(
        /^convmark: unsupported\.onnx: --outputs: unknown output 'bb'; did you mean 'b'/,
      ),
    })
  })
})

describe('bench', () => {
  it('times and checks a file with its own weights, in both passes', async () => {
    const ended = await convmark(
      ...['bench', MODEL, '--batch', '2', '--batches', '1', '--burn-in', '0', '--engine', 'wasm@1'],
      ...['--algorithm', 'direct', '--json', 'bench.json'],
    )
    expect(ended).toMatchObject({ code: 0, stderr: '' })
    const [head, shape] = linesOf(ended)
    expect(head).toMatch(/^small\.onnx: ONNX, opset 17, convmark /)
    expect(shape).toBe('classes  [2, 10]')
    const { runs } = parseResult(read('bench.json').toString(), 'bench.json')
    for (const run of runs)
      expect(run).toMatchObject({ network: 'small', networkFile: MODEL, check: { passed: true } })
    expect(runs.map(({ pass }) => pass)).toEqual(['forward', 'forward-backward'])
  })

  it('says of nodes in training mode what other runtimes do in them', async () => {
    const model = modelOf({
      inputs: { x: ['N', 2, 4, 4] },
      nodes: [op('BatchNormalization', 'x s b m v -> y m2 v2', { training_mode: 1 })],
      constants: ['s', 'b', 'm', 'v'].map((name) => numbers(name, [1, 2])),
      outputs: ['y'],
    })
    const { stdout } = await convmark('info', write('training.onnx', model))
    expect(stdout).toMatch(
      /^training +1 BatchNormalization: another runtime normalizes by the batch there, convmark not in forward$/m,
    )
    expect((await convmark('info', MODEL)).stdout).not.toMatch(/^training/m)
  })

  it('shows what the import remarks as a warning', async () => {
    const model = modelOf({
      inputs: { x: ['N', 2, 4, 4], w: [3, 2, 1, 1], v: [3, 3, 1, 1] },
      nodes: [op('Conv', 'x w -> sums'), op('Conv', 'sums v -> y')],
      constants: [weights('w', [3, 2, 1, 1]), weights('v', [3, 3, 1, 1])],
      outputs: ['y'],
    })
    const ended = await convmark(
      ...['bench', write('remarked.onnx', model), '--batch', '1', '--batches', '1', '--burn-in', '0'],
      ...['--pass', 'forward', '--engine', 'wasm@1', '--algorithm', 'direct'],
    )
    expect(ended).toMatchObject({ code: 0, stderr: '' })
    expect(ended.stdout).toMatch(/^warning: Forward: 2 constants are also inputs, so other runtimes /m)
  })
})

describe('export, train and evaluate', () => {
  it('an imported network is exported in its own order, for any batch', async () => {
    const ended = await convmark('export', TWO, '--onnx', 'again.onnx')
    expect(ended).toEqual({ code: 0, stdout: 'two written to again.onnx\n', stderr: '' })
    const [before, after] = [await importOnnx(read(TWO)), await importOnnx(read('again.onnx'))]
    expect(after.parameters['y/weights']).toEqual(before.parameters['y/weights'])
    expect(after.notes.inputs).toEqual(before.notes.inputs)
    expect(after.notes.outputs.map(({ name }) => name)).toContain('y')
  })

  it('a file is trained further from its weights, tested, exported with what it learned', async () => {
    const data = ['--data', 'synthetic', '--engine', 'wasm@1']
    const trained = await convmark(
      ...['train', MODEL, ...data, '--epochs', '1', '--batch', '256', '--rate', '1e-9', '--decay', '0'],
      ...['--out', 'trained.safetensors'],
    )
    expect(trained).toMatchObject({ code: 0, stderr: '' })
    expect(trained.stdout).toContain(`${MODEL} does not say how its images are to be prepared; assumed: `)
    const model = decodeModel(read('trained.safetensors'), 'trained.safetensors')
    expectNear(model.parameters['logits/weights']!, parameters['logits/weights']!)
    const tested = await convmark('evaluate', MODEL, ...data)
    expect(tested).toMatchObject({ code: 0, stderr: '' })
    expect(tested.stdout).toMatch(/^top-1 +[\d.]+% /m)
    const exported = await convmark('export', 'trained.safetensors', '--onnx', 'trained.onnx')
    expect(exported).toEqual({ code: 0, stdout: 'small written to trained.onnx\n', stderr: '' })
    const replaced = await convmark(
      'export',
      MODEL,
      '--weights',
      'trained.safetensors',
      '--onnx',
      'both.onnx',
    )
    expect(replaced).toMatchObject({ code: 0, stderr: '' })
    expect((await importOnnx(read('both.onnx'))).notes.inputs[0]!.name).toBe('picture')
  })
})

describe('a file whose input has a name of its own', () => {
  it('is trained, and its name is kept in the model and in what is exported of it', async () => {
    const model = modelOf({
      inputs: { 'x:0': ['N', 1, 8, 8] },
      nodes: [op('Flatten', 'x:0 -> flat'), op('MatMul', 'flat w -> logits:0')],
      constants: [weights('w', [64, 10])],
      outputs: ['logits:0'],
    })
    const file = write('tensorflow.onnx', model)
    const data = ['--data', 'synthetic', '--engine', 'wasm@1']
    const ended = await convmark(
      ...[
        'train',
        file,
        ...data,
        '--epochs',
        '1',
        '--batch',
        '256',
        '--rate',
        '0.001',
        '--out',
        'x.safetensors',
      ],
    )
    expect(ended).toMatchObject({ code: 0, stderr: '' })
    expect(Object.keys(decodeModel(read('x.safetensors'), 'x').network.inputs).sort()).toEqual([
      'labels',
      'x:0',
    ])
    for (const each of [file, 'x.safetensors'])
      expect(await convmark('evaluate', each, ...data)).toMatchObject({ code: 0, stderr: '' })
    await convmark('export', 'x.safetensors', '--onnx', 'x.onnx')
    const { notes } = await importOnnx(read('x.onnx'))
    expect(notes.inputs.map(({ name }) => name)).toEqual(['x:0'])
  })

  it('is not trained if it has several', async () => {
    expect(await convmark('train', TWO, '--data', 'synthetic')).toEqual({
      code: 2,
      stdout: '',
      stderr: `convmark: ${TWO}: its inputs of images are left, right; training and evaluation give one of images and one of labels\n`,
    })
  })
})

describe('a model that train wrote', () => {
  it('is run with its own weights, by its own names and with channels last', async () => {
    const preprocessing = { size: 8, channels: 1, resize: null, normalise: { kind: 'per-image' } } as const
    const model = { network, parameters, classNames: [...'0123456789'], preprocessing }
    const picture = values('picture', [2, 8, 8, 1])
    const ended = await convmark(
      ...['run', write('model.safetensors', encodeModel(model)), ...RUN],
      ...['--input', write('pictures.safetensors', encodeSafetensors({ picture }))],
    )
    expect(ended).toMatchObject({ code: 0, stderr: '' })
    const expected = runPlainly(network, 2, { picture: picture.data as Float32Array }, parameters, 'forward')
    expectNear(tensorsOf('out.safetensors').get('classes')!.data, expected.classes!)
  })
})

describe('a module', () => {
  const NETWORK = JSON.stringify({
    inputs: { images: [4, 4, 1] },
    layers: [
      { kind: 'relu', name: 'a', options: {} },
      { kind: 'l2-loss', name: 'loss', options: {} },
    ],
  })
  const made = (rest: string) =>
    `import { defineNetwork } from ${JSON.stringify(new URL('../dist/index.js', import.meta.url).href)}\n${rest}`

  it('has a network, or a function that makes one', async () => {
    write('net.mjs', made(`export default defineNetwork('mine', ${NETWORK})`))
    expect((await convmark('info', './net.mjs')).stdout).toMatch(/^a +relu +\[B, 4, 4, 1\]/m)
    expect((await convmark('info', 'net.mjs', '--image-size', '3x5')).stdout).toMatch(
      /^a +relu +\[B, 3, 5, 1\]/m,
    )
    write(
      'made.mjs',
      made(
        `export default ({ imageSize: s = 2 }) => defineNetwork('mine', { ...${NETWORK}, inputs: { images: [s, s, 1] } })`,
      ),
    )
    expect((await convmark('info', './made.mjs')).stdout).toMatch(/^a +relu +\[B, 2, 2, 1\]/m)
    expect((await convmark('info', './made.mjs', '--image-size', '6')).stdout).toMatch(
      /^a +relu +\[B, 6, 6, 1\]/m,
    )
  })

  it('is evaluated if it has weights, and refused without', async () => {
    const classifier = `defineNetwork('mine', ${JSON.stringify({
      inputs: { images: [28, 28, 1] },
      layers: [
        { kind: 'dense', name: 'logits', options: { units: 10 } },
        { kind: 'softmax', name: 'classes', options: {} },
      ],
    })})`
    const weighted = `export const parameters = { 'logits/weights': new Float32Array(7840).fill(0.01), 'logits/biases': new Float32Array(10) }`
    write('with.mjs', made(`export default ${classifier}\n${weighted}`))
    write('without.mjs', made(`export default ${classifier}`))
    const evaluated = (file: string) =>
      convmark('evaluate', file, '--data', 'synthetic', '--engine', 'wasm@1')
    const ended = await evaluated('./with.mjs')
    expect(ended).toMatchObject({ code: 0, stderr: '' })
    expect(ended.stdout).toMatch(/^top-1 +[\d.]+% /m)
    expect(await evaluated('./without.mjs')).toEqual({
      code: 2,
      stdout: '',
      stderr: 'convmark: ./without.mjs: it has no weights, so it classifies nothing yet\n',
    })
  })

  it.each([
    ['throws', "throw new Error('no disk')", /^convmark: throws\.mjs:1: it can't be loaded: no disk\n$/],
    [
      'no-network',
      'export default 7',
      /^convmark: no-network\.mjs: its default export is 7; it must be a network, /,
    ],
    ['nothing', 'export const a = 1', /^convmark: nothing\.mjs: its default export is undefined; /],
    // In whose words depends on the loader: Node's, or that of these tests.
    ['syntax', 'export default {', /^convmark: syntax\.mjs(:\d+)?: it can't be loaded: \S[^\n]*\n$/],
  ])('that %s is refused by its name', async (name, text, message) => {
    write(`${name}.mjs`, text)
    const ended = await convmark('info', `${name}.mjs`)
    expect(ended).toMatchObject({ code: 1, stdout: '' })
    expect(ended.stderr).toMatch(message)
  })
})

describe('what is no network', () => {
  const outside = (location: string) => ({
    ...{ name: 'w', dims: [3, 2, 1, 1], dataType: 1, dataLocation: 1 },
    externalData: [{ key: 'location', value: location }],
  })
  const external = (location: string) =>
    modelOf({
      inputs: { x: ['N', 2, 4, 4] },
      nodes: [op('Conv', 'x w -> y')],
      constants: [outside(location)],
      outputs: ['y'],
    })
  const fresh = modelOf({ inputs: { x: ['N', 2] }, nodes: [op('Relu', 'x -> y')], outputs: ['y'], opset: 99 })
  mkdirSync(join(folder, 'folder.onnx'))

  it.each([
    ['page.onnx', '<!doctype html><html>', 1, 'page.onnx: it is a web page, no ONNX model'],
    [
      'lfs.onnx',
      'version https://git-lfs.github.com/spec/v1\n',
      1,
      "lfs.onnx: it is a Git LFS pointer, no ONNX model; get the file itself with 'git lfs pull'",
    ],
    ['empty.onnx', '', 1, 'empty.onnx: it is empty'],
    ['cut.onnx', read(MODEL).subarray(0, 200), 1, /^cut\.onnx: /],
    ['fresh.onnx', fresh, 1, "fresh.onnx: it is of ONNX's opset 99; opsets 1 to 21 are read"],
    [
      'missing.onnx',
      external('weights.bin'),
      1,
      "missing.onnx: weights.bin: can't be read: it does not exist",
    ],
    [
      'elsewhere.onnx',
      external('../weights.bin'),
      1,
      "elsewhere.onnx: it has values in the file '../weights.bin'; only files in the model's own folder are read",
    ],
    ['folder.onnx', null, 2, "folder.onnx: can't be read: it is a folder"],
    ['smal.onnx', null, 2, "smal.onnx: can't be read: it does not exist; did you mean 'small.onnx'?"],
    ['./nowhere/a.onnx', null, 2, "./nowhere/a.onnx: can't be read: it does not exist"],
    ['alexnt', null, 2, /^unknown network 'alexnt'; did you mean 'alexnet'\? \(alexnet, /],
    ['small', null, 2, /^unknown network 'small'[^\n]*; the nearest file here is small\.onnx$/],
    ['text.safetensors', 'hello, world', 1, /^text\.safetensors: its header is said to have /],
  ])('%s', async (file, content, code, message) => {
    if (content !== null) write(file, content)
    const ended = await convmark('info', file)
    expect(ended).toMatchObject({ code, stdout: '' })
    const [line = '', ...more] = ended.stderr.trimEnd().split('\n')
    expect(more).toEqual([])
    const told = line.replace(/^convmark: /, '')
    if (typeof message === 'string') expect(told).toBe(message)
    else expect(told).toMatch(message)
  })

  const picture = () =>
    write('picture.safetensors', encodeSafetensors({ picture: values('p', [1, 1, 8, 8]) }))

  it.each([
    ['info', () => []],
    ['bench', () => ['--batch', '1', '--batches', '1', '--burn-in', '0', '--engine', 'wasm@1']],
    ['run', () => ['--input', picture(), ...RUN]],
  ])('%s: a folder, an empty file and one that is away, each in one line', async (command, words) => {
    mkdirSync(join(folder, `${command}.onnx`))
    write('nothing.onnx', '')
    for (const [file, code, message] of [
      [`${command}.onnx`, 2, "can't be read: it is a folder"],
      ['nothing.onnx', 1, 'it is empty'],
      ['./away/a.onnx', 2, "can't be read: it does not exist"],
    ] as const)
      expect(await convmark(command, file, ...words())).toEqual({
        code,
        stdout: '',
        stderr: `convmark: ${file}: ${message}\n`,
      })
  })

  it('that vanishes while the command reads another one', async () => {
    mkdirSync(join(folder, 'alone'))
    const file = write('alone/a.onnx', read(MODEL))
    const content = read(picture())
    execFileSync('mkfifo', ['slow'], { cwd: folder })
    const ended = convmark('run', file, '--input', 'slow', ...RUN)
    // Opens when the command has begun to read
    const pipe = await open(join(folder, 'slow'), 'w')
    rmSync(join(folder, file))
    await pipe.writeFile(content)
    await pipe.close()
    expect(await ended).toEqual({
      code: 2,
      stdout: '',
      stderr: `convmark: ${file}: can't be read: it does not exist\n`,
    })
  })

  it('options that do not apply are refused', async () => {
    for (const [words, message] of [
      [['info', 'lenet', '--outputs', 'a'], /--outputs cuts ONNX files, and this is a named network/],
      [
        ['info', 'lenet', '--image-size', '28x32'],
        /lenet: its images are square, so --image-size must be one number/,
      ],
      [
        ['info', MODEL, '--image-size', '8x'],
        /--image-size is '8x'; it must be a positive integer, or height and width/,
      ],
      [
        ['run', 'lenet', '--input', 'picture.safetensors', ...RUN],
        /lenet has no weights of its own; give --weights/,
      ],
      [
        ['train', MODEL, '--data', 'synthetic', '--activation', 'elu'],
        /--activation and --without change networks that convmark makes/,
      ],
    ] as const) {
      const ended = await convmark(...words)
      expect(ended).toMatchObject({ code: 2, stdout: '' })
      expect(ended.stderr).toMatch(message)
    }
  })
})
