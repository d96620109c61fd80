// Functions of each value.
import {
  abs,
  clip,
  concat,
  dropout,
  elu,
  erf,
  exp,
  gelu,
  hardSigmoid,
  hardSwish,
  leakyRelu,
  mish,
  power,
  prelu,
  relu,
  scale,
  sigmoid,
  silu,
  slice,
  softmax,
  softplus,
  tanh,
} from '../../../../layers/index.ts'
import type { MakeLayer } from '../builder.ts'
import { described, settle } from '../layout.ts'
import { axisOf, type NodeContext, type OperatorImporter } from '../node-context.ts'
import { Refusal, sameSize } from '../sizes.ts'
import { extentOf, isWhole, reshaped, sizesOf, type Value } from '../views.ts'

/** A layer that does the same to every value, wherever it is. */
const elementwise =
  (make: (node: NodeContext) => MakeLayer): OperatorImporter =>
  (node) => {
    const value = node.value()
    return { ...value, ...node.layer([value], make(node)) }
  }

const plain = (make: MakeLayer): OperatorImporter => elementwise(() => make)

export const LARGEST_FLOAT = 3.4028234663852886e38

/** The bounds are attributes before opset 11, and inputs from then on. */
const importClip: OperatorImporter = elementwise((node) => {
  const bound = (name: string, index: number, none: number) => {
    const value = node.attributes.has(name) ? node.attributes.float(name, none) : node.scalar(index, none)
    return Math.min(Math.max(value, -LARGEST_FLOAT), LARGEST_FLOAT)
  }
  const [min, max] = [bound('min', 1, -LARGEST_FLOAT), bound('max', 2, LARGEST_FLOAT)]
  if (min === 0 && max === LARGEST_FLOAT) return relu
  return (name, inputs) => clip(name, { min, max, ...inputs })
})

/** The constants of PyTorch's hardsigmoid; as stored they are rounded to float32. */
const isSixth = (alpha: number) => Math.abs(alpha - 1 / 6) < 1e-6

/** With other constants it is alpha · x + beta, from 0 to 1. */
const importHardSigmoid: OperatorImporter = (node) => {
  const value = node.value()
  const [alpha, beta] = [node.attributes.float('alpha', 0.2), node.attributes.float('beta', 0.5)]
  if (isSixth(alpha) && beta === 0.5) return { ...value, ...node.layer([value], hardSigmoid) }
  const parameters = { scale: node.filled(value, alpha), shift: node.filled(value, beta) }
  const line = node.layer(
    [value],
    (name, inputs) => scale(name, { trained: false, ...inputs }),
    parameters,
    `${node.node.outputs[0]}/line`,
  )
  return { ...value, ...node.layer([line], (name, inputs) => clip(name, { min: 0, max: 1, ...inputs })) }
}

/** One slope for all channels; leakyRelu takes none below 0. */
function withSlope(node: NodeContext, slope: number): Value {
  const value = node.value()
  if (slope < 0) {
    const parameters = { slope: node.filled(value, slope) }
    return { ...value, ...node.layer([value], prelu, parameters) }
  }
  return { ...value, ...node.layer([value], (name, inputs) => leakyRelu(name, { slope, ...inputs })) }
}

/** The slopes of channels, or one of all, broadcast to the input. */
const importPrelu: OperatorImporter = (node) => {
  const { dims } = node.constant(1)
  const slopes = node.floats(1)
  if (slopes.length === 1) return withSlope(node, slopes[0]!)
  const value = settle(node, node.value())
  const axis = value.axes.findIndex((_, i) => isWhole(value, i, 'c'))
  if (axis < 1) throw new Refusal(`no axis of its input ${described(value)} are the channels`)
  // They are aligned with the last axes, and all but the channels are 1;
  // before opset 7 with the channels.
  const channels = node.opset < 7 && dims.length === 1 ? 0 : dims.length - (value.axes.length - axis)
  if (channels < 0 || dims.some((extent, i) => i !== channels && extent !== 1))
    throw new Refusal(`its slopes [${dims}] are not one for each channel`)
  return { ...value, ...node.layer([value], prelu, { slope: slopes.slice() }) }
}

