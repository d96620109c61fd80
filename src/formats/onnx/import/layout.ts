// Stage 3: what a layer needs to know of where its input's axes are, and the layers that move values where a description of them
// is not enough: a flattened image that is read as a vector, channels that are shuffled, blocks of pixels.
import { channelShuffle, depthToSpace, flatten, spaceToDepth, unflatten } from '../../../layers/index.ts'
import { elementCount } from '../../../tensor.ts'
import type { NodeContext } from './node-context.ts'
import { formatSizes, Refusal, type Size, sameSize } from './sizes.ts'
import {
  extentOf,
  hasLayout,
  isWhole,
  joined,
  LAST_LAYOUTS,
  LAYOUTS,
  type Part,
  reshaped,
  sameAxis,
  sizeOfAxis,
  sizesOf,
  type TensorAxis,
  type Value,
  type ValueAxis,
  valueIn,
  wholeAxis,
} from './views.ts'

const CHANNEL_AXIS = 1

/** Throws Refusal unless the value is an image or a signal, channels first; `rank` is 4 or 3. */
export function asImage(node: NodeContext, value: Value): Value {
  const rank = value.axes.length
  const isImage = (each: Value | null): each is Value =>
    (rank === 4 || rank === 3) && each?.shape.length === 3 && hasLayout(each, LAYOUTS[rank]!)
  const found = settle(node, value)
  const settled = found === value ? (unflattened(node, value) ?? value) : found
  if (isImage(settled)) return settled
  const divided = dividedAnew(node, settled, sizesOf(settled))
  const image = divided && settle(node, divided)
  if (isImage(image)) return image
  throw new Refusal(`its input ${described(value)} is no image (N, C, H, W)`)
}

/**
 * The same for an image whose channels may also be last; `layout` is the one that it has. Its axes are then channels
 * first, too.
 */
export function asImageOfEither(
  node: NodeContext,
  value: Value,
): { readonly image: Value; readonly layout: readonly TensorAxis[] } {
  const rank = value.axes.length
  const [first, last] = [LAYOUTS[rank], LAST_LAYOUTS[rank]]
  const isLast = value.shape.length === 3 && last && hasLayout(value, last) && !hasLayout(value, first!)
  if (!isLast) return { image: asImage(node, value), layout: first! }
  return { image: valueIn(value.tensor, value.shape, first!), layout: last }
}

/** Throws Refusal unless axis 1 are the channels of the network's tensor, as layers have them that work channel by channel. */
export function withChannels(node: NodeContext, value: Value): Value {
  const settled = settle(node, value)
  if (settled.axes.length > CHANNEL_AXIS && isWhole(settled, CHANNEL_AXIS, 'c')) return settled
  throw new Refusal(`axis 1 of its input ${described(value)} are not the channels`)
}

/** `[N, 64, 7, 7]`, for messages. */
export const described = (value: Value): string => formatSizes(sizesOf(value))

/** The parts that divide the channels of `count` from the slowest on, of these sizes. */
function channelParts(sizes: readonly number[]): Part[] {
  return sizes.map((size, i) => ({
    axis: 'c' as const,
    size,
    stride: sizes.slice(i + 1).reduce((total, each) => total * each, 1),
  }))
}

/**
 * The value in a tensor in which each of its axes is a whole one, if there is a layer that moves the values there: a
 * vector, shuffled channels, or pixels that become channels or the reverse. Otherwise the value as it is.
 */
export const settle = (node: NodeContext, value: Value): Value =>
  flattened(node, value) ??
  (isChannelsOfPixel(value) ? null : unflattened(node, value)) ??
  rearranged(node, value)

/**
 * Whether one axis, wherever it is, are all the channels. Only what reads an image, channels first, takes them for its
 * columns.
 */
const isChannelsOfPixel = (value: Value): boolean => value.axes.some((_, axis) => isWhole(value, axis, 'c'))

/** As `settle`, but an image that was flattened stays one: a dense layer reads it as it is. */
export const rearranged = (node: NodeContext, value: Value): Value =>
  shuffled(node, value) ?? spread(node, value) ?? gathered(node, value) ?? value

/** The orders in which a vector has an image's values: as ONNX has images, and as TensorFlow does. */
const VECTOR_ORDERS = {
  CHW: ['c', 'h', 'w'],
  HWC: ['h', 'w', 'c'],
} as const

