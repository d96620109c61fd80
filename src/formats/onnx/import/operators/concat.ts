// Concatenations: of channels; along a new axis; and of what lies in memory one after the other, as a detector's heads do.
import { concat, spaceToDepth } from '../../../../layers/index.ts'
import type { Constant } from '../constants.ts'
import { asVector, described, settle } from '../layout.ts'
import { axisOf, type NodeContext, type OperatorImporter } from '../node-context.ts'
import { isNumber, product, Refusal, sameSize } from '../sizes.ts'
import {
  extentOf,
  hasLayout,
  isWhole,
  joined,
  LAYOUTS,
  reshaped,
  sameAxis,
  sizesOf,
  type Value,
  type ValueAxis,
  wholeAxis,
} from '../views.ts'
import { constantChannels } from './constant-channels.ts'

/** The values of all inputs, as images or all as vectors, their axes aligned at the last. Throws Refusal for most constants. */
function alignedValues(node: NodeContext): readonly [Value, ...Value[]] {
  const { inputs } = node
  const first = inputs.findIndex(({ kind }) => kind === 'value')
  if (first < 0) throw new Refusal('all its inputs are constants')
  const like = settle(node, node.value(first))
  const values = inputs.map((input, i) => {
    if (input.kind === 'value') return i === first ? like : settle(node, input)
    return channelsOf(node, i, input, like)
  })
  const isMixed =
    values.some(({ shape }) => shape.length < 3) && values.some(({ shape }) => shape.length === 3)
  const isPixel = ({ shape }: Value) => extentOf(shape, 'h') * extentOf(shape, 'w') === 1
  const alike = isMixed && values.every(isPixel) ? values.map((value) => asVector(node, value)) : values
  const rank = Math.max(...alike.map(({ axes }) => axes.length))
  const aligned = alike.map((value) => {
    const missing = Array.from({ length: rank - value.axes.length }, (): ValueAxis => [])
    return { ...value, axes: [...missing, ...value.axes] }
  })
  return aligned as unknown as readonly [Value, ...Value[]]
}

/** A constant that adds channels to an image: one number in all of them, for every image. */
function channelsOf(node: NodeContext, index: number, constant: Constant, like: Value): Value {
  const [number] = constant.kind === 'float' ? constant.values() : []
  const isOne = number !== undefined && node.floats(index).every((each) => each === number)
  const sizes = sizesOf(like)
  const isImage = hasLayout(like, LAYOUTS[4]!) && constant.dims.length === sizes.length
  const [batch, channels, ...rest] = constant.dims
  const isBatch = batch === 1 || batch === node.frozenBatch
  const fits = isImage && isBatch && rest.every((extent, i) => extent === sizes[i + 2])
  if (isOne && fits && channels! > 0)
    return constantChannels(node, like, { count: channels!, number, part: `constant${index + 1}` })
  throw new Refusal(
    `its input ${index + 1} is a constant [${constant.dims}], which is not one number in added channels of ${described(like)}`,
  )
}

export const importConcat: OperatorImporter = (node) => {
  const values = alignedValues(node)
  const axis = axisOf(node.attributes.integer('axis', 1), values[0].axes.length)
  const made = ofChannels(node, values, axis) ?? stacked(node, values, axis) ?? inARow(node, values, axis)
  if (made) return made
  const other = values.find((value) => !isWhole(value, axis, 'c'))
  if (other) throw new Refusal(`axis ${axis} of its input ${described(other)} are not the channels`)
  throw new Refusal(`${values.map(described).join(' and ')} can't be concatenated`)
}

/** Whether the values are in the same places but along one axis. */
const sameBut = (axis: number, [first, ...others]: readonly [Value, ...Value[]]): boolean =>
  others.every(
    ({ shape, axes }) =>
      shape.length === first.shape.length &&
      axes.every((each, i) => i === axis || sameAxis(each, first.axes[i]!)),
  )

const joinedChannels = (node: NodeContext, values: readonly Value[]) =>
  node.layer(values, (name, { inputs }) => concat(name, { inputs }))

function ofChannels(node: NodeContext, values: readonly [Value, ...Value[]], axis: number): Value | null {
  if (!values.every((value) => isWhole(value, axis, 'c')) || !sameBut(axis, values)) return null
  const [first] = values
  const made = joinedChannels(node, values)
  return {
    ...first,
    ...made,
    axes: first.axes.map((each, i) => (i === axis ? wholeAxis(made.shape, 'c') : each)),
  }
}

/** Along an axis of extent 1: it becomes the slower part of the channels, of which each value has an equal share. */
function stacked(node: NodeContext, values: readonly [Value, ...Value[]], axis: number): Value | null {
  const [first] = values
  const channels = extentOf(first.shape, 'c')
  const isShare = (value: Value) => value.axes[axis]!.length === 0 && extentOf(value.shape, 'c') === channels
  if (!values.every(isShare) || !sameBut(axis, values)) return null
  const isOnly = first.axes.flat().every((part) => part.axis !== 'c' || part.size === channels)
  if (!isOnly) return null
  const made = joinedChannels(node, values)
  const stack: ValueAxis = [{ axis: 'c', size: values.length, stride: channels }]
  return { ...first, ...made, axes: first.axes.map((each, i) => (i === axis ? stack : each)) }
}

/** Along the first axis after the batch, of values that lie in memory in their own order. */
function inARow(node: NodeContext, values: readonly [Value, ...Value[]], axis: number): Value | null {
  const [first] = values
  const rest = (value: Value) => sizesOf(value).slice(axis + 1)
  const isAlike = values.every(
    (value) =>
      value.axes.slice(1, axis).every((each) => each.length === 0) &&
      rest(value).every((size, i) => sameSize(size, rest(first)[i]!)) &&
      sameAxis(joined(value.axes.flat()), memoryOrder(value)),
  )
  if (axis === 0 || !isAlike) return null
  const rows = values.map((value, i) => inOnePixel(node, value, `row${i + 1}`))
  const inner = product(rest(first))
  const isOfOneKind = rows.every((row) => row?.shape.length === rows[0]?.shape.length)
  if (!isOfOneKind || !rows[0] || !isNumber(inner)) return null
  const made = joinedChannels(node, rows as Value[])
  const count = extentOf(made.shape, 'c') / inner
  const axes = reshaped(
    [wholeAxis(made.shape, 'n'), wholeAxis(made.shape, 'c')],
    [...sizesOf(first).slice(0, axis), count, ...rest(first)],
  )
  return axes && { kind: 'value', ...made, axes }
}

const memoryOrder = ({ shape }: Value): ValueAxis =>
  joined((['n', 'h', 'w', 'c'] as const).flatMap((axis) => wholeAxis(shape, axis)))

/** All values of an image as the channels of one pixel, in the order H, W, C; null if there is no layer for it. */
function inOnePixel(node: NodeContext, value: Value, part: string): Value | null {
  const { shape } = value
  const [height, width] = [extentOf(shape, 'h'), extentOf(shape, 'w')]
  if (height * width === 1) return value
  if (height !== width) return null
  const make = (name: string, inputs: { readonly inputs: readonly string[] }) =>
    spaceToDepth(name, { blockSize: height, ...inputs })
  return { ...value, ...node.layerBefore(part, [value], make) }
}
