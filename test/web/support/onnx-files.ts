// Small ONNX files for the page, of each kind that it tells apart.
import { onnxModel } from '../../../src/formats/onnx.ts'
import {
  add,
  conv,
  defineNetwork,
  dense,
  globalAveragePool,
  initialize,
  maxPool,
  softmax,
} from '../../../src/index.ts'
import { modelOf, numbers, op, weights } from '../../support/onnx-graphs.ts'

export interface NamedFile {
  readonly name: string
  readonly mimeType: string
  readonly buffer: Buffer
}

export const fileOf = (name: string, content: Uint8Array | string): NamedFile => ({
  name,
  mimeType: 'application/octet-stream',
  buffer: Buffer.from(content),
})

/** A classifier of pictures in ten classes, as convmark exports it. */
export function classifier(options: { readonly batch?: number } = {}): Uint8Array {
  const same = { kernel: 3, padding: 'same' } as const
  const network = defineNetwork('classifier', {
    inputs: { images: [32, 24, 3] },
    layers: [
      conv('a/conv', { filters: 16, ...same, activation: 'relu' }),
      maxPool('a/pool', { kernel: 2, stride: 2, padding: 'valid' }),
      conv('b/conv', { filters: 16, ...same, activation: 'silu' }),
      add('b/add', { inputs: ['b/conv', 'a/pool'] }),
      globalAveragePool('pool'),
      dense('fc', { units: 10 }),
      softmax('shares'),
    ],
  })
  return onnxModel(network, initialize(network, { seed: 1 }), { layout: 'NCHW', ...options })
}

/** As exported for training: another runtime normalizes by the batch. */
export const inTrainingMode = modelOf({
  nodes: [op('BatchNormalization', 'x s b m v -> y m2 v2', { training_mode: 1 }), op('Relu', 'y -> z')],
  constants: ['s', 'b', 'm', 'v'].map((name, i) =>
    numbers(
      name,
      [1, 2, 3].map((each) => each + i),
    ),
  ),
  inputs: { x: ['N', 3, 8, 8] },
  outputs: ['z'],
})

/** Takes images of any size. */
export const anySize = modelOf({
  nodes: [op('Conv', 'x w -> y')],
  constants: [weights('w', [4, 3, 1, 1])],
  inputs: { x: ['N', 3, 'H', 'W'] },
  outputs: ['y'],
})

/** Of two kinds, with operators that have no layer. */
export const unsupported = modelOf({
  nodes: [op('DequantizeLinear', 'x w -> a', { axis: 1 }), op('Unheard', 'a -> b'), op('Unheard', 'b -> y')],
  constants: [weights('w', [3])],
  inputs: { x: [1, 3, 4, 4] },
  outputs: ['y'],
})

export const WEIGHTS_FILE = 'weights.bin'

/** A model whose weights are in a file beside it, and that file. */
export function withExternalData(): { readonly model: Uint8Array; readonly data: Uint8Array } {
  const kernel = weights('w', [4, 3, 1, 1])
  const { rawData: data, ...tensor } = kernel
  const external = {
    ...tensor,
    dataLocation: 1,
    externalData: [
      { key: 'location', value: WEIGHTS_FILE },
      { key: 'offset', value: '0' },
      { key: 'length', value: String(data!.length) },
    ],
  }
  const model = modelOf({
    nodes: [op('Conv', 'x w -> y')],
    constants: [external],
    inputs: { x: [1, 3, 8, 8] },
    outputs: ['y'],
  })
  return { model, data: data! }
}
