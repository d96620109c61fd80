// Constants that meet a value: numbers, and numbers for each channel, pixel or value of an image; and values that are
// repeated to meet what is larger.
import {
  clip,
  concat,
  relu,
  resize,
  type ScalePer,
  scale,
  slice,
  unflatten,
} from '../../../../layers/index.ts'
import type { MakeLayer } from '../builder.ts'
import { described, settle } from '../layout.ts'
import type { NodeContext } from '../node-context.ts'
import { formatSizes, isNumber, Refusal, type Size, sameSize } from '../sizes.ts'
import {
  extentOf,
  hasLayout,
  LAYOUTS,
  positionsOf,
  sizesOf,
  type TensorAxis,
  type Value,
  type ValueAxis,
  valueIn,
} from '../views.ts'

/** A value and the constants that it meets: one for each channel, pixel or value of an image. */
export interface Meeting {
  readonly value: Value
  readonly per: ScalePer
  readonly constants: Float32Array
  /** Whether they are weights of a layer and no constants of the model. */
  readonly isTrained: boolean
}

/** With axes of extent 1 before its own, so that they are `rank`. */
export function withRank(value: Value, rank: number): Value {
  const missing = Array.from({ length: rank - value.axes.length }, (): ValueAxis => [])
  return { ...value, axes: [...missing, ...value.axes] }
}

/**
 * A value and the node's constant input at `index`. The value is repeated where it has an extent of 1 and the constant
 * more. Throws Refusal if they don't fit.
 */
export function meet(node: NodeContext, given: Value, index: number): Meeting {
  const { dims, isWeight = false } = node.constant(index)
  const values = node.floats(index)
  const settled = settle(node, given)
  // Before opset 7 an attribute says where the constant's first axis is; else the last ones are aligned.
  const first = node.attributes.has('axis') ? node.attributes.integer('axis', 0) : null
  const value = first === null ? withRank(settled, dims.length) : settled
  if (values.length === 1)
    return { value, per: 'channel', constants: node.filled(value, values[0]!), isTrained: false }
  const before = first ?? value.axes.length - dims.length
  const after = value.axes.length - before - dims.length
  const refuse = (): never => {
    throw new Refusal(`its constant [${dims}] does not fit ${described(value)}`)
  }
  if (before < 0 || after < 0) refuse()
  const ones = (count: number) => Array.from({ length: count }, () => 1)
  const extents = [...ones(before), ...dims, ...ones(after)]
  const sizes = sizesOf(value).map((size, i) => {
    if (extents[i] === 1 || sameSize(size, extents[i]!)) return size
    return sameSize(size, 1) ? extents[i]! : refuse()
  })
  const repeated = expanded(node, value, sizes)
  // What images are normalized by, before any weight, is a constant too.
  const isTrained = isWeight && node.builder.isBehindWeights(repeated.tensor)
  return { value: repeated, ...placed(node, repeated, extents, values), isTrained }
}

/** The constant's values in the order of a layer; `extents` are 1 where it is the same along an axis of the value. */
function placed(
  node: NodeContext,
  value: Value,
  extents: readonly number[],
  values: Float32Array,
): Pick<Meeting, 'per' | 'constants'> {
  const { shape, axes } = value
  const differs = new Set(axes.flatMap((axis, i) => (extents[i] === 1 ? [] : axis.map((part) => part.axis))))
  const channels = extentOf(shape, 'c')
  const isOf = (...names: readonly TensorAxis[]) => [...differs].every((each) => names.includes(each))
  const per = isOf('c') ? 'channel' : isOf('h', 'w') ? 'pixel' : 'value'
  const pixels = extentOf(shape, 'h') * extentOf(shape, 'w')
  const count = { channel: channels, pixel: pixels, value: pixels * channels }[per]
  if (count > values.length) node.builder.compute(count)
  const constants = new Float32Array(count)
  const placeOf = {
    channel: (at: number) => at % channels,
    pixel: (at: number) => Math.floor(at / channels),
    value: (at: number) => at,
  }[per]
  const kept: Readonly<Record<ScalePer, readonly TensorAxis[]>> = {
    channel: ['c'],
    pixel: ['h', 'w'],
    value: ['h', 'w', 'c'],
  }
  // Row-major: the pitch of an axis along which the constant is the same is 0.
  let pitch = values.length
  const loops = axes.flatMap((axis, i) => {
    pitch /= extents[i]!
    const isSeen = axis.some((part) => kept[per].includes(part.axis))
    const positions = isSeen ? positionsOf(value, axis) : null
    return positions ? [{ positions, pitch: extents[i] === 1 ? 0 : pitch }] : []
  })
  const fill = (depth: number, at: number, from: number): void => {
    const loop = loops[depth]
    if (!loop) constants[placeOf(at)] = values[from]!
    else
      for (const [i, position] of loop.positions.entries())
        fill(depth + 1, at + position, from + i * loop.pitch)
  }
  fill(0, 0, 0)
  return { per, constants }
}

