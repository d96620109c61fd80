// A model of another program that was given a new head: ONNX Runtime makes of its file what convmark makes of it.
import { describe, expect, it } from 'vitest'
import { onnxModel } from '../../src/formats/onnx.ts'
import { importOnnx } from '../../src/formats/onnx-import.ts'
import { initializeImages } from '../../src/networks/index.ts'
import { built } from '../support/built.ts'
import { relativeError } from '../support/finite-differences.ts'
import { type GraphParts, modelOf, op, weights } from '../support/onnx-graphs.ts'
import { hasOnnxRuntime, onnxRuntime } from '../support/onnx-runtime.ts'
import { openUntuned } from '../support/untuned.ts'

const { openSession } = await built<typeof import('../../src/index.ts')>('index.js')
const { asClassifier, logitsOf, replaceHead } =
  await built<typeof import('../../src/train/index.ts')>('train/index.js')

const MAX_ERROR = 1e-5
const BATCH = 2

const HEADS: Readonly<Record<string, GraphParts>> = {
  'a dense layer': {
    nodes: [
      op('Conv', 'pixels w b -> conv'),
      op('Relu', 'conv -> features'),
      op('GlobalAveragePool', 'features -> mean'),
      op('Flatten', 'mean -> flat'),
      op('Gemm', 'flat m c -> scores'),
    ],
    constants: [weights('w', [8, 3, 3, 3]), weights('b', [8]), weights('m', [8, 6]), weights('c', [6])],
    inputs: { pixels: ['N', 3, 7, 7] },
    outputs: ['scores'],
  },
  'a convolution before ReLU, pooling and softmax': {
    nodes: [
      op('Conv', 'pixels w b -> conv'),
      op('Relu', 'conv -> features'),
      op('Conv', 'features m c -> classes'),
      op('Relu', 'classes -> positive'),
      op('GlobalAveragePool', 'positive -> mean'),
      op('Softmax', 'mean -> probabilities', { axis: 1 }),
    ],
    constants: [weights('w', [8, 3, 3, 3]), weights('b', [8]), weights('m', [6, 8, 1, 1]), weights('c', [6])],
    inputs: { pixels: ['N', 3, 7, 7] },
    outputs: ['probabilities'],
  },
}

describe.skipIf(!hasOnnxRuntime)(
  'a new head in ONNX Runtime (skipped: not installed; npm ci --prefix peers --ignore-scripts)',
  () => {
    it.each(Object.entries(HEADS))('%s', async (_, parts) => {
      const before = await importOnnx(modelOf(parts))
      const { network, parameters } = replaceHead(asClassifier(before.network), {
        classes: 4,
        parameters: before.parameters,
      })
      expect(logitsOf(network)).toMatchObject({ classes: 4 })
      const [input] = before.notes.inputs
      const [output] = before.notes.outputs
      const images = initializeImages(network, BATCH, { seed: 3, sd: 1 })[input!.name]!
      const engine = await openUntuned('wasm@1')
      await using own = await openSession(network, { batch: BATCH, engine })
      own.write(parameters)
      await own.run({ [input!.name]: images })

      const { InferenceSession, Tensor } = onnxRuntime()
      const session = await InferenceSession.create(onnxModel(network, parameters, { layout: 'NHWC' }))
      const feeds = { [session.inputNames[0]!]: new Tensor('float32', images, [BATCH, 7, 7, 3]) }
      const found = (await session.run(feeds))[session.outputNames[0]!]!
      expect(relativeError(found.data, own.read(output!.name))).toBeLessThan(MAX_ERROR)
      await engine.dispose()
    })
  },
)
