// What layers of weighted sums (convolutions, dense) share: the activation after the sums, forward and backward.
import { activate } from '../../layers/activation.ts'
import { type Activated, type Activation, needsSums } from '../../layers/index.ts'
import type { StepOf } from '../step.ts'
import { covers, type Halo, type View } from '../views.ts'
import { type ActivationStep, applied, sumsOf } from './activation.ts'
import type { PlanContext } from './layer-planner.ts'

/** What a step of weighted sums does to them before it writes them: it adds `addend`, of the sums' shape, and activates. */
export type Finished = { readonly activation?: Activation | undefined }
export type Addend = { readonly reads: { readonly addend?: View } }

/**
 * Weights and biases by which a layer's sums come out scaled and shifted channel by channel, as batch norm does:
 * factor = scale / sqrt(variance + epsilon), weights * factor, (biases - mean) * factor + shift. What is left out is 1 or 0.
 */
export type FoldStep = StepOf<
  'fold-scale',
  'weights' | 'scale',
  'foldedWeights' | 'foldedBiases',
  { readonly epsilon: number }
> & {
  readonly reads: {
    readonly biases?: View
    readonly shift?: View
    readonly mean?: View
    readonly variance?: View
  }
}

/** The gradient of the sums before the activation, and of the biases if there are any. */
export type OutputGradientStep = StepOf<'output-gradient', 'outputGradient', 'gradient', Activated> & {
  /** What the activation's gradient is computed from, if there is an activation. */
  readonly reads: { readonly output?: View; readonly sums?: View }
  readonly writes: { readonly biasesGradient?: View }
}

type Context = PlanContext<'conv'> | PlanContext<'conv-transpose'> | PlanContext<'dense'>

export const biasesOf = ({ options, parameter }: Context): { readonly biases?: View } =>
  options.biases === false ? {} : { biases: parameter('biases') }

/**
 * The weights and biases that the layer's step forward reads, and the step that makes them if a layer after it is folded
 * into them.
 */
export function forwardWeights(context: Context): {
  readonly weights: View
  readonly biases: { readonly biases?: View }
  readonly before: FoldStep[]
} {
  const weights = context.parameter('weights')
  const own = biasesOf(context)
  const scaled = context.fused?.scaled
  if (!scaled) return { weights, biases: own, before: [] }
  const { scale, shift, mean, variance } = scaled.reads as FoldStep['reads']
  const others = { ...(shift && { shift }), ...(mean && { mean }), ...(variance && { variance }) }
  const foldedWeights = context.prepared('weights folded', weights)
  const foldedBiases = context.prepared('biases folded', scale)
  const before: FoldStep = {
    kind: 'fold-scale',
    layer: context.name,
    pass: 'prepare',
    reads: { ...others, ...own, weights, scale },
    writes: { foldedWeights, foldedBiases },
    options: { epsilon: scaled.epsilon },
  }
  return { weights: foldedWeights, biases: { biases: foldedBiases }, before: [before] }
}

/** Activations that move 0 can't be done with the sums: the channels that pad the last vector must stay 0. */
const keepsZero = (activation: Activation): boolean => activate({ activation }, 0) === 0

/** Where a layer of weighted sums writes them, what is done to them in the same step, and the steps that follow. */
export function forwardSums(context: Context): {
  sums: View
  activation: Activation | undefined
  addend: Addend['reads']
  following: ActivationStep[]
} {
  const { name: layer, options, output, fused, hasBackward } = context
  const activation = fused?.activation ?? options.activation
  const addend = fused?.addend ? { addend: fused.addend } : {}
  if (activation === undefined) return { sums: output, activation, addend, following: [] }
  const isSeparate = !keepsZero(activation) || (hasBackward && needsSums({ activation }))
  if (!isSeparate) return { sums: output, activation, addend, following: [] }
  const sums = sumsOf(context)
  return { sums, activation: undefined, addend, following: [applied(activation, layer, sums, output)] }
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
