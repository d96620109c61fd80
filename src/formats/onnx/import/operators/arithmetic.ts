// Sums, differences, products and quotients: of tensors, and of tensors and constants.
import {
  add,
  clip,
  divide,
  maximum,
  minimum,
  multiply,
  power,
  relu,
  scale,
  subtract,
} from '../../../../layers/index.ts'
import type { MakeLayer } from '../builder.ts'
import { described, settle } from '../layout.ts'
import type { NodeContext, OperatorImporter } from '../node-context.ts'
import { Refusal } from '../sizes.ts'
import { extentOf, isWhole, sameAxis, type Value, type ValueAxis } from '../views.ts'

/**
 * The values of all inputs, their axes aligned at the last. Throws Refusal unless one of them has the shape of the result, and the
 * others have it too or lack whole axes of it; `result` is that one.
 */
function broadcastValues(
  node: NodeContext,
  inputs: readonly Value[],
): { readonly values: readonly Value[]; readonly result: Value } {
  const values = inputs.map((value) => settle(node, value))
  const rank = Math.max(...values.map(({ axes }) => axes.length))
  const aligned = values.map((value) => {
    const missing = Array.from({ length: rank - value.axes.length }, (): ValueAxis => [])
    return { ...value, axes: [...missing, ...value.axes] }
  })
  const covers = (large: Value, small: Value) =>
    small.axes.every((axis, i) => axis.length === 0 || sameAxis(axis, large.axes[i]!))
  const largest = aligned.find((large) => aligned.every((small) => covers(large, small)))
  if (!largest)
    throw new Refusal(`its inputs ${values.map(described).join(' and ')} are of different shapes or orders`)
  return { values: aligned, result: largest }
}

/** Of a constant: one number for each channel. */
interface PerChannel {
  readonly value: Value
  readonly constants: Float32Array
  /** Whether they are weights of a layer and no constants of the model. */
  readonly isTrained: boolean
}

/** A value and the constant that is its partner, one number or one for each channel. Throws Refusal for other constants. */
function withConstant(node: NodeContext, valueIndex: number): PerChannel {
  const value = settle(node, node.value(valueIndex))
  const constantIndex = 1 - valueIndex
  const { dims, isWeight = false } = node.constant(constantIndex)
  const values = node.floats(constantIndex)
  const channels = extentOf(value.shape, 'c')
  if (values.length === 1) {
    return { value, constants: node.filled(value, values[0]!), isTrained: false }
  }
  // Before opset 7 an attribute says where the constant's first axis is; else the last ones are aligned.
  const first = node.attributes.has('axis')
    ? node.attributes.integer('axis', 0)
    : value.axes.length - dims.length
  const isPerChannel =
    values.length === channels &&
    dims.every((extent, i) => extent === 1 || (extent === channels && isChannelAxis(value, first + i)))
  if (!isPerChannel)
    throw new Refusal(`its constant [${dims}] is not one number for each channel of ${described(value)}`)
  // What images are normalized by, before any weight, is a constant too.
  const isTrained = isWeight && node.builder.isBehindWeights(value.tensor)
  return { value, constants: values.slice(), isTrained }
}

const isChannelAxis = (value: Value, axis: number): boolean =>
  axis >= 0 && axis < value.axes.length && isWhole(value, axis, 'c')

function scaled(
  node: NodeContext,
  value: Value,
  scales: Float32Array | null,
  shifts: Float32Array | null,
  isTrained = false,
): Value {
  const parameters = {
    scale: scales ?? node.filled(value, 1),
    ...(shifts && { shift: shifts }),
  }
  const options = { ...(!shifts && { shift: false }), ...(!isTrained && { trained: false }) }
  return {
    ...value,
    ...node.layer([value], (name, inputs) => scale(name, { ...options, ...inputs }), parameters),
  }
}

/** The position of the input that is no constant; null if neither is one. */
function onlyValue(node: NodeContext): 0 | 1 | null {
  const isValue = [0, 1].map((i) => node.input(i).kind === 'value')
  if (isValue[0] && isValue[1]) return null
  return isValue[0] ? 0 : 1
}

type Combine =
  | typeof add
  | typeof subtract
  | typeof multiply
  | typeof divide
  | typeof maximum
  | typeof minimum

