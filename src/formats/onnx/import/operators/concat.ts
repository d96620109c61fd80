// Concatenations: of channels, rows, columns or pixels; along a new axis; and of what lies in memory one after the
// other, as a detector's heads do.
import { type ConcatAxis, concat, flatten } from '../../../../layers/index.ts'
import type { Constant } from '../constants.ts'
import { asVector, described, settle } from '../layout.ts'
import { axisOf, type NodeContext, type OperatorImporter } from '../node-context.ts'
import { isNumber, product, Refusal, sameSize } from '../sizes.ts'
import {
  extentOf,
  hasLayout,
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
import { withRank } from './meeting.ts'

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
  return alike.map((value) => withRank(value, rank)) as unknown as readonly [Value, ...Value[]]
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
  if (values.some(({ axes }) => axes[axis]!.some((part) => part.axis === 'n')))
    throw new Refusal('it joins batches')
  const made =
    inTheirLayout(node, values, axis) ??
    longer(node, values, axis) ??
    stacked(node, values, axis) ??
    along(node, values, axis, 'rows') ??
    inARow(node, values, axis)
  if (made) return made
  throw new Refusal(`there is no layer that joins ${values.map(described).join(' and ')} along axis ${axis}`)
}

/** Whether the values are in the same places but along one axis. */
const sameBut = (axis: number, [first, ...others]: readonly [Value, ...Value[]]): boolean =>
  others.every(
    ({ shape, axes }) =>
      shape.length === first.shape.length &&
      axes.every((each, i) => i === axis || sameAxis(each, first.axes[i]!)),
  )

const joinedAlong = (node: NodeContext, values: readonly Value[], axis: ConcatAxis = 'channels') =>
  node.layer(values, (name, { inputs }) => concat(name, { ...(axis !== 'channels' && { axis }), inputs }))

/** Images or signals, channels first: extents of 1 could else be those of another axis. */
function inTheirLayout(node: NodeContext, values: readonly [Value, ...Value[]], axis: number): Value | null {
  const layout = LAYOUTS[values[0].axes.length]
  const areImages = layout && values.every((value) => value.shape.length === 3 && hasLayout(value, layout))
  if (!areImages || axis === 0) return null
  const named = { n: null, c: 'channels', h: 'rows', w: 'columns' } as const
  const found = named[layout[axis]!]
  return found && along(node, values, axis, found)
}

/** Along whatever is longer than 1 in one of the values. */
function longer(node: NodeContext, values: readonly [Value, ...Value[]], axis: number): Value | null {
  for (const way of ['channels', 'pixels', 'rows', 'columns'] as const) {
    const isLonger = values.some(({ shape }) => LONGER[way].some((each) => extentOf(shape, each) > 1))
    const made = isLonger && along(node, values, axis, way)
    if (made) return made
  }
  return null
}

/** The axes of a tensor that become longer, in the order of memory. */
const LONGER: Readonly<Record<ConcatAxis, readonly ('c' | 'h' | 'w')[]>> = {
  channels: ['c'],
  rows: ['h'],
  columns: ['w'],
  pixels: ['h', 'w'],
}

/**
 * What an axis has after its slowest parts, if these are all positions of the tensor's axes, in steps of `stride`; null
 * if they are not.
 */
function afterSlowest(
  { shape, axes }: Value,
  position: number,
  slowest: readonly ('c' | 'h' | 'w')[],
): { readonly stride: number; readonly rest: ValueAxis } | null {
  let rest = axes[position]!
  let stride = 1
  for (const axis of slowest) {
    const extent = extentOf(shape, axis)
    if (extent === 1) continue
    const [part, ...others] = rest
    if (part?.axis !== axis || part.size * part.stride !== extent) return null
    stride = part.stride
    rest = others
  }
  return { stride, rest }
}

/**
 * Values that have the axis as the slowest part of the same axis of their tensors: other parts may follow it, such as
 * anchors and classes.
 */
function along(
  node: NodeContext,
  values: readonly [Value, ...Value[]],
  axis: number,
  way: ConcatAxis,
): Value | null {
  const [first] = values
  if (way !== 'channels' && first.shape.length !== 3) return null
  const divided = values.map((value) => afterSlowest(value, axis, LONGER[way]))
  const [like] = divided
  const isAlike = divided.every(
    (each) => each && like && each.stride === like.stride && sameAxis(each.rest, like.rest),
  )
  // Pixels are counted one by one.
  if (!like || !isAlike || !sameBut(axis, values) || (way === 'pixels' && like.stride > 1)) return null
  const made = joinedAlong(node, values, way)
  const of = LONGER[way].at(-1)!
  const size = extentOf(made.shape, of) / like.stride
  const longest: ValueAxis = size === 1 ? [] : [{ axis: of, size, stride: like.stride }]
  return {
    ...first,
    ...made,
    axes: first.axes.map((each, i) => (i === axis ? joined([...longest, ...like.rest]) : each)),
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
  const made = joinedAlong(node, values)
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
  const rows = values.map((value, i) => inOneVector(node, value, `row${i + 1}`))
  const inner = product(rest(first))
  if (!isNumber(inner)) return null
  const made = joinedAlong(node, rows)
  const count = extentOf(made.shape, 'c') / inner
  const axes = reshaped(
    [wholeAxis(made.shape, 'n'), wholeAxis(made.shape, 'c')],
    [...sizesOf(first).slice(0, axis), count, ...rest(first)],
  )
  return axes && { kind: 'value', ...made, axes }
}

const memoryOrder = ({ shape }: Value): ValueAxis =>
  joined((['n', 'h', 'w', 'c'] as const).flatMap((axis) => wholeAxis(shape, axis)))

/** All values of an image, in the order H, W, C. */
function inOneVector(node: NodeContext, value: Value, part: string): Value {
  const { shape } = value
  if (shape.length < 3) return value
  const isPixel = extentOf(shape, 'h') * extentOf(shape, 'w') === 1
  const make = (name: string, inputs: { readonly inputs: readonly string[] }) =>
    flatten(name, { ...(!isPixel && { order: 'HWC' }), ...inputs })
  return { ...value, ...node.layerBefore(part, [value], make) }
}