/** Over one axis from opset 13 on, before that over all from `axis` on. */
const importSoftmax: OperatorImporter = (node) => {
  const value = node.value()
  const rank = value.axes.length
  const axis = axisOf(node.attributes.integer('axis', node.opset >= 13 ? -1 : 1), rank)
  const sizes = sizesOf(value)
  const isLast = sizes.slice(axis + 1).every((size) => sameSize(size, 1))
  if (node.opset < 13 && !isLast) return softmaxOfAll(node, value, axis)
  const grouped = softmaxOfGroups(node, value, axis)
  if (grouped) return grouped
  const settled = settle(node, value)
  if (!isWhole(settled, axis, 'c'))
    throw new Refusal(`axis ${axis} of its input ${described(value)} are not the channels`)
  return { ...settled, ...node.layer([settled], softmax) }
}

/** Of each group of successive channels, as a detector's anchors have them: a slice is a layer, and so is its softmax. */
function softmaxOfGroups(node: NodeContext, value: Value, axis: number): Value | null {
  const [part, ...others] = value.axes[axis]!
  const channels = extentOf(value.shape, 'c')
  const isGroup = part?.axis === 'c' && part.stride === 1 && part.size < channels && others.length === 0
  if (!isGroup) return null
  const { size } = part
  const groups = node.parts(channels / size).map((group) => {
    const begin = group * size
    const make: MakeLayer = (name, inputs) => slice(name, { begin, end: begin + size, ...inputs })
    const own = node.layerBefore(`group${group + 1}/channels`, [value], make)
    return node.layerBefore(`group${group + 1}`, [own], softmax)
  })
  return { ...value, ...node.layer(groups, (name, { inputs }) => concat(name, { inputs })) }
}

function softmaxOfAll(node: NodeContext, value: Value, axis: number): Value {
  const sizes = sizesOf(value)
  const all = [value.axes.slice(0, axis).flat(), value.axes.slice(axis).flat()]
  const flat = settle(node, { ...value, axes: all })
  if (!isWhole(flat, 1, 'c'))
    throw new Refusal(`it is over the axes from ${axis} on of its input ${described(value)}`)
  const made = { ...flat, ...node.layer([flat], softmax) }
  return { ...made, axes: reshaped(made.axes, sizes)! }
}

/** It is off in forward, where a file's stored results come from. */
const importDropout: OperatorImporter = (node) => {
  const value = node.value()
  const rate = node.attributes.has('ratio') ? node.attributes.float('ratio', 0.5) : node.scalar(1, 0.5)
  if (rate === 0) return value
  // From opset 12 on; those before only infer.
  const isTraining = node.has(2) && node.input(2).kind !== 'value' && node.scalar(2, 0) !== 0
  if (isTraining) node.noteTrainingMode()
  return { ...value, ...node.layer([value], (name, inputs) => dropout(name, { rate, ...inputs })) }
}

export const activationImporters: Readonly<Record<string, OperatorImporter>> = {
  Relu: plain(relu),
  Sigmoid: plain(sigmoid),
  Tanh: plain(tanh),
  Softplus: plain(softplus),
  HardSwish: plain(hardSwish),
  Mish: plain(mish),
  Silu: plain(silu),
  Abs: plain(abs),
  Exp: plain(exp),
  Erf: plain(erf),
  Sqrt: plain((name, inputs) => power(name, { exponent: 0.5, ...inputs })),
  Reciprocal: plain((name, inputs) => power(name, { exponent: -1, ...inputs })),
  HardSigmoid: importHardSigmoid,
  Elu: elementwise(({ attributes }) => {
    const alpha = attributes.float('alpha', 1)
    return (name, inputs) => elu(name, { alpha, ...inputs })
  }),
  LeakyRelu: (node) => withSlope(node, node.attributes.float('alpha', 0.01)),
  Gelu: elementwise(({ attributes }) => {
    const approximate = attributes.text('approximate', 'none') === 'tanh' ? 'tanh' : 'none'
    return (name, inputs) => gelu(name, { approximate, ...inputs })
  }),
  Clip: importClip,
  PRelu: importPrelu,
  Softmax: importSoftmax,
  Dropout: importDropout,
}
