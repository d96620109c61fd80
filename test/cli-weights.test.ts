// Weights in the names of PyTorch's libraries, where commands read and write them.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { decodeSafetensors, encodeSafetensors } from '../src/formats/safetensors.ts'
import { recognizeWeights, type WeightNames, weightTensors } from '../src/formats/torch-weights/index.ts'
import { initializeForTraining, networkNamed, parametersOf } from '../src/networks/index.ts'
import { normal } from '../src/random.ts'
import { decodeModel, encodeModel } from '../src/train/model-file.ts'
import { inProcess } from './support/in-process.ts'
import { ownCache } from './support/own-cache.ts'
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

const CLASSES = 3
const network = networkNamed('squeezenet', { classes: CLASSES })
const parameters = initializeForTraining(network, { seed: 5 })
const weightsIn = (names: WeightNames): string =>
  write(`${names}.safetensors`, encodeSafetensors(weightTensors(network, parameters, names)))
const OWN = weightsIn('convmark')
const TORCHVISION = weightsIn('torchvision')

const images = new Float32Array(2 * 32 * 32 * 3)
normal(images, { seed: 3, tensor: 'images' })
const IMAGES = write(
  'images.safetensors',
  encodeSafetensors({ images: { shape: [2, 32, 32, 3], data: images } }),
)
const ENGINE = ['--engine', 'wasm@1']

describe('run', () => {
  it('gives the same results with a library’s names, with ours, and with the file as the network', async () => {
    const outputs: Uint8Array[] = []
    for (const words of [
      ['squeezenet', '--weights', OWN],
      ['squeezenet', '--weights', TORCHVISION],
      [TORCHVISION],
      [OWN],
    ]) {
      const ended = await convmark(
        'run',
        ...words,
        '--input',
        IMAGES,
        '--output',
        'out.safetensors',
        ...ENGINE,
      )
      expect(ended).toMatchObject({ code: 0, stderr: '' })
      expect(ended.stdout).toMatch(/^flatten {2,}\[2, 3\]$/m)
      outputs.push(read('out.safetensors'))
    }
    for (const output of outputs.slice(1)) expect(output).toEqual(outputs[0])
  })
})

describe('info', () => {
  it.each([
    [TORCHVISION, `${TORCHVISION}: weights of squeezenet in torchvision's names, 3 classes`],
    [OWN, `${OWN}: weights of squeezenet, 3 classes`],
  ])('says whose weights are in %s', async (file, line) => {
    expect((await convmark('info', file)).stdout.split('\n')).toContain(line)
    expect((await convmark('info', 'squeezenet', '--weights', file)).stdout.split('\n')).toContain(line)
  })

  it('says what the nearest network’s weights have and a file lacks, or that it has none', async () => {
    const tensors = weightTensors(network, parameters, 'torchvision')
    const { 'classifier.1.weight': _, 'classifier.1.bias': __, ...headless } = tensors
    write('headless.safetensors', encodeSafetensors(headless))
    write('other.safetensors', encodeSafetensors({ a: { shape: [1], data: Float32Array.of(1) } }))
    const neither = 'it is neither a model that convmark trained nor a named network’s weights'.replace(
      '’',
      "'",
    )
    expect(await convmark('info', 'headless.safetensors')).toMatchObject({
      code: 1,
      stderr: `convmark: headless.safetensors: ${neither}; squeezenet's weights in torchvision's names are nearest: 2 missing (classifier.1.weight, classifier.1.bias)\n`,
    })
    expect(await convmark('info', 'other.safetensors')).toMatchObject({
      code: 1,
      stderr: `convmark: other.safetensors: ${neither}\n`,
    })
    expect(await convmark('info', 'resnet18', '--weights', TORCHVISION)).toMatchObject({
      code: 1,
      stderr: `convmark: ${TORCHVISION}: these are squeezenet's weights for 3 classes; expected are resnet18's weights for 1000 classes\n`,
    })
  })
})

