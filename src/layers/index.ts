/**
 * Layers: what makes them, their options and shapes, and their definitions as plain loops, which are the truth.
 *
 * @module convmark/layers
 */
import { type AbsLayer, absDefinition } from './abs.ts'
import { type AddLayer, addDefinition } from './add.ts'
import { type AveragePoolLayer, averagePoolDefinition } from './average-pool.ts'
import { type BatchNormLayer, batchNormDefinition } from './batch-norm.ts'
import { type ChannelPoolLayer, channelPoolDefinition } from './channel-pool.ts'
import { type ChannelShuffleLayer, channelShuffleDefinition } from './channel-shuffle.ts'
import { type ClipLayer, clipDefinition } from './clip.ts'
import { type ConcatLayer, concatDefinition } from './concat.ts'
import { type ConvLayer, convDefinition } from './conv.ts'
import { type ConvTransposeLayer, convTransposeDefinition } from './conv-transpose.ts'
import { type CropLayer, cropDefinition } from './crop.ts'
import { type DenseLayer, denseDefinition } from './dense.ts'
import { type DepthToSpaceLayer, depthToSpaceDefinition } from './depth-to-space.ts'
import { type DivideLayer, divideDefinition } from './divide.ts'
import { type DropoutLayer, dropoutDefinition } from './dropout.ts'
import { type EluLayer, eluDefinition } from './elu.ts'
import { type ErfLayer, erfDefinition } from './erf.ts'
import { type ExpLayer, expDefinition } from './exp.ts'
import { type FlattenLayer, flattenDefinition } from './flatten.ts'
import { type GeluLayer, geluDefinition } from './gelu.ts'
import { type GroupNormLayer, groupNormDefinition } from './group-norm.ts'
import { type HardSigmoidLayer, hardSigmoidDefinition } from './hard-sigmoid.ts'
import { type HardSwishLayer, hardSwishDefinition } from './hard-swish.ts'
import { type InstanceNormLayer, instanceNormDefinition } from './instance-norm.ts'
import { type L2LossLayer, l2LossDefinition } from './l2-loss.ts'
import type { LayerDefinition } from './layer.ts'
import { type LayerNormLayer, layerNormDefinition } from './layer-norm.ts'
import { type LeakyReluLayer, leakyReluDefinition } from './leaky-relu.ts'
import { type LrnLayer, lrnDefinition } from './lrn.ts'
import { type MaxPoolLayer, maxPoolDefinition } from './max-pool.ts'
import { type MaximumLayer, maximumDefinition } from './maximum.ts'
import { type MinimumLayer, minimumDefinition } from './minimum.ts'
import { type MishLayer, mishDefinition } from './mish.ts'
import { type MultiplyLayer, multiplyDefinition } from './multiply.ts'
import { type PadLayer, padDefinition } from './pad.ts'
import { type PowerLayer, powerDefinition } from './power.ts'
import { type PreluLayer, preluDefinition } from './prelu.ts'
import { type ReluLayer, reluDefinition } from './relu.ts'
import { type ResizeLayer, resizeDefinition } from './resize.ts'
import { type ScaleLayer, scaleDefinition } from './scale.ts'
import { type SigmoidLayer, sigmoidDefinition } from './sigmoid.ts'
import { type SiluLayer, siluDefinition } from './silu.ts'
import { type SliceLayer, sliceDefinition } from './slice.ts'
import { type SoftmaxLayer, softmaxDefinition } from './softmax.ts'
import { type SoftmaxLossLayer, softmaxLossDefinition } from './softmax-loss.ts'
import { type SoftplusLayer, softplusDefinition } from './softplus.ts'
import { type SpaceToDepthLayer, spaceToDepthDefinition } from './space-to-depth.ts'
import { type SubtractLayer, subtractDefinition } from './subtract.ts'
import { type TanhLayer, tanhDefinition } from './tanh.ts'
import { type UnflattenLayer, unflattenDefinition } from './unflatten.ts'

