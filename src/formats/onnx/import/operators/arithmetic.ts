// Sums, differences, products, quotients, powers and extremes: of tensors, and of tensors and constants.
import {
  add,
  clip,
  divide,
  exp,
  maximum,
  minimum,
  multiply,
  power,
  relu,
  subtract,
} from '../../../../layers/index.ts'
import { elementCount } from '../../../../tensor.ts'
import type { MakeLayer } from '../builder.ts'
import { described, settle } from '../layout.ts'
import type { NodeContext, OperatorImporter } from '../node-context.ts'
import { Refusal } from '../sizes.ts'
import { extentOf, hasLayout, LAYOUTS, sameAxis, sizesOf, type Value } from '../views.ts'
import { constantTensor, expanded, type Meeting, meet, scaledBy, withRank } from './meeting.ts'

/**
 * The values of all inputs, their axes aligned at the last. Throws Refusal unless one of them has the shape of the
 * result, and the others have it too or lack whole axes of it; `result` is that one.
 */
function broadcastValues(
  node: NodeContext,
  inputs: readonly Value[],
): { readonly values: readonly Value[]; readonly result: Value } {
  const values = inputs.map((value) => settle(node, value))
  const rank = Math.max(...values.map(({ axes }) => axes.length))
  const aligned = withWholePixels(
    node,
    values.map((value) => withRank(value, rank)),
  )
  const covers = (large: Value, small: Value) =>
    small.axes.every((axis, i) => axis.length === 0 || sameAxis(axis, large.axes[i]!))
  const largest = aligned.find((large) => aligned.every((small) => covers(large, small)))
  if (!largest)
    throw new Refusal(`its inputs ${values.map(described).join(' and ')} are of different shapes or orders`)
  return { values: aligned, result: largest }
}

/**
 * Layers broadcast pixels. So one row is repeated to as many as others have, and one column likewise, as in coordinate
 * attention.
 */
function withWholePixels(node: NodeContext, values: readonly Value[]): readonly Value[] {
  const layout = LAYOUTS[4]!
  const isImage = (value: Value) => value.shape.length === 3 && hasLayout(value, layout)
  const images = values.filter(isImage)
  const largest = (['h', 'w'] as const).map((axis) =>
    Math.max(...images.map(({ shape }) => extentOf(shape, axis))),
  )
  return values.map((value) => {
    const extents = (['h', 'w'] as const).map((axis) => extentOf(value.shape, axis))
    const isLine = extents.filter((extent) => extent === 1).length === 1
    if (!isImage(value) || !isLine) return value
    const [height, width] = extents.map((extent, i) => (extent === 1 ? largest[i]! : extent))
    return expanded(node, value, [...sizesOf(value).slice(0, 2), height!, width!])
  })
}

/** What has a constant among its two inputs. */
interface WithConstant {
  readonly meeting: Meeting
  /** The value is the first input. */
  readonly isFirst: boolean
}

/** Null if both inputs are values. */
function withConstant(node: NodeContext): WithConstant | null {
  const [isFirst, isSecond] = [0, 1].map((i) => node.input(i).kind === 'value')
  if (isFirst && isSecond) return null
  return { meeting: meet(node, node.value(isFirst ? 0 : 1), isFirst ? 1 : 0), isFirst: isFirst! }
}

type Combine =
  | typeof add
  | typeof subtract
  | typeof multiply
  | typeof divide
  | typeof maximum
  | typeof minimum

/**
 * A layer of several values, which are broadcast; more than it takes are combined some at a time, into layers named
 * after a `part`.
 */
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

/** The inputs that are values, and the positions of those that are constants. */
function sorted(node: NodeContext): {
  readonly values: readonly Value[]
  readonly constants: readonly number[]
} {
  const { inputs } = node
  const values = inputs.flatMap((input) => (input.kind === 'value' ? [input] : []))
  if (values.length === 0) throw new Refusal('all its inputs are constants')
  return { values, constants: inputs.flatMap(({ kind }, i) => (kind === 'value' ? [] : [i])) }
}

/** The sum of all values, then one constant after the other. */
const importAdd: OperatorImporter = (node) => {
  const { values, constants } = sorted(node)
  const last = constants.length - 1
  const sum = combinedValues(node, add, values, last < 0 ? undefined : 'values')
  return constants.reduce((value, index, i) => {
    const meeting = meet(node, value, index)
    const part = i < last ? `sum${i + 1}` : undefined
    return scaledBy(node, meeting.value, { ...meeting, shift: meeting.constants, part })
  }, sum)
}

