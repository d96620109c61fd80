// ONNX's own test cases (Debian's libonnx-testdata): a model, and inputs with the outputs that belong to them.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Constant, numbersOf, storedConstant } from '../../src/formats/onnx/import/constants.ts'
import { decodeMessage, encodeMessage, type Message } from '../../src/formats/onnx/messages.ts'
import type { OnnxTensorNote } from '../../src/formats/onnx-import.ts'
import { asImageShape, type Shape } from '../../src/tensor.ts'

const FOLDER = '/usr/share/libonnx-testdata/data'
export const hasOnnxCases = existsSync(FOLDER)

export type Suite = 'node' | 'pytorch-converted' | 'pytorch-operator' | 'simple'

export const casesOf = (suite: Suite): string[] =>
  hasOnnxCases ? readdirSync(join(FOLDER, suite)).map((name) => name.replace(/^test_/, '')) : []

export interface OnnxCase {
  readonly model: Message<'ModelProto'>
  /** The operators of its nodes. */
  readonly operators: readonly string[]
  readonly inputs: readonly Message<'TensorProto'>[]
  readonly outputs: readonly Message<'TensorProto'>[]
}

export function readCase(suite: Suite, name: string): OnnxCase {
  const folder = join(FOLDER, suite, `test_${name}`)
  const model = decodeMessage('ModelProto', readFileSync(join(folder, 'model.onnx')))
  const data = join(folder, 'test_data_set_0')
  const tensors = (kind: string) =>
    readdirSync(data)
      .filter((file) => file.startsWith(kind))
      .sort((a, b) => Number(a.match(/\d+/)) - Number(b.match(/\d+/)))
      .map((file) => decodeMessage('TensorProto', readFileSync(join(data, file))))
  return {
    model,
    operators: (model.graph?.node ?? []).map(({ opType = '' }) => opType),
    inputs: tensors('input'),
    outputs: tensors('output'),
  }
}

/** The model with some of its inputs, by position, as constants of the file. */
export function withConstants({ model, inputs }: OnnxCase, positions: readonly number[]): Uint8Array {
  const graph = model.graph!
  const constants = positions.map((i) => ({ ...inputs[i]!, name: graph.input![i]!.name ?? '' }))
  return encodeMessage('ModelProto', {
    ...model,
    graph: { ...graph, initializer: [...(graph.initializer ?? []), ...constants] },
  })
}

export const numbersIn = (tensor: Message<'TensorProto'>): readonly number[] =>
  numbersOf(storedConstant(tensor) as Constant, tensor.name ?? '')

type Layout = OnnxTensorNote['layout']

/** Values in the file's order as convmark has them; `shape` is the network's, of one image. Others than images are the same. */
export const fromFile = (values: ArrayLike<number>, shape: Shape, layout: Layout): Float32Array =>
  layout === 'NCHW' ? reordered(values, shape, true) : Float32Array.from(values)

/** The reverse. */
export const toFile = (values: ArrayLike<number>, shape: Shape, layout: Layout): Float32Array =>
  layout === 'NCHW' ? reordered(values, shape, false) : Float32Array.from(values)

function reordered(values: ArrayLike<number>, shape: Shape, isToLast: boolean): Float32Array {
  const [height, width, channels] = asImageShape(shape)
  const pixels = height * width
  const result = new Float32Array(values.length)
  for (let image = 0; image < values.length; image += pixels * channels) {
    for (let c = 0; c < channels; c++) {
      for (let p = 0; p < pixels; p++) {
        const [first, last] = [image + c * pixels + p, image + p * channels + c]
        if (isToLast) result[last] = values[first]!
        else result[first] = values[last]!
      }
    }
  }
  return result
}
