import { type AddLayer, addDefinition } from './add.ts'
import { type AveragePoolLayer, averagePoolDefinition } from './average-pool.ts'
import { type BatchNormLayer, batchNormDefinition } from './batch-norm.ts'
import { type ConcatLayer, concatDefinition } from './concat.ts'
import { type ConvLayer, convDefinition } from './conv.ts'
import { type DenseLayer, denseDefinition } from './dense.ts'
import { type DropoutLayer, dropoutDefinition } from './dropout.ts'
import { type L2LossLayer, l2LossDefinition } from './l2-loss.ts'
import type { LayerDefinition } from './layer.ts'
import { type LrnLayer, lrnDefinition } from './lrn.ts'
import { type MaxPoolLayer, maxPoolDefinition } from './max-pool.ts'
import { type ReluLayer, reluDefinition } from './relu.ts'
import { type SigmoidLayer, sigmoidDefinition } from './sigmoid.ts'
import { type SliceLayer, sliceDefinition } from './slice.ts'
import { type SoftmaxLayer, softmaxDefinition } from './softmax.ts'
import { type SoftmaxLossLayer, softmaxLossDefinition } from './softmax-loss.ts'
import { type TanhLayer, tanhDefinition } from './tanh.ts'

export { ACTIVATIONS, type Activated, type Activation, isActivation, saturates } from './activation.ts'
export { type AddLayer, type AddOptions, add } from './add.ts'
export {
  type AveragePoolLayer,
  type AveragePoolOptions,
  averagePool,
  globalAveragePool,
} from './average-pool.ts'
export { type BatchNormLayer, type BatchNormOptions, batchNorm } from './batch-norm.ts'
export { type ConcatLayer, concat } from './concat.ts'
export { type ConvLayer, type ConvOptions, conv } from './conv.ts'
export { type DenseLayer, type DenseOptions, dense } from './dense.ts'
export { type DropoutLayer, type DropoutOptions, dropout } from './dropout.ts'
export { type L2LossLayer, l2Loss } from './l2-loss.ts'
export {
  type BackwardContext,
  type ForwardContext,
  isTrainedRole,
  type LayerDefinition,
  type LayerFlops,
  type ParameterRole,
  type ParameterSpec,
  type Statistics,
} from './layer.ts'
export { ALEXNET_LRN, type LrnLayer, type LrnOptions, lrn } from './lrn.ts'
export { globalMaxPool, type MaxPoolLayer, type MaxPoolOptions, maxPool } from './max-pool.ts'
export { type ReluLayer, relu } from './relu.ts'
export { type SigmoidLayer, sigmoid } from './sigmoid.ts'
export { type SliceLayer, type SliceOptions, slice } from './slice.ts'
export { type SoftmaxLayer, softmax } from './softmax.ts'
export { type SoftmaxLossLayer, softmaxLoss } from './softmax-loss.ts'
export { type TanhLayer, tanh } from './tanh.ts'
export type { InitialValues, Trained } from './trained.ts'
export {
  type Extent,
  type Padding,
  poolGeometry,
  type WindowGeometry,
  windowGeometry,
} from './window.ts'

/** Any layer; its `kind` tells which. */
export type Layer<Name extends string = string> =
  | ConvLayer<Name>
  | DenseLayer<Name>
  | ReluLayer<Name>
  | SigmoidLayer<Name>
  | TanhLayer<Name>
  | LrnLayer<Name>
  | DropoutLayer<Name>
  | MaxPoolLayer<Name>
  | AveragePoolLayer<Name>
  | BatchNormLayer<Name>
  | AddLayer<Name>
  | ConcatLayer<Name>
  | SliceLayer<Name>
  | SoftmaxLayer<Name>
  | L2LossLayer<Name>
  | SoftmaxLossLayer<Name>

/** The parameters of each kind that has any, by their short names: for the types of `read` and `write`. */
export interface ParametersOfKind {
  conv: 'weights' | 'biases'
  dense: 'weights' | 'biases'
  'batch-norm': 'scale' | 'shift' | 'mean' | 'variance'
}

/** What a kind takes of the batch in training, likewise. */
export interface BatchStatisticsOfKind {
  'batch-norm': 'batchMean' | 'batchVariance'
}

export type LayerKind = Layer['kind']
export type LayerOptions<Kind extends LayerKind> = Extract<Layer, { kind: Kind }>['options']

/** The table kind -> definition. A kind without a definition does not compile. */
export const layerDefinitions: { readonly [Kind in LayerKind]: LayerDefinition<LayerOptions<Kind>> } = {
  conv: convDefinition,
  dense: denseDefinition,
  relu: reluDefinition,
  sigmoid: sigmoidDefinition,
  tanh: tanhDefinition,
  lrn: lrnDefinition,
  dropout: dropoutDefinition,
  'max-pool': maxPoolDefinition,
  'average-pool': averagePoolDefinition,
  'batch-norm': batchNormDefinition,
  add: addDefinition,
  concat: concatDefinition,
  slice: sliceDefinition,
  softmax: softmaxDefinition,
  'l2-loss': l2LossDefinition,
  'softmax-loss': softmaxLossDefinition,
}

/** The definition of a layer whose kind is only known at run time. */
export function definitionOf(layer: Layer): LayerDefinition<Layer['options']> {
  return layerDefinitions[layer.kind] as LayerDefinition<Layer['options']>
}
