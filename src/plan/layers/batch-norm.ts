import { ShapeError } from '../../errors.ts'
import type { Activated } from '../../layers/index.ts'
import { elementCount } from '../../tensor.ts'
import type { Adding, MayAdd, StepOf } from '../step.ts'
import type { View } from '../views.ts'
import { addingTo, type LayerPlanner, type PlanContext } from './layer-planner.ts'

type Normalized = Activated & { readonly epsilon: number }
/** What an activation made, where there is one: its gradient goes by that. */
type Activating = { readonly reads: { readonly output?: View } }
type Moments = 'mean' | 'variance'

/** Mean and variance are the running ones or the batch's, whichever the layer goes by. */
export type BatchNormStep =
  | StepOf<'batch-norm-statistics', 'input', Moments>
  /** The running ones follow those of the batch, of `count` values a channel. */
  | StepOf<
      'batch-norm-follow',
      Moments | 'batchMean' | 'batchVariance',
      Moments,
      { readonly momentum: number; readonly count: number }
    >
  | StepOf<'batch-norm-forward', 'input' | 'scale' | 'shift' | Moments, 'output', Normalized>
  | (StepOf<
      'batch-norm-parameters-gradient',
      'input' | 'outputGradient' | Moments,
      'scaleGradient' | 'shiftGradient',
      Normalized
    > &
      Activating)
  /** The gradients of scale and shift are read where statistics are the batch's, and move with every value of it. */
  | (StepOf<
      'batch-norm-input-gradient',
      'input' | 'outputGradient' | 'scale' | Moments,
      'inputGradient',
      Normalized & Adding
    > &
      Activating &
      MayAdd & { readonly reads: { readonly scaleGradient?: View; readonly shiftGradient?: View } })

type Context = PlanContext<'batch-norm'>

function momentsOf({ isTrained, parameter, ofBatch, input }: Context): Record<Moments, View> {
  const channels = input.shape[3]
  if (!isTrained) return { mean: parameter('mean'), variance: parameter('variance') }
  return { mean: ofBatch('batchMean', channels), variance: ofBatch('batchVariance', channels) }
}

const normalized = ({ options: { epsilon, activation } }: Context): Normalized => ({ epsilon, activation })

export const batchNormPlanner: LayerPlanner<'batch-norm', BatchNormStep> = {
  forward(context) {
    const { name: layer, input, output, parameter, options } = context
    const moments = momentsOf(context)
    const steps: BatchNormStep[] = []
    const count = elementCount(input.shape.slice(0, 3))
    if (context.isTrained) {
      if (count === 1) {
        throw new ShapeError(
          `${layer}: in training it takes the variance of each channel over batch, height and width, and there is one value; ` +
            'use a larger batch or larger images, or freeze the layer',
        )
      }
      const writes = moments
      steps.push({
        kind: 'batch-norm-statistics',
        layer,
        pass: 'forward',
        reads: { input },
        writes,
        options: {},
      })
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
      writes: { output },
      options: normalized(context),
    })
    return steps
  },

  backward(context) {
    const { name: layer, input, parameter, parameterGradient, isTrained } = context
    const place = context.addedGradient()
    if (!isTrained && !place) return []
    const reads = {
      input,
      outputGradient: context.outputGradient(),
      ...(context.options.activation !== undefined && { output: context.output }),
      ...momentsOf(context),
    }
    const steps: BatchNormStep[] = []
    const gradients = isTrained && {
      scaleGradient: parameterGradient('scale'),
      shiftGradient: parameterGradient('shift'),
    }
    if (gradients)
      steps.push({
        kind: 'batch-norm-parameters-gradient',
        layer,
        pass: 'backward',
        reads,
        writes: gradients,
        options: normalized(context),
      })
    if (place) {
      const adding = addingTo(place)
      steps.push({
        kind: 'batch-norm-input-gradient',
        layer,
        pass: 'backward',
        reads: { ...reads, scale: parameter('scale'), ...gradients, ...adding.reads },
        writes: adding.writes,
        options: { ...normalized(context), ...adding.options },
      })
    }
    return steps
  },
}
