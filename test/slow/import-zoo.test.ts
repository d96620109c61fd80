// torchvision's networks as PyTorch exports them: imported, run and trained, and compared with PyTorch's own results in float64.
import { beforeAll, describe, expect, it } from 'vitest'
import { decodeMessage } from '../../src/formats/onnx/messages.ts'
import { onnxModel } from '../../src/formats/onnx.ts'
import { importOnnx, type OnnxImport } from '../../src/formats/onnx-import.ts'
import { sgd } from '../../src/optimizers/index.ts'
import { built } from '../support/built.ts'
import { relativeError } from '../support/finite-differences.ts'
import { presentEngines } from '../support/follow-golden.ts'
import { openUntuned } from '../support/untuned.ts'
import { exportZoo, hasTorchvision, type ZooFile } from '../support/zoo.ts'

const { openSession } = await built<typeof import('../../src/index.ts')>('index.js')

const MAX_ERROR = 1e-4
const MAX_GRADIENT_ERROR = 1e-3

/**
 * Each network once or twice, of all opsets, batches open and frozen; small images, which most networks take. Without
 * VGG: vgg11 passes, but its 133 million parameters, a file of 531 MB, cost over a minute of processor time, and it has
 * no layer that AlexNet lacks.
 */
const EXPORTS: readonly { readonly options: string; readonly networks: readonly string[] }[] = [
  // Its pooling to 6 x 6 pixels is no operator of ONNX at other sizes.
  { options: '--size 224 --opset 9 --batch 1', networks: ['alexnet'] },
  {
    options: '--size 64 --opset 9',
    networks: ['googlenet', 'squeezenet1_1', 'efficientnet_b0', 'densenet121'],
  },
  {
    options: '--size 64 --opset 9 --batch 2',
    networks: ['mobilenet_v2', 'shufflenet_v2_x1_0', 'regnet_y_400mf'],
  },
  {
    options: '--size 64 --opset 13',
    networks: ['resnext50_32x4d', 'mnasnet1_0', 'convnext_tiny', 'fcn_resnet50'],
  },
  { options: '--size 96 --opset 13 --batch 1', networks: ['inception_v3'] },
  {
    options: '--size 64 --opset 17',
    networks: ['resnet50', 'mobilenet_v3_large', 'efficientnet_v2_s', 'deeplabv3_mobilenet_v3_large'],
  },
  { options: '--size 64 --opset 17 --batch 3', networks: ['resnet18', 'convnext_tiny'] },
]

/** With batch norm in training mode, as a file has it that is to be trained. */
const TRAINED = ['resnet18', 'mobilenet_v2', 'densenet121']

interface Run extends OnnxImport {
  readonly engine: string
}

async function outputOf({ engine, network, parameters, notes }: Run, input: Float32Array, batch: number) {
  const opened = await openUntuned(engine)
  try {
    await using session = await openSession(network, { batch, engine: opened, layout: 'nchw' })
    session.write(parameters)
    await session.run({ [notes.inputs[0]!.tensor]: input })
    return session.read(notes.outputs[0]!.tensor)
  } finally {
    await opened.dispose()
  }
}

const SKIPPED = '(skipped: not installed; apt-get install python3-torchvision)'

for (const { options, networks } of EXPORTS) {
  describe.skipIf(!hasTorchvision)(`torchvision, ${options} ${SKIPPED}`, () => {
    let file: (name: string) => ZooFile
    beforeAll(() => {
      file = exportZoo(networks, options.split(' '))
    })

    it.each(networks)('%s: PyTorch’s results, and again after an export of ours', async (name) => {
      const { model, tensors } = file(name)
      const [input, output] = ['input', 'output'].map((tensor) => tensors.get(tensor)!)
      const imported = await importOnnx(model)
      const again = await importOnnx(onnxModel(imported.network, imported.parameters, { layout: 'NCHW' }))
      const runs = [
        ...presentEngines.map((engine): Run => ({ engine, ...imported })),
        { engine: presentEngines.at(-1)!, ...again },
      ]
      for (const run of runs) {
        const found = await outputOf(run, input!.data as Float32Array, input!.shape[0]!)
        expect(relativeError(found, output!.data as Float32Array), run.engine).toBeLessThan(MAX_ERROR)
      }
    })
  })
}

