// What layers of weighted sums share: the activation behind the sums, both ways.
import type { Activated } from '../../layers/index.ts'
import type { StepOf } from '../step.ts'
import { covers, type Halo, NO_HALO, type View } from '../views.ts'
import { type ActivationStep, applied } from './activation.ts'
import type { PlanContext } from './layer-planner.ts'

/** ReLU is done where the sums are, and costs nothing there; another activation is a step behind them. */
export type Rectified = { readonly activation?: 'relu' | undefined }

/** The gradient of the sums before the activation, and of the biases where there are any. */
export type OutputGradientStep = StepOf<'output-gradient', 'outputGradient', 'gradient', Activated> & {
  /** What the activation made, where there is one. */
  readonly reads: { readonly output?: View }
  readonly writes: { readonly biasesGradient?: View }
}

type Context = PlanContext<'conv'> | PlanContext<'dense'>

export const biasesOf = ({ options, parameter }: Context): { readonly biases?: View } =>
  options.biases === false ? {} : { biases: parameter('biases') }

/**
 * Where a layer of weighted sums puts them, what of its activation is done there, and the step behind them where that is
 * not all.
 */
export function forwardSums(context: Context): {
  sums: View
  activation: 'relu' | undefined
  behind: ActivationStep[]
} {
  const { name: layer, options, output } = context
  const { activation } = options
  if (activation === undefined || activation === 'relu') return { sums: output, activation, behind: [] }
  const sums = context.between('sums', NO_HALO)
  return { sums, activation: undefined, behind: [applied(activation, layer, sums, output)] }
}

/**
 * The gradient of the sums with a halo, and the step that makes it: none where it is the output's gradient, or where nobody
 * reads it.
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
  return {
    gradient,
    steps: [
      {
        kind: 'output-gradient',
        layer,
        pass: 'backward',
        reads: { outputGradient, ...(options.activation !== undefined && { output }) },
        writes: { gradient, ...(hasBiases && { biasesGradient: context.parameterGradient('biases') }) },
        options: { activation: options.activation },
      },
    ],
  }
}