/** A layer of several values, which are broadcast; more than it takes are combined some at a time, into layers named after a `part`. */
function combinedValues(node: NodeContext, make: Combine, inputs: readonly Value[], part?: string): Value {
  if (inputs.length === 1) return inputs[0]!
  if (inputs.length > MOST_FACTORS && make !== add) {
    const first = combinedValues(node, make, inputs.slice(0, MOST_FACTORS), 'first')
    return combinedValues(node, make, [first, ...inputs.slice(MOST_FACTORS)], part)
  }
  const { values, result } = broadcastValues(node, inputs)
  const layer: MakeLayer = (name, { inputs }) => make(name, { inputs })
  return { ...result, ...(part ? node.layerBefore(part, values, layer) : node.layer(values, layer)) }
}

const combined =
  (make: Combine): OperatorImporter =>
  (node) =>
    combinedValues(
      node,
      make,
      node.inputs.map((_, i) => node.value(i)),
    )

const importAdd: OperatorImporter = (node) => {
  const only = node.inputCount === 2 ? onlyValue(node) : null
  if (only === null) return combined(add)(node)
  const { value, constants, isTrained } = withConstant(node, only)
  return scaled(node, value, null, constants, isTrained)
}

const importMul: OperatorImporter = (node) => {
  const only = onlyValue(node)
  if (only === null) return combined(multiply)(node)
  const { value, constants, isTrained } = withConstant(node, only)
  return scaled(node, value, constants, null, isTrained)
}

const importSub: OperatorImporter = (node) => {
  const only = onlyValue(node)
  if (only === null) return combined(subtract)(node)
  const { value, constants } = withConstant(node, only)
  if (only === 0)
    return scaled(
      node,
      value,
      null,
      constants.map((each) => -each),
    )
  return scaled(node, value, new Float32Array(constants.length).fill(-1), constants)
}

function negated(node: NodeContext, value: Value, output?: string) {
  const parameters = { scale: node.filled(value, -1) }
  const options = { shift: false, trained: false }
  return node.layer([value], (name, inputs) => scale(name, { ...options, ...inputs }), parameters, output)
}

/** A constant over a value: the value's reciprocal times the constant. */
function overValue(node: NodeContext): Value {
  const { value, constants } = withConstant(node, 1)
  const reciprocal = node.layerBefore('reciprocal', [value], (name, inputs) =>
    power(name, { exponent: -1, ...inputs }),
  )
  return scaled(node, { ...value, ...reciprocal }, constants, null)
}

const importDiv: OperatorImporter = (node) => {
  const only = onlyValue(node)
  if (only === null) return combined(divide)(node)
  if (only === 1) return overValue(node)
  const { value, constants } = withConstant(node, 0)
  return scaled(
    node,
    value,
    constants.map((each) => 1 / each),
    null,
  )
}

const MOST_FACTORS = 8

const importPow: OperatorImporter = (node) => {
  const value = node.value()
  const exponent = node.scalar(1, Number.NaN)
  if (exponent === 1) return value
  return { ...value, ...node.layer([value], (name, inputs) => power(name, { exponent, ...inputs })) }
}

const LARGEST_FLOAT = 3.4028234663852886e38

/** The greatest or the least of values and of numbers; a number bounds the values from the side that `bound` says. */
const importExtreme =
  (make: typeof maximum | typeof minimum, bound: 'min' | 'max'): OperatorImporter =>
  (node) => {
    const isValue = node.inputs.map(({ kind }) => kind === 'value')
    const values = isValue.flatMap((is, i) => (is ? [node.value(i)] : []))
    const limits = isValue.flatMap((is, i) => (is ? [] : [node.scalar(i, 0)]))
    if (limits.length === 0) return combinedValues(node, make, values)
    const limit = bound === 'min' ? Math.max(...limits) : Math.min(...limits)
    const value = values.length === 1 ? values[0]! : combinedValues(node, make, values)
    if (bound === 'min' && limit === 0) return { ...value, ...node.layer([value], relu) }
    const options = { min: -LARGEST_FLOAT, max: LARGEST_FLOAT, [bound]: limit }
    return { ...value, ...node.layer([value], (name, inputs) => clip(name, { ...options, ...inputs })) }
  }

export const arithmeticImporters: Readonly<Record<string, OperatorImporter>> = {
  Add: importAdd,
  Sum: importAdd,
  Mul: importMul,
  Sub: importSub,
  Div: importDiv,
  Pow: importPow,
  Neg: (node) => ({ ...node.value(), ...negated(node, node.value()) }),
  // The greater of a value and a number bounds the value from below.
  Max: importExtreme(maximum, 'min'),
  Min: importExtreme(minimum, 'max'),
}
