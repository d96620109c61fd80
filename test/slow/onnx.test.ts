import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { type OnnxOptions, onnxModel } from '../../src/formats/onnx.ts'
import {
  conv,
  dense,
  dropout,
  lrn,
  maxPool,
  relu,
  sigmoid,
  softmaxLoss,
  tanh,
} from '../../src/layers/index.ts'
import {
  alexnet,
  alexnetFull,
  defineNetwork,
  initialize,
  initializeImages,
  type Network,
  outputsOf,
  shapeOf,
} from '../../src/networks/index.ts'
import { built } from '../support/built.ts'
import { root } from '../support/package.ts'

// What others make of our models: ONNX Runtime, as peers/ has it, computes what convmark's own session does, and ONNX's
// checker (Debian's python3-onnx) finds nothing. Either is skipped where it is not installed.

const { openSession } = await built<typeof import('../../src/index.ts')>('index.js')

const BATCH = 2
const MAX_RELATIVE_ERROR = 1e-4
/** Large enough for LRN to act, see the design's check. */
const IMAGE_SCALE = 150

const odd = defineNetwork('odd', {
  inputs: { images: [11, 14, 3], labels: [] },
  layers: [
    conv('a', { filters: 8, kernel: [3, 5], stride: [1, 2], padding: 'same' }),
    relu('a-relu'),
    lrn('a-lrn', { radius: 2, alpha: 0.01 }),
    // No window reaches the two rows below
    maxPool('b', { kernel: 2, stride: 4, padding: { top: 0, bottom: 2, left: 1, right: 1 } }),
    conv('c', { filters: 5, kernel: 2, padding: 1, activation: 'relu', inputs: ['a-lrn'] }),
    maxPool('c-pool', { kernel: 3, stride: 2, padding: 'same' }),
    dropout('d'),
    tanh('d-tanh'),
    dense('e', { units: 12, activation: 'sigmoid' }),
    lrn('e-lrn', { radius: 1, alpha: 0.1 }),
    dense('f', { units: 9, activation: 'tanh' }),
    sigmoid('f-sigmoid'),
    dense('logits', { units: 7 }),
    softmaxLoss('loss', { inputs: ['logits', 'labels'] }),
  ],
})

const networks: readonly Network[] = [alexnet(), alexnetFull({ imageSize: 131 }), odd]

function madeOf(network: Network) {
  const parameters = initialize(network, { seed: 7 })
  const images = initializeImages(network, BATCH, { seed: 7 }).images!.map((value) => value * IMAGE_SCALE)
  return { parameters, images }
}

/** What convmark makes of the images, by output. */
async function convmarkOutputs(network: Network): Promise<Readonly<Record<string, Float32Array>>> {
  const { parameters, images } = madeOf(network)
  await using session = await openSession(network, { batch: BATCH, engine: 'wasm@1', algorithm: 'direct' })
  session.write(parameters)
  await session.run({ images })
  return Object.fromEntries(outputsOf(network).map((name) => [name, session.read(name)]))
}

/** (N, H, W, C) to (N, C, H, W), or back. */
function transposed(values: Float32Array, [height, width, channels]: readonly number[], toNchw: boolean) {
  const result = new Float32Array(values.length)
  const imageLength = height! * width! * channels!
  for (let i = 0; i < values.length; i++) {
    const [image, within] = [i - (i % imageLength), i % imageLength]
    const [pixel, channel] = [Math.floor(within / channels!), within % channels!]
    const nchw = image + channel * height! * width! + pixel
    if (toNchw) result[nchw] = values[i]!
    else result[i] = values[nchw]!
  }
  return result
}

const norm = (values: Float32Array) => Math.sqrt(values.reduce((sum, value) => sum + value ** 2, 0))

/** The part of onnxruntime-node that is used here; its own types are with the peers, which need not be installed. */
interface OnnxRuntime {
  readonly InferenceSession: {
    create(model: Uint8Array): Promise<{
      readonly inputNames: readonly string[]
      readonly outputNames: readonly string[]
      run(
        feeds: Readonly<Record<string, unknown>>,
      ): Promise<Readonly<Record<string, { readonly data: Float32Array; readonly dims: readonly number[] }>>>
    }>
  }
  readonly Tensor: new (type: 'float32', data: Float32Array, dims: readonly number[]) => unknown
}

const peers = join(root, 'peers')
const hasRuntime = existsSync(join(peers, 'node_modules/onnxruntime-node'))

describe.skipIf(!hasRuntime)('ONNX Runtime (skipped without peers)', () => {
  const ways: readonly OnnxOptions[] = [
    { layout: 'NHWC' },
    { layout: 'NHWC', batch: BATCH },
    { layout: 'NCHW', batch: BATCH },
  ]

  describe.each(networks.map((network) => [network.name, network] as const))('%s', (_name, network) => {
    it('gives the same outputs, in either layout, for any batch or one', async () => {
      const ort: OnnxRuntime = createRequire(join(peers, 'package.json'))('onnxruntime-node')
      const { parameters, images } = madeOf(network)
      const truths = await convmarkOutputs(network)
      for (const options of ways) {
        const isNchw = options.layout === 'NCHW'
        const runtime = await ort.InferenceSession.create(onnxModel(network, parameters, options))
        expect(runtime.inputNames).toEqual(['images'])
        expect(runtime.outputNames).toEqual(outputsOf(network))
        const [height, width, channels] = network.inputs.images!
        const dims = isNchw ? [BATCH, channels!, height!, width!] : [BATCH, height!, width!, channels!]
        const values = isNchw ? transposed(images, network.inputs.images!, true) : images
        const outputs = await runtime.run({ images: new ort.Tensor('float32', values, dims) })
        for (const [name, truth] of Object.entries(truths)) {
          const shape = shapeOf(network, name)
          const { data } = outputs[name]!
          const found = isNchw && shape.length === 3 ? transposed(data, shape, false) : data
          expect(found).toHaveLength(truth.length)
          const error = norm(found.map((value, i) => value - truth[i]!)) / norm(truth)
          expect(error, `${name} with ${JSON.stringify(options)}`).toBeLessThan(MAX_RELATIVE_ERROR)
        }
      }
    })
  })
})

const PYTHON = '/usr/bin/python3'
const hasChecker = spawnSync(PYTHON, ['-c', 'import onnx']).status === 0

describe.skipIf(!hasChecker)("ONNX's checker (skipped without python3-onnx)", () => {
  const folder = mkdtempSync(join(tmpdir(), 'convmark-onnx-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  it.each(
    networks.flatMap((network) =>
      (['NHWC', 'NCHW'] as const).map((layout) => [network.name, layout, network] as const),
    ),
  )('finds nothing in %s, %s, and infers the shapes that it says', (name, layout, network) => {
    const file = join(folder, `${name}.onnx`)
    writeFileSync(file, onnxModel(network, initialize(network, { seed: 7 }), { layout }))
    const check = 'import onnx, sys; onnx.checker.check_model(onnx.load(sys.argv[1]), full_check=True)'
    execFileSync(PYTHON, ['-c', check, file], { stdio: ['ignore', 'ignore', 'pipe'] })
  })
})