/** An axis (C, H, W) of an image, or (H, W, C). */
function flattened(node: NodeContext, value: Value): Value | null {
  const { shape, axes } = value
  if (shape.length !== 3) return null
  for (const order of ['CHW', 'HWC'] as const) {
    const whole = joined(VECTOR_ORDERS[order].flatMap((axis) => wholeAxis(shape, axis)))
    if (whole.length < 2) return null
    const position = axes.findIndex((axis) => sameAxis(axis, whole))
    if (position < 0) continue
    const options = order === 'CHW' ? {} : { order }
    const vector = node.layerBefore('flattened', [value], (name, inputs) =>
      flatten(name, { ...options, ...inputs }),
    )
    return { ...value, ...vector, axes: replaced(axes, position, wholeAxis(vector.shape, 'c')) }
  }
  return null
}

/** A vector that a Reshape made an image (N, H, W, C) of, if what reads that first puts the channels second. */
export function unflattenedLast(node: NodeContext, value: Value): Value | null {
  const layout = LAST_LAYOUTS[4]!
  const [batch, ...image] = value.axes as [ValueAxis, ...ValueAxis[]]
  const isVector = extentOf(value.shape, 'h') * extentOf(value.shape, 'w') === 1
  const isImage =
    isVector &&
    value.axes.length === layout.length &&
    sameAxis(batch, wholeAxis(value.shape, 'n')) &&
    sameAxis(joined(image.flat()), wholeAxis(value.shape, 'c'))
  const [height, width] = sizesOf(value).slice(1) as [number, number]
  const [output] = node.node.outputs
  if (!isImage || height * width === 1 || !output || !node.hasLastChannels(output)) return null
  const made = node.layerBefore('image', [value], (name, inputs) =>
    unflatten(name, { height, width, order: 'HWC', ...inputs }),
  )
  return valueIn(made.tensor, made.shape, layout)
}

/** A vector whose channels are those of an image, channel by channel or, where a Transpose put them first, pixel by pixel. */
function unflattened(node: NodeContext, value: Value): Value | null {
  const { shape, axes } = value
  const layout = LAYOUTS[axes.length]
  const isVector = extentOf(shape, 'h') * extentOf(shape, 'w') === 1
  if (!isVector || !layout || axes.length < 3) return null
  const [batch, ...image] = axes as [ValueAxis, ...ValueAxis[]]
  if (!sameAxis(batch, wholeAxis(shape, 'n'))) return null
  const order = (['CHW', 'HWC'] as const).find((each) => {
    const [, ...inOrder] = layout
    const axis = (name: TensorAxis) => image[inOrder.indexOf(name)] ?? []
    return sameAxis(joined(VECTOR_ORDERS[each].flatMap(axis)), wholeAxis(shape, 'c'))
  })
  if (!order) return null
  const size = (axis: TensorAxis) =>
    (axes[layout.indexOf(axis)] ?? []).reduce((product, part) => product * part.size, 1)
  const [height, width] = [size('h'), size('w')]
  if (height * width === 1) return null
  const options = { height, width, ...(order === 'HWC' && { order }) }
  const made = node.layerBefore('image', [value], (name, inputs) =>
    unflatten(name, { ...options, ...inputs }),
  )
  return valueIn(made.tensor, made.shape, layout)
}

/**
 * An image whose values, in ONNX's order, are divided into other extents: by way of a vector. Null if they are in
 * another order.
 */
export function dividedAnew(node: NodeContext, value: Value, sizes: readonly Size[]): Value | null {
  const [batch, ...image] = value.axes as [ValueAxis, ...ValueAxis[]]
  const vector = flattened(node, { ...value, axes: [batch, joined(image.flat())] })
  const axes = vector && reshaped(vector.axes, sizes)
  return axes && { ...vector, axes }
}

/** A value of one pixel as a vector. */
export function asVector(node: NodeContext, value: Value): Value {
  if (value.shape.length < 3) return value
  return { ...value, ...node.layerBefore('flattened', [value], (name, inputs) => flatten(name, inputs)) }
}

/** An axis of channels whose groups' first ones come first, then their second ones. */
function shuffled(node: NodeContext, value: Value): Value | null {
  const { shape, axes } = value
  const position = axes.findIndex((axis) => axis.length === 2 && axis.every((part) => part.axis === 'c'))
  if (position < 0) return null
  const [inner, outer] = axes[position] as [Part, Part]
  const channels = extentOf(shape, 'c')
  const [group, within] = channelParts([outer.size, inner.size])
  if (outer.size * inner.size !== channels || !sameAxis([within!, group!], [inner, outer])) return null
  const moved = node.layerBefore('shuffled', [value], (name, inputs) =>
    channelShuffle(name, { groups: outer.size, ...inputs }),
  )
  return { ...value, ...moved, axes: replaced(axes, position, wholeAxis(shape, 'c')) }
}

