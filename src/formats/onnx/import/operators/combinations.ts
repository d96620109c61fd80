// Several tensors to one, and one to several.
import { channelShuffle, concat, crop, slice } from '../../../../layers/index.ts'
import type { MakeLayer, Tensor } from '../builder.ts'
import { described, settle } from '../layout.ts'
import { axisOf, type NodeContext, type OperatorImporter } from '../node-context.ts'
import { isNumber, Refusal, type Size } from '../sizes.ts'
import { extentOf, isWhole, sizesOf, type Value, wholeAxis } from '../views.ts'
import { importConcat } from './concat.ts'

/** Positions of an axis: `count` of them, from `first` on. */
interface Positions {
  readonly first: number
  readonly count: number
  readonly step: number
}

/**
 * What is at some positions of an axis: channels, rows or columns. Those of rows and of columns are one layer, which is the last.
 * `positions` are by axis; `output` is the name of the result.
 */
function partOf(
  node: NodeContext,
  value: Value,
  positions: ReadonlyMap<number, Positions>,
  output: string | undefined,
): Value {
  const { axes } = value
  const tensorAxisOf = (axis: number) => {
    const found = (['c', 'h', 'w'] as const).find((each) => isWhole(value, axis, each))
    if (found) return found
    throw new Refusal(`axis ${axis} of its input ${described(value)} is not one of channels, rows or columns`)
  }
  const along = new Map([...positions].map(([axis, each]) => [tensorAxisOf(axis), { axis, ...each }]))
  const [channels, rows, columns] = [along.get('c'), along.get('h'), along.get('w')]
  let made = value
  if (channels) {
    made = { ...made, ...channelsOf(node, made, channels, rows || columns ? `${output}/channels` : output) }
  }
  if (rows || columns) {
    const [vertical, horizontal] = [rows ?? all(made, 'h'), columns ?? all(made, 'w')]
    const step = [vertical.step, horizontal.step] as const
    const options = {
      top: vertical.first,
      left: horizontal.first,
      height: vertical.count,
      width: horizontal.count,
      ...(step.some((each) => each !== 1) && { step }),
    }
    made = {
      ...made,
      ...node.layer([made], (name, inputs) => crop(name, { ...options, ...inputs }), {}, output),
    }
  }
  const changed = new Map([...along].map(([name, { axis }]) => [axis, wholeAxis(made.shape, name)]))
  return { ...made, axes: axes.map((axis, i) => changed.get(i) ?? axis) }
}

/** So many channels are taken one by one. */
const FEW_CHANNELS = 4

/** Some channels; `output` names the layer that has them. */
function channelsOf(
  node: NodeContext,
  value: Value,
  { first, count, step }: Positions,
  output?: string,
): Tensor {
  const range =
    (begin: number, end: number): MakeLayer =>
    (name, inputs) =>
      slice(name, { begin, end, ...inputs })
  if (step === 1 || count === 1) return node.layer([value], range(first, first + count), {}, output)
  const size = extentOf(value.shape, 'c')
  // Groups of `step` channels that begin with those that are wanted, or else that end with them
  const begins = [first, first - step + 1]
  const begin = begins.find((each) => each >= 0 && each + count * step <= size)
  if (step > 0 && count > FEW_CHANNELS && begin !== undefined) {
    const groups =
      begin === 0 && count * step === size
        ? value
        : node.layerBefore('groups', [value], range(begin, begin + count * step))
    // The first channel of each group, then the second of each, and so on
    const shuffled = node.layerBefore('shuffled', [groups], (name, inputs) =>
      channelShuffle(name, { groups: count, ...inputs }),
    )
    const from = (first - begin) * count
    return node.layer([shuffled], range(from, from + count), {}, output)
  }
  const each = node.parts(count).map((i) => {
    const channel = first + i * step
    return node.layerBefore(`channel${channel}`, [value], range(channel, channel + 1))
  })
  return node.layer(each, (name, { inputs }) => concat(name, { inputs }), {}, output)
}

const all = ({ shape }: Value, axis: 'h' | 'w'): Positions => ({
  first: 0,
  count: extentOf(shape, axis),
  step: 1,
})

/** The axis that a Split divides, of a tensor of these sizes, and what each output has of it. */
export function splitOf(node: NodeContext, sizes: readonly Size[]) {
  const axis = axisOf(node.attributes.integer('axis', 0), sizes.length)
  const size = sizes[axis]!
  if (!isNumber(size)) throw new Refusal('it splits the batch')
  const { outputs } = node.node
  const each = Math.ceil(size / outputs.length)
  const counts = node.integersOf('split', 1) ?? outputs.map((_, i) => Math.min(each, size - i * each))
  const isWhole = counts.length === outputs.length && counts.reduce((sum, part) => sum + part, 0) === size
  if (!isWhole || counts.some((count) => count < 0))
    throw new Refusal(`it splits ${size} into [${counts}] for ${outputs.length} outputs`)
  let end = 0
  const parts = counts.map((count): Positions => {
    end += count
    return { first: end - count, count, step: 1 }
  })
  return { axis, parts }
}

const importSplit: OperatorImporter = (node) => {
  const value = settle(node, node.value())
  const { axis, parts } = splitOf(node, sizesOf(value))
  return parts.map((part, i) => partOf(node, value, new Map([[axis, part]]), node.node.outputs[i]))
}

/** Attributes before opset 10, inputs from then on. */
export function slicesOf(node: NodeContext, rank: number) {
  const starts = node.integersOf('starts', 1)
  const ends = node.integersOf('ends', 2)
  if (!starts || !ends) throw new Refusal('it has no starts and ends')
  const axes = node.integersOf('axes', 3) ?? starts.map((_, i) => i)
  const steps = node.has(4) ? node.numbers(4) : starts.map(() => 1)
  if ([ends, axes, steps].some(({ length }) => length !== starts.length))
    throw new Refusal('its starts, ends, axes and steps differ in number')
  return starts.map((start, i) => ({
    start,
    end: ends[i]!,
    axis: axisOf(axes[i]!, rank),
    step: steps[i]!,
  }))
}

/** The positions from `start` up to, but not including, `end`, by ONNX's rules for negative and for too large ones. */
function positionsFrom(start: number, end: number, step: number, size: number): Positions {
  // A negative step begins at the last position at most, and ends before the first at the furthest.
  const [least, most] = step > 0 ? [0, size] : [-1, size - 1]
  const inside = (at: number, lowest: number) => Math.min(Math.max(at < 0 ? at + size : at, lowest), most)
  const first = inside(start, 0)
  return { first, count: Math.max(Math.ceil((inside(end, least) - first) / step), 0), step }
}

const importSlice: OperatorImporter = (node) => {
  const value = settle(node, node.value())
  const sizes = sizesOf(value)
  const positions = new Map<number, Positions>()
  for (const { axis, start, end, step } of slicesOf(node, value.axes.length)) {
    const size = sizes[axis]!
    if (!isNumber(size)) {
      if (start === 0 && end >= node.frozenBatch && step === 1) continue
      throw new Refusal('it takes a part of the batch')
    }
    if (step === 0) throw new Refusal('its step is 0')
    const each = positionsFrom(start, end, step, size)
    if (each.first === 0 && each.count === size && step === 1) continue
    if (each.count === 0)
      throw new Refusal(`it takes nothing of axis ${axis} of its input ${described(value)}`)
    positions.set(axis, each)
  }
  return partOf(node, value, positions, node.node.outputs[0])
}

export const combinationImporters: Readonly<Record<string, OperatorImporter>> = {
  Concat: importConcat,
  Split: importSplit,
  Slice: importSlice,
}
