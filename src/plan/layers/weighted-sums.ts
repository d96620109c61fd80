// What layers of weighted sums (convolutions, dense) share: the activation after the sums, forward and backward.
import { type Activated, isRelu, needsSums } from '../../layers/index.ts'
import type { StepOf } from '../step.ts'
import { covers, type Halo, type View } from '../views.ts'
import { type ActivationStep, applied, sumsOf } from './activation.ts'
import type { PlanContext } from './layer-planner.ts'

/** ReLU is computed with the sums and costs nothing there; any other activation is a step of its own after them. */
export type Rectified = { readonly activation?: 'relu' | undefined }

/** The gradient of the sums before the activation, and of the biases if there are any. */
export type OutputGradientStep = StepOf<'output-gradient', 'outputGradient', 'gradient', Activated> & {
  /** What the activation's gradient is computed from, if there is an activation. */
  readonly reads: { readonly output?: View; readonly sums?: View }
  readonly writes: { readonly biasesGradient?: View }
}

type Context = PlanContext<'conv'> | PlanContext<'conv-transpose'> | PlanContext<'dense'>

export const biasesOf = ({ options, parameter }: Context): { readonly biases?: View } =>
  options.biases === false ? {} : { biases: parameter('biases') }

/** Where a layer of weighted sums writes them, what of its activation is done in the same step, and the steps that follow. */
export function forwardSums(context: Context): {
  sums: View
  activation: 'relu' | undefined
  following: ActivationStep[]
} {
  const { name: layer, options, output } = context
  const { activation } = options
  if (activation === undefined) return { sums: output, activation, following: [] }
  if (isRelu(activation)) return { sums: output, activation: 'relu', following: [] }
  const sums = sumsOf(context)
  return { sums, activation: undefined, following: [applied(activation, layer, sums, output)] }
}

/**
 * The gradient of the sums, with a halo, and the step that makes it. There is no step if it is the output's gradient
 * itself or if nobody reads it.
 */
export function sumsGradient(
  context: Context,
  halo: Halo,
): { readonly gradient: View; readonly steps: OutputGradientStep[] } {
  const { name: layer, options, output, isTrained } = context
  const outputGradient = context.outputGradient()
  const hasBiases = options.biases !== false && isTrained
  if (options.activation === undefined && !hasBiases && covers(outputGradient.halo, halo))
    return { gradient: outputGradient, steps: [] }
  const gradient = context.between('sums.gradient', halo)
  const known = needsSums(options) ? { sums: sumsOf(context) } : { output }
  return {
    gradient,
    steps: [
      {
        kind: 'output-gradient',
        layer,
        pass: 'backward',
        reads: { outputGradient, ...(options.activation !== undefined && known) },
        writes: { gradient, ...(hasBiases && { biasesGradient: context.parameterGradient('biases') }) },
        options: { activation: options.activation },
      },
    ],
  }
}