/** PyTorch's names of a network's parameters with a gradient, by the network's own names of them. */
function parametersOf(model: Uint8Array, { notes, parameters }: OnnxImport): ReadonlyMap<string, string> {
  const names = new Map<string, string>()
  for (const { opType, input = [], output = [] } of decodeMessage('ModelProto', model).graph?.node ?? []) {
    const tensor = notes.tensors[output[0] ?? '']
    if (!tensor || (opType !== 'Conv' && opType !== 'Gemm')) continue
    for (const [i, part] of [[1, 'weights'] as const, [2, 'biases'] as const])
      if (input[i] && `${tensor}/${part}` in parameters) names.set(`${tensor}/${part}`, input[i])
  }
  return names
}

/** Weights (F, C, KH, KW) or (F, C) of PyTorch as (KH, KW, C, F) or (C, F); biases as they are. */
function inOurOrder({
  data,
  shape,
}: {
  readonly data: ArrayLike<number>
  readonly shape: readonly number[]
}) {
  const [filters, channels = 1, height = 1, width = 1] = shape as [number, ...number[]]
  const pixels = height * width
  return Float32Array.from({ length: data.length }, (_, i) => {
    const [filter, rest] = [i % filters, Math.floor(i / filters)]
    return data[(filter * channels + (rest % channels)) * pixels + Math.floor(rest / channels)]!
  })
}

describe.skipIf(!hasTorchvision)(`torchvision, batch norm in training mode ${SKIPPED}`, () => {
  let file: (name: string) => ZooFile
  beforeAll(() => {
    file = exportZoo(TRAINED, ['--size', '64', '--opset', '13', '--train', '--gradients'])
  })

  it.each(TRAINED)('%s: PyTorch’s results, and its gradients with batch norm frozen', async (name) => {
    const { model, tensors } = file(name)
    const [input, output] = ['input', 'output'].map((tensor) => tensors.get(tensor)!)
    const imported = await importOnnx(model)
    const { network, parameters, notes } = imported
    const names = parametersOf(model, imported)
    // All convolutions and dense layers; the rest of the parameters are batch norm's.
    const weights = [...tensors.values()].filter(({ shape }) => shape.length === 4)
    expect(names.size).toBeGreaterThanOrEqual(weights.length - 1)
    const norms = network.layers.filter(({ layer }) => layer.kind === 'batch-norm')
    expect(norms.length).toBeGreaterThan(0)
    const training = { optimizer: sgd(), freeze: norms.map(({ layer }) => layer.name) }
    for (const engine of presentEngines) {
      const found = await outputOf({ engine, ...imported }, input!.data as Float32Array, input!.shape[0]!)
      expect(relativeError(found, output!.data as Float32Array), engine).toBeLessThan(MAX_ERROR)
      const opened = await openUntuned(engine)
      await using session = await openSession(network, {
        batch: input!.shape[0]!,
        engine: opened,
        pass: 'train',
        training,
        layout: 'nchw',
      })
      session.write(parameters)
      const images = { [notes.inputs[0]!.tensor]: input!.data as Float32Array }
      await session.run(images, { part: 'gradients', rate: 0 })
      for (const [ours, theirs] of names) {
        const truth = inOurOrder(tensors.get(`${theirs}.gradient`) as never)
        expect(relativeError(session.read(`${ours}.gradient`), truth), `${engine} ${theirs}`).toBeLessThan(
          MAX_GRADIENT_ERROR,
        )
      }
    }
  })
})
