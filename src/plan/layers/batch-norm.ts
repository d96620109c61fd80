import { ShapeError } from '../../errors.ts'
import { type Activated, isSmooth, needsSums } from '../../layers/index.ts'
import { elementCount } from '../../tensor.ts'
import type { Adding, MayAdd, StepOf } from '../step.ts'
import { NO_HALO, type View } from '../views.ts'
import { type ActivationStep, applied, keepsSums, sumsOf, throughActivation } from './activation.ts'
import { addingTo, type LayerPlanner, type PlanContext } from './layer-planner.ts'

type Normalized = Activated & { readonly epsilon: number }
type Moments = 'mean' | 'variance'
/**
 * If there is an activation, its gradient is computed from its output or, if it needs the sums, from those. A step that reads
 * scale and shift makes either again, with the operations that forward does, so that it comes out with the same bits; that is
 * faster than reading it. The output is among what it reads for the check: ReLU's mask is forward's.
 */
type Activating = {
  readonly reads: Partial<Readonly<Record<'output' | 'scale' | 'shift', View>>>
}

/** `mean` and `variance` are the running statistics or the batch's, whichever the layer uses. */
export type BatchNormStep =
  | StepOf<'batch-norm-statistics', 'input', Moments>
  /** The running statistics follow those of the batch, which has `count` values a channel. */
  | StepOf<
      'batch-norm-follow',
      Moments | 'batchMean' | 'batchVariance',
      Moments,
      { readonly momentum: number; readonly count: number }
    >
  /** `isOfBatch`: mean and variance are the batch's, made in the same run. */
  | StepOf<
      'batch-norm-forward',
      'input' | 'scale' | 'shift' | Moments,
      'output',
      Normalized & { readonly isOfBatch: boolean }
    >
  | (StepOf<
      'batch-norm-parameters-gradient',
      'input' | 'outputGradient' | Moments,
      'scaleGradient' | 'shiftGradient',
      Normalized
    > &
      Activating)
  /** Only the batch's statistics change with the input: with running ones, input, mean and sums are not read. */
  | (StepOf<
      'batch-norm-input-gradient',
      'outputGradient' | 'scale' | 'variance',
      'inputGradient',
      Normalized & Adding
    > &
      Activating &
      MayAdd & {
        readonly reads: Partial<
          Readonly<Record<'input' | 'mean' | 'scaleGradient' | 'shiftGradient' | 'shift', View>>
        >
      })

type Context = PlanContext<'batch-norm'>

function momentsOf({ isTrained, parameter, ofBatch, input }: Context): Record<Moments, View> {
  const channels = input.shape[3]
  if (!isTrained) return { mean: parameter('mean'), variance: parameter('variance') }
  return { mean: ofBatch('batchMean', channels), variance: ofBatch('batchVariance', channels) }
}

/** Whether the activation is a step of its own, in both directions: its gradient needs the sums, and those made again won't do. */
const isActivationApart = (context: Context): boolean => keepsSums(context) && !isSmooth(context.options)

/** The options of the steps that normalize. */
const normalized = (context: Context): Normalized => ({
  epsilon: context.options.epsilon,
  activation: isActivationApart(context) ? undefined : context.options.activation,
})

export const batchNormPlanner: LayerPlanner<'batch-norm', BatchNormStep | ActivationStep> = {
  tail: (_layer, { epsilon, activation }) => ({ does: 'scales', epsilon, activation }),

  forward(context) {
    const { name: layer, input, output, parameter, options } = context
    const moments = momentsOf(context)
    const steps: (BatchNormStep | ActivationStep)[] = []
    const { activation } = options
    const kept = activation !== undefined && isActivationApart(context) ? sumsOf(context) : null
    const count = elementCount(input.shape.slice(0, 3))
    if (context.isTrained) {
      if (count === 1) {
        throw new ShapeError(
          `${layer}: in training it takes the variance of each channel over batch, height and width, and there is one value; ` +
            'use a larger batch or larger images, or freeze the layer',
        )
      }
      const writes = moments
      if (!context.isRemade) {
        steps.push({
          kind: 'batch-norm-statistics',
          layer,
          pass: 'forward',
          reads: { input },
          writes,
          options: {},
        })
      }
    }
    if (context.isUpdated) {
      const running = { mean: parameter('mean'), variance: parameter('variance') }
      steps.push({
        kind: 'batch-norm-follow',
        layer,
        pass: 'forward',
        reads: { ...running, batchMean: moments.mean, batchVariance: moments.variance },
        writes: running,
        options: { momentum: options.momentum, count },
      })
    }
    steps.push({
      kind: 'batch-norm-forward',
      layer,
      pass: 'forward',
      reads: { input, scale: parameter('scale'), shift: parameter('shift'), ...moments },
      writes: { output: kept ?? output },
      options: { ...normalized(context), isOfBatch: context.isTrained },
    })
    if (kept && activation !== undefined) steps.push(applied(activation, layer, kept, output))
    return steps
  },

  backward(context) {
    const { name: layer, input, parameter, parameterGradient, isTrained } = context
    const place = context.addedGradient()
    if (!isTrained && !place) return []
    const { mean, variance } = momentsOf(context)
    const { activation } = context.options
    const steps: (BatchNormStep | ActivationStep)[] = []
    let outputGradient = context.outputGradient()
    if (activation !== undefined && isActivationApart(context)) {
      const gradient = context.between('sums.gradient', NO_HALO)
      steps.push(throughActivation(activation, context, sumsOf(context), gradient))
      outputGradient = gradient
    }
    const given = { outputGradient, variance }
    const activating = normalized(context).activation !== undefined
    const parameters = { scale: parameter('scale'), shift: parameter('shift') }
    const known = activating && {
      ...(!needsSums(context.options) && { output: context.output }),
      ...(isTrained || needsSums(context.options) ? { input, mean, ...parameters } : {}),
    }
    const gradients = isTrained && {
      scaleGradient: parameterGradient('scale'),
      shiftGradient: parameterGradient('shift'),
    }
    if (gradients)
      steps.push({
        kind: 'batch-norm-parameters-gradient',
        layer,
        pass: 'backward',
        reads: { input, mean, ...given, ...known },
        writes: gradients,
        options: normalized(context),
      })
    if (place) {
      const adding = addingTo(place)
      const ofBatch = gradients && { input, mean, ...gradients }
      steps.push({
        kind: 'batch-norm-input-gradient',
        layer,
        pass: 'backward',
        reads: { ...given, ...known, scale: parameters.scale, ...ofBatch, ...adding.reads },
        writes: adding.writes,
        options: { ...normalized(context), ...adding.options },
      })
    }
    return steps
  },
}
