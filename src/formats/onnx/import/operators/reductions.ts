// Means, maxima, sums and norms over rows, columns and channels: poolings with one window along rows and columns, and
// of the channels.
import {
  abs,
  averagePool,
  channelPool,
  clip,
  divide,
  maxPool,
  power,
  scale,
} from '../../../../layers/index.ts'
import type { MakeLayer, Tensor } from '../builder.ts'
import { described, settle } from '../layout.ts'
import { axisOf, type NodeContext, type OperatorImporter } from '../node-context.ts'
import { Refusal } from '../sizes.ts'
import { extentOf, type Value } from '../views.ts'
import { LARGEST_FLOAT } from './activations.ts'

type Over = readonly ('h' | 'w' | 'c')[]

/** A reduction: what is done to each value before, how values are pooled, and what is done to the pool. */
interface Reduction {
  readonly before?: MakeLayer
  readonly mode: 'mean' | 'max' | 'sum'
  readonly after?: MakeLayer
}

const square: MakeLayer = (name, inputs) => power(name, { exponent: 2, ...inputs })
const root: MakeLayer = (name, inputs) => power(name, { exponent: 0.5, ...inputs })

const SUM_OF_SQUARES: Reduction = { before: square, mode: 'sum' }
const L1: Reduction = { before: abs, mode: 'sum' }
const L2: Reduction = { ...SUM_OF_SQUARES, after: root }

/** The axes of the image that some of a value's axes are. Throws Refusal if they are parts of axes, or of the batch. */
function axesOf(value: Value, reduced: ReadonlySet<number>): Over {
  const { axes, shape } = value
  const parts = [...reduced].flatMap((i) => axes[i]!)
  const over = (['h', 'w', 'c'] as const).filter((axis) => parts.some((part) => part.axis === axis))
  const count = (sizes: readonly number[]) => sizes.reduce((product, size) => product * size, 1)
  const isWhole =
    parts.every(({ axis }) => axis !== 'n') &&
    count(parts.map(({ size }) => size)) === count(over.map((axis) => extentOf(shape, axis)))
  if (isWhole) return over
  throw new Refusal(
    `it is over the axes ${[...reduced]} of its input ${described(value)}, which are not whole rows, columns or channels`,
  )
}

/** Layers one after the other, the last of which has the node's name, or `part` if that is given. */
interface Stage {
  readonly part: string
  readonly make: MakeLayer
  readonly parameters?: (input: Tensor) => Readonly<Record<string, Float32Array>>
}

function stagesOf(node: NodeContext, { shape }: Value, over: Over, reduction: Reduction): readonly Stage[] {
  const { before, mode, after } = reduction
  const [rows, columns] = (['h', 'w'] as const).map((axis) =>
    over.includes(axis) ? extentOf(shape, axis) : 1,
  )
  const pixels = rows! * columns!
  const isGlobal = pixels === extentOf(shape, 'h') * extentOf(shape, 'w')
  const kernel = isGlobal ? ('global' as const) : ([rows!, columns!] as const)
  const ofPixels: MakeLayer = (name, inputs) =>
    mode === 'max' ? maxPool(name, { kernel, ...inputs }) : averagePool(name, { kernel, ...inputs })
  const ofChannels: MakeLayer = (name, inputs) => channelPool(name, { mode, ...inputs })
  const ofAll: Stage = {
    part: 'sum',
    make: (name, inputs) => scale(name, { shift: false, trained: false, ...inputs }),
    parameters: (mean) => ({ scale: node.filled(mean, pixels) }),
  }
  // A root of a sum of squares is one layer, which has a gradient where all values are 0.
  if (reduction === L2 && over.join() === 'c')
    return [{ part: 'l2', make: (name, inputs) => channelPool(name, { mode: 'l2', ...inputs }) }]
  return [
    ...(before ? [{ part: 'values', make: before }] : []),
    ...(pixels > 1 ? [{ part: 'pixels', make: ofPixels }] : []),
    ...(over.includes('c') ? [{ part: 'channels', make: ofChannels }] : []),
    ...(mode === 'sum' && pixels > 1 ? [ofAll] : []),
    ...(after ? [{ part: 'root', make: after }] : []),
  ]
}

/** A value, reduced over some of its axes, which stay as extents of 1 if `keeps`. */
function reduced(
  node: NodeContext,
  value: Value,
  axes: ReadonlySet<number>,
  reduction: Reduction,
  { keeps, part }: { readonly keeps: boolean; readonly part?: string },
): Value {
  const stages = stagesOf(node, value, axesOf(value, axes), reduction)
  const output = node.node.outputs[0]
  let made: Tensor = value
  for (const [i, stage] of stages.entries()) {
    const parts = [part, i < stages.length - 1 ? stage.part : undefined].filter((each) => each !== undefined)
    made = node.layer([made], stage.make, stage.parameters?.(made), [output, ...parts].join('/'))
  }
  const remaining = value.axes.flatMap((axis, i) => (axes.has(i) ? (keeps ? [[]] : []) : [axis]))
  return { ...value, ...made, axes: remaining }
}

const importReduction =
  (reduction: Reduction): OperatorImporter =>
  (node) => {
    const value = settle(node, node.value())
    const rank = value.axes.length
    const given = node.integersOf('axes', 1)
    const isAll = given === undefined || given.length === 0
    if (isAll && node.attributes.integer('noop_with_empty_axes', 0) === 1) {
      if (reduction.before) throw new Refusal('it reduces no axis')
      return value
    }
    const axes = isAll ? value.axes.map((_, i) => i) : given.map((axis) => axisOf(axis, rank))
    const keeps = node.attributes.integer('keepdims', 1) === 1
    return reduced(node, value, new Set(axes), reduction, { keeps })
  }

/** Smaller ones are norms of squares that float32 can't hold, or of nothing but zeros, which stay zeros. */
const SMALLEST_NORMS = { 1: 2 ** -126, 2: 2 ** -63 } as const

/** A value over its norm along an axis. */
const importLpNormalization: OperatorImporter = (node) => {
  const value = settle(node, node.value())
  const { attributes } = node
  const axis = axisOf(attributes.integer('axis', -1), value.axes.length)
  const p = attributes.integer('p', 2)
  if (p !== 1 && p !== 2) throw new Refusal(`its p is ${p}`)
  const norm = reduced(node, value, new Set([axis]), p === 1 ? L1 : L2, { keeps: true, part: 'norm' })
  const bounded = node.layerBefore('bounded', [norm], (name, inputs) =>
    clip(name, { min: SMALLEST_NORMS[p], max: LARGEST_FLOAT, ...inputs }),
  )
  return { ...value, ...node.layer([value, bounded], (name, { inputs }) => divide(name, { inputs })) }
}

export const reductionImporters: Readonly<Record<string, OperatorImporter>> = {
  ReduceMean: importReduction({ mode: 'mean' }),
  ReduceMax: importReduction({ mode: 'max' }),
  ReduceSum: importReduction({ mode: 'sum' }),
  ReduceSumSquare: importReduction(SUM_OF_SQUARES),
  ReduceL1: importReduction(L1),
  ReduceL2: importReduction(L2),
  LpNormalization: importLpNormalization,
}
