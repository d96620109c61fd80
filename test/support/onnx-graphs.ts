// ONNX models made by hand.
import {
  float,
  floats,
  integer,
  integerList,
  integers,
  node,
  type OnnxAttribute,
  type OnnxNode,
  type OnnxTensor,
  text,
} from '../../src/formats/onnx/graph.ts'
import { encodeMessage } from '../../src/formats/onnx/messages.ts'
import { normal } from '../../src/random.ts'
import { elementCount } from '../../src/tensor.ts'

type AttributeValue = number | string | readonly number[]

/** An integer becomes an INT; give a FLOAT by `float`. */
const attributeOf = ([name, value]: [string, AttributeValue | OnnxAttribute]): OnnxAttribute => {
  if (typeof value === 'number') return integer(name, value)
  if (typeof value === 'string') return text(name, value)
  return Array.isArray(value) ? integerList(name, value) : { ...(value as OnnxAttribute), name }
}

/** A node, written as `op('Conv', 'x w -> y', { group: 2 })`; `_` is an input that is left out. */
export function op(
  operator: string,
  flow: string,
  attributes: Readonly<Record<string, AttributeValue | OnnxAttribute>> = {},
): OnnxNode {
  const [inputs, outputs] = flow.split('->').map((side) =>
    side
      .trim()
      .split(/\s+/)
      .filter((name) => name !== '')
      .map((name) => (name === '_' ? '' : name)),
  )
  const made = node(operator, inputs!, outputs![0]!, Object.entries(attributes).map(attributeOf))
  return { ...made, output: outputs! }
}

export const floatAttribute = (value: number): OnnxAttribute => float('', value)

/** A constant of normal values. */
export function weights(name: string, dims: readonly number[]): OnnxTensor {
  const values = new Float32Array(elementCount(dims))
  normal(values, { seed: 5, tensor: name })
  return floats(name, dims, values)
}

export const numbers = (
  name: string,
  values: readonly number[],
  dims: readonly number[] = [values.length],
): OnnxTensor => floats(name, dims, Float32Array.from(values))

export const indices = integers

export interface GraphParts {
  readonly nodes: readonly OnnxNode[]
  readonly constants?: readonly OnnxTensor[]
  /** By name; a text is an open extent. */
  readonly inputs: Readonly<Record<string, readonly (number | string)[]>>
  readonly outputs: readonly string[]
  readonly opset?: number
  readonly elemType?: number
}

export function modelOf({
  nodes,
  constants = [],
  inputs,
  outputs,
  opset = 17,
  elemType = 1,
}: GraphParts): Uint8Array {
  const valueInfo = (name: string, dims: readonly (number | string)[]) => ({
    name,
    type: {
      tensorType: {
        elemType,
        shape: {
          dim: dims.map((extent) =>
            typeof extent === 'number' ? { dimValue: extent } : { dimParam: extent },
          ),
        },
      },
    },
  })
  return encodeMessage('ModelProto', {
    irVersion: 8,
    producerName: 'hand',
    opsetImport: [{ domain: '', version: opset }],
    graph: {
      name: 'made',
      node: nodes,
      initializer: constants,
      input: Object.entries(inputs).map(([name, dims]) => valueInfo(name, dims)),
      output: outputs.map((name) => ({ name })),
    },
  })
}