/** What a layer that scales is made with. */
export interface Scaled extends Pick<Meeting, 'per' | 'isTrained'> {
  readonly scale?: Float32Array | undefined
  readonly shift?: Float32Array | undefined
  /** Of a layer before the node's own one. */
  readonly part?: string | undefined
}

/** value * scale + shift */
export function scaledBy(node: NodeContext, value: Value, { per, isTrained, part, ...given }: Scaled): Value {
  const { shift } = given
  const parameters = { scale: given.scale ?? onesLike(node, shift!), ...(shift && { shift }) }
  const options = {
    ...(per !== 'channel' && { per }),
    ...(!shift && { shift: false }),
    ...(!isTrained && { trained: false }),
  }
  const make: MakeLayer = (name, inputs) => scale(name, { ...options, ...inputs })
  const [output] = node.node.outputs
  return { ...value, ...node.layer([value], make, parameters, part ? `${output}/${part}` : output) }
}

function onesLike(node: NodeContext, { length }: Float32Array): Float32Array {
  node.builder.compute(length)
  return new Float32Array(length).fill(1)
}

/**
 * The constants as a tensor of the value's shape, for layers that combine two values with each other. Where a value is
 * NaN, so is the constant that meets it: it is made of what is left of the value's own tensor, zeros.
 */
export function constantTensor(node: NodeContext, { value, per, constants }: Meeting, part: string): Value {
  const negative = node.layerBefore(`${part}/negative`, [value], (name, inputs) =>
    clip(name, { min: -2, max: -1, ...inputs }),
  )
  const zeros = node.layerBefore(`${part}/zeros`, [negative], (name, inputs) => relu(name, inputs))
  return scaledBy(node, { ...value, ...zeros }, { per, shift: constants, isTrained: false, part })
}

/** The most tensors that are concatenated at once. */
const COPIES_AT_ONCE = 8

/**
 * The value repeated along the axes where it has an extent of 1 and these sizes have more. Throws Refusal if there is
 * no layer for it.
 */
export function expanded(node: NodeContext, given: Value, sizes: readonly Size[]): Value {
  const value = withRank(given, sizes.length)
  const own = sizesOf(value)
  const isSame = (i: number) => sameSize(own[i]!, sizes[i]!)
  if (own.every((_, i) => isSame(i))) return value
  const layout = LAYOUTS[value.axes.length]
  const fits = own.every((size, i) => isSame(i) || (size === 1 && isNumber(sizes[i]!)))
  if (!layout || !fits || !hasLayout(value, layout))
    throw new Refusal(`there is no layer that repeats ${described(value)} to ${formatSizes(sizes)}`)
  const wanted = (axis: TensorAxis): number => {
    const i = layout.indexOf(axis)
    return i < 0 || isSame(i) ? 1 : (sizes[i] as number)
  }
  const image = layout.length > 2 && value.shape.length < 3 ? ofOnePixel(node, value) : value
  const wide = repeatedChannels(node, image, wanted('c'))
  const [height, width] = [wanted('h'), wanted('w')]
  if (height === 1 && width === 1) return valueIn(wide.tensor, wide.shape, layout)
  const size = [height * extentOf(wide.shape, 'h'), width * extentOf(wide.shape, 'w')] as const
  const made = node.layerBefore('repeated', [wide], (name, inputs) => resize(name, { size, ...inputs }))
  return valueIn(made.tensor, made.shape, layout)
}

/** A vector as an image of one pixel. */
const ofOnePixel = (node: NodeContext, value: Value): Value => ({
  ...value,
  ...node.layerBefore('pixel', [value], (name, inputs) =>
    unflatten(name, { height: 1, width: 1, ...inputs }),
  ),
})

/** The one channel `count` times; as many channels as there are if that is once. */
function repeatedChannels(node: NodeContext, value: Value, count: number): Value {
  if (count === 1) return value
  let made = value
  while (extentOf(made.shape, 'c') < count) {
    const copies = Math.min(COPIES_AT_ONCE, Math.ceil(count / extentOf(made.shape, 'c')))
    const inputs = Array.from({ length: copies }, () => made)
    made = { ...made, ...node.layerBefore('copies', inputs, (name, { inputs }) => concat(name, { inputs })) }
  }
  if (extentOf(made.shape, 'c') > count)
    made = {
      ...made,
      ...node.layerBefore('channels', [made], (name, inputs) =>
        slice(name, { begin: 0, end: count, ...inputs }),
      ),
    }
  return made
}

/** The sizes that two shapes have together. Throws Refusal if there are none. */
export function commonSizes(a: readonly Size[], b: readonly Size[]): Size[] {
  const rank = Math.max(a.length, b.length)
  const at = (sizes: readonly Size[], i: number): Size => sizes[i - (rank - sizes.length)] ?? 1
  return Array.from({ length: rank }, (_, i) => {
    const [one, other] = [at(a, i), at(b, i)]
    if (sameSize(one, other) || sameSize(other, 1)) return one
    if (sameSize(one, 1)) return other
    throw new Refusal(`${formatSizes(a)} and ${formatSizes(b)} do not fit`)
  })
}