/** Channels that become blocks of pixels. */
function spread(node: NodeContext, value: Value): Value | null {
  const { shape, axes } = value
  const rows = axes.findIndex((axis) => startsWith(axis, wholeAxis(shape, 'h')) && endsInChannels(axis))
  const columns = axes.findIndex((axis) => startsWith(axis, wholeAxis(shape, 'w')) && endsInChannels(axis))
  if (shape.length !== 3 || rows < 0 || columns < 0 || rows === columns) return null
  const [row, column] = [axes[rows]!.at(-1)!, axes[columns]!.at(-1)!]
  const channels = extentOf(shape, 'c')
  const block = row.size
  const kept = channels / block ** 2
  if (column.size !== block || !Number.isInteger(kept)) return null
  const others = axes.findIndex(
    (axis, i) => i !== rows && i !== columns && (kept === 1 ? axis.length === 0 : axis[0]?.axis === 'c'),
  )
  if (others < 0) return null
  for (const mode of ['DCR', 'CRD'] as const) {
    const [y, x, c] =
      mode === 'DCR'
        ? channelParts([block, block, kept])
        : (([c, y, x]) => [y!, x!, c!])(channelParts([kept, block, block]))
    const isMode =
      sameAxis([row], [y!]) && sameAxis([column], [x!]) && (kept === 1 || sameAxis(axes[others]!, [c!]))
    if (!isMode) continue
    const moved = node.layerBefore('spread', [value], (name, inputs) =>
      depthToSpace(name, { blockSize: block, mode, ...inputs }),
    )
    return { ...value, ...moved, axes: renamed(moved.shape, axes, { h: rows, w: columns, c: others }) }
  }
  return null
}

const startsWith = (axis: ValueAxis, start: ValueAxis): boolean =>
  axis.length === start.length + 1 && sameAxis(axis.slice(0, -1), start)
const endsInChannels = (axis: ValueAxis): boolean => axis.at(-1)!.axis === 'c'

/** Blocks of pixels that become channels. */
function gathered(node: NodeContext, value: Value): Value | null {
  const { shape, axes } = value
  if (shape.length !== 3) return null
  const [height, width] = [extentOf(shape, 'h'), extentOf(shape, 'w')]
  const inChannels = axes.findIndex(
    (axis) => axis.some((part) => part.axis === 'h') && axis.some((part) => part.axis === 'w'),
  )
  const block = axes[inChannels]?.find((part) => part.axis === 'h')?.size ?? 0
  if (block < 2 || height % block !== 0 || width % block !== 0) return null
  const outer = (axis: 'h' | 'w', extent: number): ValueAxis =>
    extent === block ? [] : [{ axis, size: extent / block, stride: block }]
  const find = (axis: 'h' | 'w', extent: number) =>
    axes.findIndex((each, i) => i !== inChannels && sameAxis(each, outer(axis, extent)))
  const [rows, columns] = [find('h', height), find('w', width)]
  if (rows < 0 || columns < 0 || rows === columns) return null
  const [y, x] = (['h', 'w'] as const).map((axis): Part => ({ axis, size: block, stride: 1 }))
  const channels = wholeAxis(shape, 'c')
  const orders = { DCR: [y!, x!, ...channels], CRD: [...channels, y!, x!] }
  for (const mode of ['DCR', 'CRD'] as const) {
    if (!sameAxis(axes[inChannels]!, orders[mode])) continue
    const moved = node.layerBefore('gathered', [value], (name, inputs) =>
      spaceToDepth(name, { blockSize: block, mode, ...inputs }),
    )
    return { ...value, ...moved, axes: renamed(moved.shape, axes, { h: rows, w: columns, c: inChannels }) }
  }
  return null
}

const replaced = (axes: readonly ValueAxis[], position: number, axis: ValueAxis): ValueAxis[] =>
  axes.map((each, i) => (i === position ? axis : each))

/** The axes at these positions are the new tensor's own. */
const renamed = (
  shape: readonly number[],
  axes: readonly ValueAxis[],
  positions: Readonly<Record<'h' | 'w' | 'c', number>>,
): ValueAxis[] =>
  axes.map((axis, i) => {
    const name = (['h', 'w', 'c'] as const).find((each) => positions[each] === i)
    return name ? wholeAxis(shape, name) : axis
  })

/** Whether an axis has all of an image's values. */
export const hasAll = ({ axes, shape }: Value, position: number): boolean =>
  sameSize(sizeOfAxis(axes[position]!), elementCount(shape))