describe('export', () => {
  it('writes weights in a library’s names, also those of a trained model', async () => {
    const model = encodeModel({ network, parameters, classNames: ['a', 'b', 'c'], preprocessing: {} })
    write('trained.safetensors', model)
    for (const words of [['trained.safetensors'], ['squeezenet', '--weights', OWN], [OWN]]) {
      const ended = await convmark(
        'export',
        ...words,
        '--safetensors',
        'out.safetensors',
        '--names',
        'torchvision',
      )
      expect(ended).toEqual({
        code: 0,
        stdout: "weights of squeezenet written to out.safetensors, in torchvision's names\n",
        stderr: '',
      })
      expect(tensorsOf('out.safetensors')).toEqual(tensorsOf(TORCHVISION))
      expect(decodeSafetensors(read('out.safetensors'), 'out').metadata).toEqual({ format: 'pt' })
    }
  })

  it('writes a model and weights at once, and neither over what it reads', async () => {
    const ended = await convmark(
      'export',
      TORCHVISION,
      '--onnx',
      'both.onnx',
      '--safetensors',
      'both.safetensors',
    )
    expect(ended).toMatchObject({
      code: 0,
      stdout:
        "squeezenet written to both.onnx\nweights of squeezenet written to both.safetensors, in convmark's names\n",
    })
    expect(recognizeWeights(tensorsOf('both.safetensors'))).toEqual({
      network: 'squeezenet',
      classes: CLASSES,
      names: 'convmark',
    })
    expect(await convmark('export', OWN, '--safetensors', OWN)).toMatchObject({
      code: 2,
      stderr: `convmark: --safetensors is '${OWN}', which is read too and would be overwritten; name another\n`,
    })
  })
})

describe('training and evaluation', () => {
  const lenet = networkNamed('lenet')
  const initial = initializeForTraining(lenet, { seed: 9 })
  const LENET = write('lenet.safetensors', encodeSafetensors(weightTensors(lenet, initial, 'convmark')))

  it('begin with the weights of a file', async () => {
    const hardly = ['--rate', '1e-30', '--momentum', '0', '--decay', '0', '--epochs', '1', '--batch', '512']
    const ended = await convmark(
      ...[
        'train',
        'lenet',
        '--weights',
        LENET,
        '--data',
        'synthetic',
        ...hardly,
        '--out',
        'm.safetensors',
        ...ENGINE,
      ],
    )
    expect(ended).toMatchObject({ code: 0 })
    const { parameters: trained } = decodeModel(read('m.safetensors'), 'm')
    for (const name of Object.keys(parametersOf(lenet)))
      expect([
        name,
        trained[name]!.findIndex((value, i) => Math.abs(value - initial[name]![i]!) > 1e-20),
      ]).toEqual([name, -1])
    const evaluated = await convmark(
      'evaluate',
      'lenet',
      '--weights',
      LENET,
      '--data',
      'synthetic',
      ...ENGINE,
    )
    expect(evaluated).toMatchObject({ code: 0 })
    expect(evaluated.stdout).toMatch(/top-1/)
  })

  it('do not overwrite them', async () => {
    expect(
      await convmark('train', 'lenet', '--weights', LENET, '--data', 'synthetic', '--out', LENET),
    ).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('which is read too and would be overwritten'),
    })
  })
})

describe('PyTorch’s own files', () => {
  const PTH = write('net.pth', Uint8Array.of(0x50, 0x4b, 3, 4, 0, 0, 8, 8, 0, 0, 0, 0))
  it.each([
    ['info', PTH],
    ['run', PTH, '--input', IMAGES, '--output', 'none.safetensors'],
    ['run', 'squeezenet', '--weights', PTH, '--input', IMAGES, '--output', 'none.safetensors'],
    ['export', 'squeezenet', '--weights', PTH, '--onnx', 'none.onnx'],
    ['evaluate', PTH, '--data', 'synthetic'],
    ['train', 'lenet', '--weights', PTH, '--data', 'synthetic'],
    ['bench', PTH],
  ])('are refused by %s with what converts them', async (...words) => {
    const ended = await convmark(...words)
    expect(ended).toMatchObject({ code: 1, stdout: '' })
    expect(ended.stderr).toMatch(
      /^convmark: net\.pth: PyTorch saved it [^\n]*torch\.load\('net\.pth'[^\n]*'net\.safetensors'\)\n$/,
    )
  })
})
