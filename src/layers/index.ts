import { type ConvLayer, convDefinition } from './conv.ts'
import { type DenseLayer, denseDefinition } from './dense.ts'
import { type DropoutLayer, dropoutDefinition } from './dropout.ts'
import { type L2LossLayer, l2LossDefinition } from './l2-loss.ts'
import type { LayerDefinition } from './layer.ts'
import { type LrnLayer, lrnDefinition } from './lrn.ts'
import { type MaxPoolLayer, maxPoolDefinition } from './max-pool.ts'
import { type ReluLayer, reluDefinition } from './relu.ts'
import { type SigmoidLayer, sigmoidDefinition } from './sigmoid.ts'
import { type SoftmaxLossLayer, softmaxLossDefinition } from './softmax-loss.ts'
import { type TanhLayer, tanhDefinition } from './tanh.ts'

export { ACTIVATIONS, type Activated, type Activation } from './activation.ts'
export { type ConvLayer, type ConvOptions, conv } from './conv.ts'
export { type DenseLayer, type DenseOptions, dense } from './dense.ts'
export { type DropoutLayer, type DropoutOptions, dropout } from './dropout.ts'
export { type L2LossLayer, l2Loss } from './l2-loss.ts'
export type {
  BackwardContext,
  ForwardContext,
  LayerDefinition,
  LayerFlops,
  ParameterSpec,
} from './layer.ts'
export { ALEXNET_LRN, type LrnLayer, type LrnOptions, lrn } from './lrn.ts'
export { type MaxPoolLayer, type MaxPoolOptions, maxPool } from './max-pool.ts'
export { type ReluLayer, relu } from './relu.ts'
export { type SigmoidLayer, sigmoid } from './sigmoid.ts'
export { type SoftmaxLossLayer, softmaxLoss } from './softmax-loss.ts'
export { type TanhLayer, tanh } from './tanh.ts'
export type { InitialValues, Trained } from './trained.ts'
export { type Extent, type Padding, type WindowGeometry, windowGeometry } from './window.ts'

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
  | L2LossLayer<Name>
  | SoftmaxLossLayer<Name>

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
  'l2-loss': l2LossDefinition,
  'softmax-loss': softmaxLossDefinition,
}

/** The definition of a layer whose kind is only known at run time. */
export function definitionOf(layer: Layer): LayerDefinition<Layer['options']> {
  return layerDefinitions[layer.kind] as LayerDefinition<Layer['options']>
}
