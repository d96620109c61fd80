// Normalizations.
import { batchNorm, groupNorm, instanceNorm, layerNorm, lrn } from '../../../../layers/index.ts'
import { described, settle, withChannels } from '../layout.ts'
import { axisOf, type NodeContext, type OperatorImporter } from '../node-context.ts'
import { Refusal } from '../sizes.ts'
import { extentOf, isWhole, type Part, sameAxis, type Value } from '../views.ts'
import { copied } from '../weights.ts'

/** Forward uses the stored statistics even if the node is in training mode, as a session does. */
const importBatchNorm: OperatorImporter = (node) => {
  if (isInTrainingMode(node)) node.noteTrainingMode()
  const value = withChannels(node, node.value())
  const { attributes } = node
  const [scale, shift, mean, variance] = [1, 2, 3, 4].map((index) => copied(node.constant(index)))
  // ONNX's momentum is what is left of the old statistics.
  const options = {
    epsilon: attributes.float('epsilon', 1e-5),
    momentum: Number((1 - attributes.float('momentum', 0.9)).toPrecision(7)),
  }
  const parameters = { scale: scale!, shift: shift!, mean: mean!, variance: variance! }
  return {
    ...value,
    ...node.layer([value], (name, inputs) => batchNorm(name, { ...options, ...inputs }), parameters),
  }
}

/** Until opset 13 only its further outputs, the statistics, say so. */
const isInTrainingMode = ({ node, opset, attributes }: NodeContext): boolean =>
  opset < 14
    ? node.outputs.slice(1).some((name) => name !== '')
    : attributes.integer('training_mode', 0) !== 0

/** Of channels; or of groups of channels, which PyTorch exports as an instance norm of as many channels. */
const importInstanceNorm: OperatorImporter = (node) => {
  const value = node.value()
  const epsilon = node.attributes.float('epsilon', 1e-5)
  const [scale, shift] = [node.floats(1), node.floats(2)]
  const groups = scale.length
  if (value.shape.length === 3 && isWhole(value, 1, 'c')) {
    const parameters = { scale: scale.slice(), shift: shift.slice() }
    return {
      ...value,
      ...node.layer([value], (name, inputs) => instanceNorm(name, { epsilon, ...inputs }), parameters),
    }
  }
  const channels = extentOf(value.shape, 'c')
  const group: Part = { axis: 'c', size: groups, stride: channels / groups }
  if (!sameAxis(value.axes[1]!, groups === 1 ? [] : [group]))
    throw new Refusal(`axis 1 of its input ${described(value)} are neither channels nor groups of them`)
  return groupsNormalized(node, value, groups, epsilon, (values) => spread(node, values, channels))
}

/** A number for each group as one for each channel. */
function spread(node: NodeContext, values: Float32Array, channels: number): Float32Array {
  node.builder.compute(channels)
  return Float32Array.from(
    { length: channels },
    (_, c) => values[Math.floor((c * values.length) / channels)]!,
  )
}

/** `ofChannels` makes one value for each channel of the constants that are inputs 2 and 3. */
function groupsNormalized(
  node: NodeContext,
  value: Value,
  groups: number,
  epsilon: number,
  ofChannels: (values: Float32Array) => Float32Array,
): Value {
  const parameters = { scale: ofChannels(node.floats(1)), shift: ofChannels(node.floats(2)) }
  return {
    ...value,
    ...node.layer([value], (name, inputs) => groupNorm(name, { groups, epsilon, ...inputs }), parameters),
  }
}

/** Opset 18 has scale and shift for each group, opset 21 for each channel. */
const importGroupNorm: OperatorImporter = (node) => {
  const value = withChannels(node, node.value())
  const groups = node.attributes.integer('num_groups', 0)
  const channels = extentOf(value.shape, 'c')
  if (groups < 1 || channels % groups !== 0)
    throw new Refusal(`its ${groups} groups do not divide the ${channels} channels`)
  return groupsNormalized(node, value, groups, node.attributes.float('epsilon', 1e-5), (values) =>
    values.length === groups ? spread(node, values, channels) : values.slice(),
  )
}

const importLayerNorm: OperatorImporter = (node) => {
  const value = settle(node, node.value())
  const last = value.axes.length - 1
  const axis = axisOf(node.attributes.integer('axis', -1), value.axes.length)
  if (axis !== last || !isWhole(value, last, 'c'))
    throw new Refusal(
      `it is over other axes of its input ${described(value)} than the channels, which are last`,
    )
  const epsilon = node.attributes.float('epsilon', 1e-5)
  const shift = node.has(2) ? copied(node.constant(2)) : node.filled(value, 0)
  return {
    ...value,
    ...node.layer([value], (name, inputs) => layerNorm(name, { epsilon, ...inputs }), {
      scale: copied(node.constant(1)),
      shift,
    }),
  }
}

const importLrn: OperatorImporter = (node) => {
  const value = withChannels(node, node.value())
  const { attributes } = node
  const size = attributes.integer('size', 0)
  if (size < 1) throw new Refusal(`its window is ${size} channels`)
  const options = {
    radius: Math.floor((size - 1) / 2),
    ...(size % 2 === 0 && { even: true }),
    bias: attributes.float('bias', 1),
    // ONNX divides it by the window, convmark does not.
    alpha: attributes.float('alpha', 1e-4) / size,
    beta: attributes.float('beta', 0.75),
  }
  return { ...value, ...node.layer([value], (name, inputs) => lrn(name, { ...options, ...inputs })) }
}

export const normImporters: Readonly<Record<string, OperatorImporter>> = {
  BatchNormalization: importBatchNorm,
  InstanceNormalization: importInstanceNorm,
  GroupNormalization: importGroupNorm,
  LayerNormalization: importLayerNorm,
  LRN: importLrn,
}
