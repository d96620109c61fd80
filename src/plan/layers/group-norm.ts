import {
  imageNormPlanner,
  type NormForward,
  type NormInputGradient,
  type NormParametersGradient,
} from './image-norm.ts'

export type GroupNormStep =
  | NormForward<'group-norm'>
  | NormParametersGradient<'group-norm'>
  | NormInputGradient<'group-norm'>

export const groupNormPlanner = imageNormPlanner('group-norm')
