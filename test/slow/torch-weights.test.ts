// torchvision's weights here, and ours there: the same results, and no tensor is left over or missing.
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { pyTorchText } from '../../src/formats/pytorch-file.ts'
import {
  decodeSafetensors,
  encodeSafetensors,
  type StoredTensor,
  type Tensor,
} from '../../src/formats/safetensors.ts'
import { recognizeWeights, weightsOf, weightTensors } from '../../src/formats/torch-weights/index.ts'
import { torchNamesOf } from '../../src/formats/torch-weights/names.ts'
import { initializeForTraining, type Network, networkNamed, parametersOf } from '../../src/networks/index.ts'
import { uniform } from '../../src/random.ts'
import { built } from '../support/built.ts'
import { relativeError } from '../support/finite-differences.ts'
import { presentEngines } from '../support/follow-golden.ts'
import { root } from '../support/package.ts'
import { openUntuned } from '../support/untuned.ts'
import { hasTorchvision, PYTHON } from '../support/zoo.ts'

const { openSession } = await built<typeof import('../../src/index.ts')>('index.js')

const MAX_ERROR = 1e-4
const SKIPPED = '(skipped: not installed; apt-get install python3-torchvision)'

/**
 * torchvision's names of the networks; those with dense layers over an image need it as it was published, others take a small one. Without
 * vgg16: vgg-a is made by the same code, and has 133 million parameters too.
 */
const NETWORKS = [
  ['alexnet-torchvision', 'alexnet', 224, 10],
  ['vgg-a', 'vgg11', 224, 10],
  ['resnet18', 'resnet18', 64, 1000],
  ['resnet50', 'resnet50', 64, 10],
  ['googlenet', 'googlenet', 64, 1000],
  ['densenet121', 'densenet121', 64, 10],
  ['squeezenet', 'squeezenet1_1', 64, 10],
  ['mobilenet-v2', 'mobilenet_v2', 64, 1000],
  ['mobilenet-v3-large', 'mobilenet_v3_large', 64, 10],
  ['efficientnet-b0', 'efficientnet_b0', 64, 10],
  ['shufflenet-v2', 'shufflenet_v2_x1_0', 64, 10],
  ['convnext-tiny', 'convnext_tiny', 64, 10],
] as const

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'convmark-torch-weights-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const pathOf = (file: string): string => join(folder, `${file}.safetensors`)

const read = (file: string): ReadonlyMap<string, StoredTensor> =>
  decodeSafetensors(readFileSync(pathOf(file)), file).tensors

/** What PyTorch makes of weights that it draws, or with --load reads. */
function python(...options: readonly string[]): void {
  execFileSync(PYTHON, [join(root, 'scripts/torch-weights.py'), folder, ...options], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
}

/** How far our results are from those in a file, relatively. */
async function errorOf(
  network: Network,
  parameters: Readonly<Record<string, Float32Array>>,
  results: ReadonlyMap<string, StoredTensor>,
): Promise<number> {
  const { shape, data } = results.get('images')!
  const output = results.get('output')!
  const opened = await openUntuned(presentEngines[0]!)
  try {
    await using session = await openSession(network, { batch: shape[0]!, engine: opened, layout: 'nchw' })
    session.write(parameters)
    await session.run({ images: data as Float32Array })
    const logits = network.layers.at(-1)!.inputs[0]!
    return relativeError(session.read(logits), output.data as Float32Array)
  } finally {
    await opened.dispose()
  }
}

/** As a file of these tensors is read. */
const asRead = (tensors: Readonly<Record<string, Tensor>>): ReadonlyMap<string, StoredTensor> =>
  decodeSafetensors(encodeSafetensors(tensors), 'written').tensors

/** Statistics and shifts too are other than those that a training begins with. */
function randomParameters(network: Network): Record<string, Float32Array> {
  const parameters = initializeForTraining(network, { seed: 11 })
  for (const [name, { shape }] of Object.entries(parametersOf(network))) {
    const values = parameters[name]!
    if (shape.length > 1) continue
    uniform(values, { seed: 11, tensor: name })
    for (let i = 0; i < values.length; i++) values[i]! += 0.5
  }
  return parameters
}

describe.skipIf(!hasTorchvision)(`torchvision's weights ${SKIPPED}`, () => {
  it.each(NETWORKS)('%s: its results here, and ours there', async (name, theirs, imageSize, classes) => {
    const options = [theirs, '--size', `${imageSize}`, '--classes', `${classes}`]
    python(...options)
    const tensors = read(theirs)
    expect(recognizeWeights(tensors)).toEqual({ network: name, classes, names: 'torchvision' })
    const network = networkNamed(name, { classes, imageSize })
    const parameters = weightsOf(network, tensors, theirs)
    expect(await errorOf(network, parameters, read(`${theirs}.results`))).toBeLessThan(MAX_ERROR)

    for (const names of torchNamesOf(name)) {
      const again = weightsOf(network, asRead(weightTensors(network, parameters, names)), names)
      for (const [each, values] of Object.entries(again))
        expect([names, each, relativeError(values, parameters[each]!) < 1e-6]).toEqual([names, each, true])
    }

    const ours = randomParameters(network)
    writeFileSync(pathOf(theirs), encodeSafetensors(weightTensors(network, ours, 'torchvision')))
    python(...options, '--load')
    expect(await errorOf(network, ours, read(`${theirs}.results`))).toBeLessThan(MAX_ERROR)
  })

  it('the Python that converts a .pth file does so', () => {
    mkdirSync(join(folder, 'safetensors'))
    writeFileSync(join(folder, 'safetensors/torch.py'), SAFE_SAVE_FILE)
    const run = (program: string) =>
      execFileSync(PYTHON, ['-c', program], { cwd: folder, env: { ...process.env, PYTHONPATH: folder } })
    run(SHARED_CHECKPOINT)
    const [, program] = pyTorchText('net.pth').split('convert it in Python: ')
    run(program!)
    const tensors = read('net')
    expect(recognizeWeights(tensors)).toEqual({ network: 'squeezenet', classes: 4, names: 'torchvision' })
    expect(weightsOf(networkNamed('squeezenet', { classes: 4 }), tensors, 'net')).toBeTruthy()
  })
})

/** As DataParallel and a training save it: a checkpoint, in which two tensors share memory. */
const SHARED_CHECKPOINT = `
import torch, torchvision
weights = torch.nn.DataParallel(torchvision.models.squeezenet1_1(num_classes=4)).state_dict()
weights['module.classifier.1.bias'] = weights['module.classifier.1.weight'].view(-1)[:4]
torch.save({'state_dict': weights, 'epoch': 3}, 'net.pth')
`

/** In place of the package safetensors: refuses what it refuses, and writes the same format. */
const SAFE_SAVE_FILE = `
import json, struct
def save_file(tensors, path):
    assert all(t.is_contiguous() for t in tensors.values())
    assert len({t.data_ptr() for t in tensors.values()}) == len(tensors)
    header, at = {}, 0
    for name, t in tensors.items():
        size = t.numel() * t.element_size()
        header[name] = {'dtype': 'F32', 'shape': list(t.shape), 'data_offsets': [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    with open(path, 'wb') as file:
        file.write(struct.pack('<Q', len(text)) + text)
        for t in tensors.values():
            file.write(t.numpy().tobytes())
`
