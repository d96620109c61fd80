import {
  imageNormPlanner,
  type NormForward,
  type NormInputGradient,
  type NormParametersGradient,
} from './image-norm.ts'

export type InstanceNormStep =
  | NormForward<'instance-norm'>
  | NormParametersGradient<'instance-norm'>
  | NormInputGradient<'instance-norm'>

export const instanceNormPlanner = imageNormPlanner('instance-norm')