export { type AbsLayer, type AbsOptions, abs } from './abs.ts'
export {
  ACTIVATIONS,
  type Activated,
  type Activation,
  type ActivationKind,
  type ActivationName,
  type ActivationParts,
  type ActivationWithOptions,
  activateAll,
  activationRule,
  givesProbabilities,
  inputSizeOf,
  isActivation,
  isSmooth,
  needsSums,
  type OptionsOfActivation,
  partsOf,
  rectifies,
} from './activation.ts'
export { type AddLayer, type AddOptions, add } from './add.ts'
export {
  type AveragePoolLayer,
  type AveragePoolOptions,
  averagePool,
  globalAveragePool,
} from './average-pool.ts'
export { type BatchNormLayer, type BatchNormOptions, batchNorm } from './batch-norm.ts'
export type { BlockOptions } from './blocks.ts'
export { type BroadcastKind, type Spread, spreadOf } from './broadcast.ts'
export { type ChannelPoolLayer, type ChannelPoolOptions, channelPool } from './channel-pool.ts'
export { type ChannelShuffleLayer, type ChannelShuffleOptions, channelShuffle } from './channel-shuffle.ts'
export { type ClipLayer, type ClipOptions, clip, relu6 } from './clip.ts'
export { type ConcatAxis, type ConcatLayer, type ConcatOptions, concat } from './concat.ts'
export { type ConvLayer, type ConvOptions, conv } from './conv.ts'
export {
  type ConvTransposeLayer,
  type ConvTransposeOptions,
  convTranspose,
  convTransposeGeometry,
} from './conv-transpose.ts'
export { type CropLayer, type CropOptions, crop } from './crop.ts'
export { type DenseLayer, type DenseOptions, dense } from './dense.ts'
export { type DepthToSpaceLayer, depthToSpace } from './depth-to-space.ts'
export { type DivideLayer, type DivideOptions, divide } from './divide.ts'
export { type DropoutLayer, type DropoutOptions, dropout } from './dropout.ts'
export { type EluLayer, type EluOptions, elu } from './elu.ts'
export { type ErfLayer, type ErfOptions, erf } from './erf.ts'
export { type ExpLayer, type ExpOptions, exp } from './exp.ts'
export { type FlattenLayer, type FlattenOptions, flatten } from './flatten.ts'
export { type GeluLayer, type GeluOptions, gelu } from './gelu.ts'
export { type GroupNormLayer, type GroupNormOptions, groupNorm } from './group-norm.ts'
export { type HardSigmoidLayer, hardSigmoid } from './hard-sigmoid.ts'
export { type HardSwishLayer, hardSwish } from './hard-swish.ts'
export type { NormOptions } from './image-norm.ts'
export { type InstanceNormLayer, instanceNorm } from './instance-norm.ts'
export { type L2LossLayer, l2Loss } from './l2-loss.ts'
export {
  type BackwardContext,
  type ForwardContext,
  isTrainedRole,
  type LayerDefinition,
  type LayerFlops,
  type LayerInputs,
  type LayerOf,
  type ParameterRole,
  type ParameterSpec,
  type Removable,
  type Statistics,
  scalesOutput,
} from './layer.ts'
export { type LayerNormLayer, layerNorm } from './layer-norm.ts'
export { type LeakyReluLayer, type LeakyReluOptions, leakyRelu } from './leaky-relu.ts'
export { ALEXNET_LRN, type LrnLayer, type LrnOptions, lrn } from './lrn.ts'
export { globalMaxPool, type MaxPoolLayer, type MaxPoolOptions, maxPool } from './max-pool.ts'
export { type MaximumLayer, type MaximumOptions, maximum } from './maximum.ts'
export { type MinimumLayer, type MinimumOptions, minimum } from './minimum.ts'
export { type MishLayer, mish } from './mish.ts'
export { type MultiplyLayer, type MultiplyOptions, multiply } from './multiply.ts'
export { type PadLayer, type PadOptions, pad } from './pad.ts'
export { type PowerLayer, type PowerOptions, power } from './power.ts'
export { type PreluLayer, prelu } from './prelu.ts'
export { type ReluLayer, relu } from './relu.ts'
export { type ResizeLayer, type ResizeOptions, resize } from './resize.ts'
export { type ScaleLayer, type ScaleOptions, type ScalePer, scale } from './scale.ts'
export { type SigmoidLayer, sigmoid } from './sigmoid.ts'
export { type SiluLayer, silu } from './silu.ts'
export { type SliceLayer, type SliceOptions, slice } from './slice.ts'
export { type SoftmaxLayer, softmax } from './softmax.ts'
export { type SoftmaxLossLayer, softmaxLoss } from './softmax-loss.ts'
export { type SoftplusLayer, softplus } from './softplus.ts'
export { type SpaceToDepthLayer, spaceToDepth } from './space-to-depth.ts'
export { type SubtractLayer, type SubtractOptions, subtract } from './subtract.ts'
export { type TanhLayer, tanh } from './tanh.ts'
export type { InitialValues, Trained } from './trained.ts'
export { type UnflattenLayer, type UnflattenOptions, unflatten } from './unflatten.ts'
export {
  type Extent,
  type Padding,
  type PoolOptions,
  poolGeometry,
  type WindowGeometry,
  type WindowOptions,
  windowGeometry,
} from './window.ts'

