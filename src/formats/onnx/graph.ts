// What graphs are made of: nodes, their attributes, and constant tensors.
import { elementCount, type Shape } from '../../tensor.ts'
import type { Message } from './messages.ts'

export type OnnxNode = Message<'NodeProto'>
export type OnnxTensor = Message<'TensorProto'>
export type OnnxAttribute = Message<'AttributeProto'>

export const DATA_TYPES = { float: 1, int64: 7 } as const
/** The same for every value: (N, C, H, W) or (N, C). */
export const CHANNEL_AXIS = 1
const ATTRIBUTE_TYPES = { f: 1, i: 2, s: 3, t: 4, ints: 7 } as const

export function node(
  opType: string,
  input: readonly string[],
  output: string,
  attribute: readonly OnnxAttribute[] = [],
): OnnxNode {
  // Each node has one output, so it can have the output's name.
  return { input, output: [output], name: output, opType, attribute }
}

export const transpose = (from: string, to: string, axes: readonly number[]): OnnxNode =>
  node('Transpose', [from], to, [integerList('perm', axes)])

export const float = (name: string, f: number): OnnxAttribute => ({ name, f, type: ATTRIBUTE_TYPES.f })
export const integer = (name: string, i: number): OnnxAttribute => ({ name, i, type: ATTRIBUTE_TYPES.i })
export const text = (name: string, s: string): OnnxAttribute => ({
  name,
  s: new TextEncoder().encode(s),
  type: ATTRIBUTE_TYPES.s,
})
export const integerList = (name: string, ints: readonly number[]): OnnxAttribute => ({
  name,
  ints,
  type: ATTRIBUTE_TYPES.ints,
})

function tensor(
  name: string,
  dims: Shape,
  type: keyof typeof DATA_TYPES,
  values: Float32Array | BigInt64Array,
): OnnxTensor {
  const { buffer, byteOffset, byteLength } = values
  return { dims, dataType: DATA_TYPES[type], name, rawData: new Uint8Array(buffer, byteOffset, byteLength) }
}

export const floats = (name: string, dims: Shape, values: Float32Array): OnnxTensor =>
  tensor(name, dims, 'float', values)

export const integers = (name: string, values: readonly number[]): OnnxTensor =>
  tensor(name, [values.length], 'int64', BigInt64Array.from(values, BigInt))

/** A node that makes a constant, under the tensor's name: of initializers others may think that they are trained. */
export const constantNode = (t: OnnxTensor): OnnxNode =>
  node('Constant', [], t.name!, [{ name: 'value', t, type: ATTRIBUTE_TYPES.t }])

/** A tensor with its axes in another order: axis i of the result is axis `order[i]` of the values. */
export function permuted(
  values: Float32Array,
  shape: readonly [number, number, number, number],
  order: readonly [number, number, number, number],
): Float32Array {
  const pitches = shape.map((_, axis) => elementCount(shape.slice(axis + 1)))
  const extents = order.map((axis) => shape[axis]!)
  const steps = order.map((axis) => pitches[axis]!)
  const result = new Float32Array(values.length)
  let to = 0
  for (let a = 0; a < extents[0]!; a++) {
    for (let b = 0; b < extents[1]!; b++) {
      for (let c = 0; c < extents[2]!; c++) {
        const from = a * steps[0]! + b * steps[1]! + c * steps[2]!
        for (let d = 0; d < extents[3]!; d++) result[to++] = values[from + d * steps[3]!]!
      }
    }
  }
  return result
}
