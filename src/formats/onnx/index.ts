import type { LayerKind } from '../../layers/index.ts'
import type { ResolvedLayer } from '../../networks/index.ts'
import { activationConverter } from './activation.ts'
import { addConverter } from './add.ts'
import { averagePoolConverter } from './average-pool.ts'
import { batchNormConverter } from './batch-norm.ts'
import { channelPoolConverter } from './channel-pool.ts'
import { channelShuffleConverter } from './channel-shuffle.ts'
import { concatConverter } from './concat.ts'
import { convConverter } from './conv.ts'
import { convTransposeConverter } from './conv-transpose.ts'
import { cropConverter } from './crop.ts'
import { denseConverter } from './dense.ts'
import { depthToSpaceConverter } from './depth-to-space.ts'
import { divideConverter } from './divide.ts'
import { dropoutConverter } from './dropout.ts'
import { flattenConverter } from './flatten.ts'
import type { OnnxNode } from './graph.ts'
import { groupNormConverter } from './group-norm.ts'
import { instanceNormConverter } from './instance-norm.ts'
import type { LayerConverter, OnnxNodes } from './layer-converter.ts'
import { layerNormConverter } from './layer-norm.ts'
import { lrnConverter } from './lrn.ts'
import { maxPoolConverter } from './max-pool.ts'
import { maximumConverter } from './maximum.ts'
import { minimumConverter } from './minimum.ts'
import { multiplyConverter } from './multiply.ts'
import { padConverter } from './pad.ts'
import { preluConverter } from './prelu.ts'
import { resizeConverter } from './resize.ts'
import { scaleConverter } from './scale.ts'
import { sliceConverter } from './slice.ts'
import { softmaxConverter } from './softmax.ts'
import { spaceToDepthConverter } from './space-to-depth.ts'
import { subtractConverter } from './subtract.ts'
import { unflattenConverter } from './unflatten.ts'

/**
 * The table kind -> converter. A kind without one does not compile. Losses are left out: a model ends with the tensors
 * they read.
 */
const layerConverters: { readonly [Kind in LayerKind]: LayerConverter<Kind> | 'left out' } = {
  conv: convConverter,
  'conv-transpose': convTransposeConverter,
  dense: denseConverter,
  relu: activationConverter('relu'),
  sigmoid: activationConverter('sigmoid'),
  tanh: activationConverter('tanh'),
  clip: activationConverter('clip'),
  elu: activationConverter('elu'),
  gelu: activationConverter('gelu'),
  'hard-sigmoid': activationConverter('hard-sigmoid'),
  'hard-swish': activationConverter('hard-swish'),
  'leaky-relu': activationConverter('leaky-relu'),
  mish: activationConverter('mish'),
  power: activationConverter('power'),
  erf: activationConverter('erf'),
  exp: activationConverter('exp'),
  abs: activationConverter('abs'),
  silu: activationConverter('silu'),
  softplus: activationConverter('softplus'),
  prelu: preluConverter,
  lrn: lrnConverter,
  dropout: dropoutConverter,
  'max-pool': maxPoolConverter,
  'average-pool': averagePoolConverter,
  'channel-pool': channelPoolConverter,
  'batch-norm': batchNormConverter,
  scale: scaleConverter,
  add: addConverter,
  subtract: subtractConverter,
  multiply: multiplyConverter,
  divide: divideConverter,
  maximum: maximumConverter,
  minimum: minimumConverter,
  concat: concatConverter,
  slice: sliceConverter,
  crop: cropConverter,
  pad: padConverter,
  flatten: flattenConverter,
  unflatten: unflattenConverter,
  'channel-shuffle': channelShuffleConverter,
  'depth-to-space': depthToSpaceConverter,
  'space-to-depth': spaceToDepthConverter,
  resize: resizeConverter,
  'layer-norm': layerNormConverter,
  'instance-norm': instanceNormConverter,
  'group-norm': groupNormConverter,
  softmax: softmaxConverter,
  'l2-loss': 'left out',
  'softmax-loss': 'left out',
}

/**
 * The nodes of a layer whose kind is known only at run time. The names of what lies between them begin with `prefix` and a slash;
 * `valueNamed` gives a tensor's name in the graph.
 */
export function convertLayer(
  { layer, inputs, inputShapes, outputShape, parameters: specs }: ResolvedLayer,
  prefix: string,
  valueNamed: (tensor: string) => string,
  parameters: Readonly<Record<string, Float32Array>>,
): OnnxNodes {
  const convert = layerConverters[layer.kind] as LayerConverter<LayerKind> | 'left out'
  if (convert === 'left out') return { nodes: [] }
  const { name, options } = layer
  const parts = Object.keys(specs).map((full) => [full.slice(name.length + 1), parameters[full]!])
  const values = inputs.map(valueNamed)
  const output = valueNamed(name)
  // Names are made from the output's too
  const own = output === name ? prefix : output
  const made = convert({
    name: prefix,
    options,
    input: values[0]!,
    inputs: values,
    inputShape: inputShapes[0]!,
    inputShapes,
    outputShape,
    output: own,
    parameters: Object.fromEntries(parts),
  })
  return own === output ? made : { ...made, nodes: made.nodes.map((node) => renamed(node, own, output)) }
}

const renamed = (node: OnnxNode, from: string, to: string): OnnxNode => {
  const current = (name: string) => (name === from ? to : name)
  return {
    ...node,
    name: current(node.name!),
    input: node.input!.map(current),
    output: node.output!.map(current),
  }
}