/** Any layer; its `kind` tells which. */
export type Layer<Name extends string = string> =
  | ConvLayer<Name>
  | ConvTransposeLayer<Name>
  | DenseLayer<Name>
  | ReluLayer<Name>
  | SigmoidLayer<Name>
  | TanhLayer<Name>
  | ClipLayer<Name>
  | EluLayer<Name>
  | GeluLayer<Name>
  | HardSigmoidLayer<Name>
  | HardSwishLayer<Name>
  | LeakyReluLayer<Name>
  | MishLayer<Name>
  | PowerLayer<Name>
  | ErfLayer<Name>
  | ExpLayer<Name>
  | AbsLayer<Name>
  | SiluLayer<Name>
  | SoftplusLayer<Name>
  | PreluLayer<Name>
  | LrnLayer<Name>
  | DropoutLayer<Name>
  | MaxPoolLayer<Name>
  | AveragePoolLayer<Name>
  | ChannelPoolLayer<Name>
  | BatchNormLayer<Name>
  | ScaleLayer<Name>
  | AddLayer<Name>
  | SubtractLayer<Name>
  | MultiplyLayer<Name>
  | DivideLayer<Name>
  | MaximumLayer<Name>
  | MinimumLayer<Name>
  | ConcatLayer<Name>
  | SliceLayer<Name>
  | CropLayer<Name>
  | PadLayer<Name>
  | FlattenLayer<Name>
  | UnflattenLayer<Name>
  | ChannelShuffleLayer<Name>
  | DepthToSpaceLayer<Name>
  | SpaceToDepthLayer<Name>
  | ResizeLayer<Name>
  | LayerNormLayer<Name>
  | InstanceNormLayer<Name>
  | GroupNormLayer<Name>
  | SoftmaxLayer<Name>
  | L2LossLayer<Name>
  | SoftmaxLossLayer<Name>

/** The parameters of each layer kind that has any, by their short names: for the types of `read` and `write`. */
export interface ParametersOfKind {
  conv: 'weights' | 'biases'
  'conv-transpose': 'weights' | 'biases'
  dense: 'weights' | 'biases'
  'batch-norm': 'scale' | 'shift' | 'mean' | 'variance'
  scale: 'scale' | 'shift'
  prelu: 'slope'
  'layer-norm': 'scale' | 'shift'
  'group-norm': 'scale' | 'shift'
  'instance-norm': 'scale' | 'shift'
}

/** The batch statistics of each layer kind that has any, by their short names, likewise. */
export interface BatchStatisticsOfKind {
  'batch-norm': 'batchMean' | 'batchVariance'
}

/** The kind of a layer: 'conv', 'max-pool' and so on. */
export type LayerKind = Layer['kind']

/** The options of the layers of one kind. */
export type LayerOptions<Kind extends LayerKind> = Extract<Layer, { kind: Kind }>['options']

/** The table of definitions by kind. A kind without a definition does not compile. */
export const layerDefinitions: { readonly [Kind in LayerKind]: LayerDefinition<LayerOptions<Kind>> } = {
  conv: convDefinition,
  'conv-transpose': convTransposeDefinition,
  dense: denseDefinition,
  relu: reluDefinition,
  sigmoid: sigmoidDefinition,
  tanh: tanhDefinition,
  clip: clipDefinition,
  elu: eluDefinition,
  gelu: geluDefinition,
  'hard-sigmoid': hardSigmoidDefinition,
  'hard-swish': hardSwishDefinition,
  'leaky-relu': leakyReluDefinition,
  mish: mishDefinition,
  power: powerDefinition,
  erf: erfDefinition,
  exp: expDefinition,
  abs: absDefinition,
  silu: siluDefinition,
  softplus: softplusDefinition,
  prelu: preluDefinition,
  lrn: lrnDefinition,
  dropout: dropoutDefinition,
  'max-pool': maxPoolDefinition,
  'average-pool': averagePoolDefinition,
  'channel-pool': channelPoolDefinition,
  'batch-norm': batchNormDefinition,
  scale: scaleDefinition,
  add: addDefinition,
  subtract: subtractDefinition,
  multiply: multiplyDefinition,
  divide: divideDefinition,
  maximum: maximumDefinition,
  minimum: minimumDefinition,
  concat: concatDefinition,
  slice: sliceDefinition,
  crop: cropDefinition,
  pad: padDefinition,
  flatten: flattenDefinition,
  unflatten: unflattenDefinition,
  'channel-shuffle': channelShuffleDefinition,
  'depth-to-space': depthToSpaceDefinition,
  'space-to-depth': spaceToDepthDefinition,
  resize: resizeDefinition,
  'layer-norm': layerNormDefinition,
  'instance-norm': instanceNormDefinition,
  'group-norm': groupNormDefinition,
  softmax: softmaxDefinition,
  'l2-loss': l2LossDefinition,
  'softmax-loss': softmaxLossDefinition,
}

/** The definition of a layer whose kind is only known at run time. */
export function definitionOf(layer: Layer): LayerDefinition<Layer['options']> {
  return layerDefinitions[layer.kind] as LayerDefinition<Layer['options']>
}
