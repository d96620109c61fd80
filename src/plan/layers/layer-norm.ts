import {
  imageNormPlanner,
  type NormForward,
  type NormInputGradient,
  type NormParametersGradient,
} from './image-norm.ts'

export type LayerNormStep =
  | NormForward<'layer-norm'>
  | NormParametersGradient<'layer-norm'>
  | NormInputGradient<'layer-norm'>

export const layerNormPlanner = imageNormPlanner('layer-norm')