const importMul: OperatorImporter = (node) => {
  const { meeting } = withConstant(node) ?? {}
  if (!meeting) return combined(multiply)(node)
  return scaledBy(node, meeting.value, { ...meeting, scale: meeting.constants })
}

const importSub: OperatorImporter = (node) => {
  const given = withConstant(node)
  if (!given) return combined(subtract)(node)
  const { value, per, constants } = given.meeting
  const fixed = { per, isTrained: false }
  if (given.isFirst) return scaledBy(node, value, { ...fixed, shift: constants.map((each) => -each) })
  return scaledBy(node, value, { ...fixed, scale: constants.map(() => -1), shift: constants })
}

function negated(node: NodeContext, value: Value) {
  return scaledBy(node, value, { per: 'channel', isTrained: false, scale: node.filled(value, -1) })
}

/** A constant over a value: the value's reciprocal times the constant. */
function overValue(node: NodeContext, { value, per, constants }: Meeting): Value {
  const reciprocal = node.layerBefore('reciprocal', [value], (name, inputs) =>
    power(name, { exponent: -1, ...inputs }),
  )
  return scaledBy(node, { ...value, ...reciprocal }, { per, isTrained: false, scale: constants })
}

const importDiv: OperatorImporter = (node) => {
  const given = withConstant(node)
  if (!given) return combined(divide)(node)
  if (!given.isFirst) return overValue(node, given.meeting)
  const { value, per, constants } = given.meeting
  return scaledBy(node, value, { per, isTrained: false, scale: constants.map((each) => 1 / each) })
}

const MOST_FACTORS = 8

const importPow: OperatorImporter = (node) => {
  if (node.input(0).kind !== 'value') return raisedConstant(node)
  const value = node.value()
  const exponent = node.scalar(1, Number.NaN)
  if (exponent === 1) return value
  return { ...value, ...node.layer([value], (name, inputs) => power(name, { exponent, ...inputs })) }
}

/** A constant to the power of a value: e to the value times the constant's logarithm. */
function raisedConstant(node: NodeContext): Value {
  const { value, per, constants } = meet(node, node.value(1), 0)
  // 1 to any power is 1, but 0 times infinity is NaN; and of a number below 0 only some powers are numbers.
  if (constants.some((each) => !(each > 0 && each !== 1 && each < Number.POSITIVE_INFINITY)))
    throw new Refusal('its base must be finite numbers over 0 other than 1')
  const scale = constants.map(Math.log)
  const exponent = scaledBy(node, value, { per, isTrained: false, scale, part: 'exponent' })
  return { ...value, ...node.layer([exponent], exp) }
}

const LARGEST_FLOAT = 3.4028234663852886e38

/** The greatest or the least of values and of constants; a number bounds the values from the side that `bound` says. */
const importExtreme =
  (make: typeof maximum | typeof minimum, bound: 'min' | 'max'): OperatorImporter =>
  (node) => {
    const { values, constants } = sorted(node)
    const isNumber = (index: number) => elementCount(node.constant(index).dims) === 1
    const limits = constants.filter(isNumber).flatMap((index) => [...node.numbers(index)])
    const tensors = constants.filter((index) => !isNumber(index))
    const hasLimits = limits.length > 0
    const value = [...tensors.entries()].reduce(
      (made, [i, index]) => {
        const meeting = meet(node, made, index)
        const tensor = constantTensor(node, meeting, `constant${index + 1}`)
        const isLast = i === tensors.length - 1 && !hasLimits
        return combinedValues(node, make, [meeting.value, tensor], isLast ? undefined : `extreme${i + 1}`)
      },
      combinedValues(node, make, values, tensors.length > 0 || hasLimits ? 'values' : undefined),
    )
    if (!hasLimits) return value
    const limit = bound === 'min' ? Math.max(...limits) : Math.min(...limits)
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
  Neg: (node) => negated(node, node.value()),
  // The greater of a value and a number bounds the value from below.
  Max: importExtreme(maximum, 'min'),
  Min: importExtreme(minimum, 'max'),
}
