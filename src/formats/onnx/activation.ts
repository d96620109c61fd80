import type { Activated, Activation } from '../../layers/index.ts'
import { node, type OnnxNode } from './graph.ts'
import type { LayerConverter } from './layer-converter.ts'

const ACTIVATION_OPS: Readonly<Record<Activation, string>> = {
  relu: 'Relu',
  sigmoid: 'Sigmoid',
  tanh: 'Tanh',
}

/** Of a layer that is an activation and nothing else. */
export const activationConverter =
  <Kind extends Activation>(activation: Kind): LayerConverter<Kind> =>
  ({ input, output }) => ({ nodes: [node(ACTIVATION_OPS[activation], [input], output)] })

/**
 * What a layer computes, and the activation after it. `computeInto` makes the node, given the value to write: the layer's
 * output, or `between` where an activation follows.
 */
export function activated(
  { activation }: Activated,
  output: string,
  between: string,
  computeInto: (value: string) => OnnxNode,
): readonly OnnxNode[] {
  if (activation === undefined) return [computeInto(output)]
  return [computeInto(between), node(ACTIVATION_OPS[activation], [between], output)]
}
