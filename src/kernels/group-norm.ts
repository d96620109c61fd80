import { groupedForward, groupedInputGradient, groupedParametersGradient } from './grouped-norm.ts'
import { onlyWay } from './kernel.ts'

export const groupNormForward = onlyWay<'group-norm-forward'>((step, traits) => {
  const { layer, options } = step
  return groupedForward(traits, { layer, epsilon: options.epsilon, groups: options.groups }, step)
})

export const groupNormParametersGradient = onlyWay<'group-norm-parameters-gradient'>((step, traits) => {
  const { layer, options } = step
  return groupedParametersGradient(traits, { layer, epsilon: options.epsilon, groups: options.groups }, step)
})

export const groupNormInputGradient = onlyWay<'group-norm-input-gradient'>((step, traits) => {
  const { layer, options } = step
  return groupedInputGradient(traits, { layer, epsilon: options.epsilon, groups: options.groups }, step)
})
