import {
  type Activated,
  type Activation,
  type ActivationKind,
  type OptionsOfActivation,
  partsOf,
} from '../../layers/index.ts'
import { float, floats, node, type OnnxNode } from './graph.ts'
import type { LayerConverter, OnnxNodes } from './layer-converter.ts'

/** The nodes that compute the value `to` from the value `from`; the values between them are named after `to`. */
type Converter<Options> = (from: string, to: string, options: Options) => OnnxNodes

const alone =
  (op: string): Converter<object> =>
  (from, to) => ({ nodes: [node(op, [from], to)] })

/** A constant that nodes read. */
const scalar = (name: string, value: number) => floats(name, [], Float32Array.of(value))

/** The table kind -> nodes. Opset 17 has no operators for gelu, mish and silu; they are written with others. */
const converters: { readonly [Kind in ActivationKind]: Converter<OptionsOfActivation[Kind]> } = {
  relu: alone('Relu'),
  clip: (from, to, { min, max }) => ({
    nodes: [node('Clip', [from, `${to}/min`, `${to}/max`], to)],
    tensors: [scalar(`${to}/min`, min), scalar(`${to}/max`, max)],
  }),
  'leaky-relu': (from, to, { slope }) => ({
    nodes: [node('LeakyRelu', [from], to, [float('alpha', slope)])],
  }),
  elu: (from, to, { alpha }) => ({ nodes: [node('Elu', [from], to, [float('alpha', alpha)])] }),
  sigmoid: alone('Sigmoid'),
  'hard-sigmoid': (from, to) => ({
    nodes: [node('HardSigmoid', [from], to, [float('alpha', 1 / 6), float('beta', 0.5)])],
  }),
  'hard-swish': alone('HardSwish'),
  silu: (from, to) => ({
    nodes: [node('Sigmoid', [from], `${to}/share`), node('Mul', [from, `${to}/share`], to)],
  }),
  gelu: (from, to, { approximate }) => {
    const value = (end: string) => `${to}/${end}`
    const [half, one] = [value('half'), value('one')]
    const tail = [
      node('Add', [value('odd'), one], value('raised')),
      node('Mul', [value('raised'), half], value('share')),
      node('Mul', [from, value('share')], to),
    ]
    const constants = [scalar(half, 0.5), scalar(one, 1)]
    if (approximate === 'none') {
      const nodes = [
        node('Mul', [from, value('factor')], value('scaled')),
        node('Erf', [value('scaled')], value('odd')),
      ]
      return { nodes: [...nodes, ...tail], tensors: [scalar(value('factor'), Math.SQRT1_2), ...constants] }
    }
    const factor = Math.sqrt(2 / Math.PI)
    const nodes = [
      node('Mul', [from, from], value('square')),
      node('Mul', [value('square'), value('cubic')], value('slope')),
      node('Add', [value('slope'), value('factor')], value('factors')),
      node('Mul', [from, value('factors')], value('scaled')),
      node('Tanh', [value('scaled')], value('odd')),
    ]
    const own = [scalar(value('cubic'), 0.044715 * factor), scalar(value('factor'), factor)]
    return { nodes: [...nodes, ...tail], tensors: [...own, ...constants] }
  },
  tanh: alone('Tanh'),
  softplus: alone('Softplus'),
  mish: (from, to) => ({
    nodes: [
      node('Softplus', [from], `${to}/softplus`),
      node('Tanh', [`${to}/softplus`], `${to}/share`),
      node('Mul', [from, `${to}/share`], to),
    ],
  }),
  abs: alone('Abs'),
  exp: alone('Exp'),
  erf: alone('Erf'),
  power: (from, to, { exponent }) => {
    const operator = OWN_POWERS[exponent]
    if (operator) return alone(operator)(from, to, {})
    return {
      nodes: [node('Pow', [from, `${to}/exponent`], to)],
      tensors: [scalar(`${to}/exponent`, exponent)],
    }
  },
}

/** Exponents that have an operator of their own. */
const OWN_POWERS: Readonly<Record<number, string>> = { 0.5: 'Sqrt', [-1]: 'Reciprocal' }

function convert(activation: Activation, from: string, to: string): OnnxNodes {
  const { kind, options } = partsOf(activation)
  return (converters[kind] as Converter<object>)(from, to, options)
}

/** Converts a layer that is only an activation. */
export const activationConverter =
  <Kind extends ActivationKind>(kind: Kind): LayerConverter<Kind> =>
  ({ input, output, options }) =>
    convert({ kind, ...options } as Activation, input, output)

/**
 * A layer's computation and the activation after it. `computeInto` makes the node, given the value to write: the
 * layer's output, or `between` if an activation follows.
 */
export function activated(
  { activation }: Activated,
  output: string,
  between: string,
  computeInto: (value: string) => OnnxNode,
): Required<OnnxNodes> {
  if (activation === undefined) return { nodes: [computeInto(output)], tensors: [] }
  const { nodes, tensors = [] } = convert(activation, between, output)
  return { nodes: [computeInto(between), ...nodes], tensors }
}
