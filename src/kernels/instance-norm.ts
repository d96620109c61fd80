import { groupedForward, groupedInputGradient, groupedParametersGradient } from './grouped-norm.ts'
import { onlyWay } from './kernel.ts'

export const instanceNormForward = onlyWay<'instance-norm-forward'>((step, traits) => {
  const { layer, options, reads } = step
  return groupedForward(traits, { layer, epsilon: options.epsilon, groups: reads.input.shape[3] }, step)
})

export const instanceNormParametersGradient = onlyWay<'instance-norm-parameters-gradient'>((step, traits) => {
  const { layer, options, reads } = step
  return groupedParametersGradient(
    traits,
    { layer, epsilon: options.epsilon, groups: reads.input.shape[3] },
    step,
  )
})

export const instanceNormInputGradient = onlyWay<'instance-norm-input-gradient'>((step, traits) => {
  const { layer, options, reads } = step
  return groupedInputGradient(traits, { layer, epsilon: options.epsilon, groups: reads.input.shape[3] }, step)
})
