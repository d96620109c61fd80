import type { Adam, ParameterOptions, Sgd } from '../optimizers/index.ts'
import type { ActivationStep } from './layers/activation.ts'
import type { AddStep } from './layers/add.ts'
import type { AveragePoolStep } from './layers/average-pool.ts'
import type { BatchNormStep } from './layers/batch-norm.ts'
import type { ChannelPoolStep } from './layers/channel-pool.ts'
import type { ChannelShuffleStep } from './layers/channel-shuffle.ts'
import type { ConcatStep } from './layers/concat.ts'
import type { ConvStep } from './layers/conv.ts'
import type { CropStep } from './layers/crop.ts'
import type { DenseStep } from './layers/dense.ts'
import type { DepthToSpaceStep } from './layers/depth-to-space.ts'
import type { DivideStep } from './layers/divide.ts'
import type { DropoutStep } from './layers/dropout.ts'
import type { FlattenStep } from './layers/flatten.ts'
import type { GroupNormStep } from './layers/group-norm.ts'
import type { InstanceNormStep } from './layers/instance-norm.ts'
import type { L2LossStep } from './layers/l2-loss.ts'
import type { LayerNormStep } from './layers/layer-norm.ts'
import type { LrnStep } from './layers/lrn.ts'
import type { MaxPoolStep } from './layers/max-pool.ts'
import type { MaximumStep } from './layers/maximum.ts'
import type { MinimumStep } from './layers/minimum.ts'
import type { MultiplyStep } from './layers/multiply.ts'
import type { PadStep } from './layers/pad.ts'
import type { PreluStep } from './layers/prelu.ts'
import type { ResizeStep } from './layers/resize.ts'
import type { ScaleStep } from './layers/scale.ts'
import type { SliceStep } from './layers/slice.ts'
import type { SoftmaxStep } from './layers/softmax.ts'
import type { SoftmaxLossStep } from './layers/softmax-loss.ts'
import type { SpaceToDepthStep } from './layers/space-to-depth.ts'
import type { SubtractStep } from './layers/subtract.ts'
import type { UnflattenStep } from './layers/unflatten.ts'
import type { OutputGradientStep } from './layers/weighted-sums.ts'
import type { StepOf } from './step.ts'
import type { View } from './views.ts'

export { inputKey } from './layers/layer-planner.ts'

import { changesOf, readsOf } from './step.ts'

export { changesOf, goesForward, readsOf, type StepPass, writesOf } from './step.ts'

/**
 * Updates a parameter by its gradient, in place, and the optimizer's states. `total`: the gradient is the sum over
 * several runs, and is cleared for the next update. `factor`: what clipping multiplies gradients by.
 */
type Update<Kind extends string, States extends string, Options> = StepOf<
  Kind,
  'parameter' | 'gradient' | 'rates' | States,
  'parameter' | States,
  Options & ParameterOptions
> & { readonly reads: { readonly factor?: View }; readonly writes: { readonly gradient?: View } }

/**
 * One step of what a run does. Each kind has a kernel in src/kernels/ and a truth, in src/bench/truth.ts, that its
 * results are compared with. Parameters are views (1, 1, rows, columns): weights have KH * KW * C (dense: H * W * C)
 * rows of F.
 */
export type Step =
  | ConvStep
  | DenseStep
  | OutputGradientStep
  | ActivationStep
  | PreluStep
  | LrnStep
  | DropoutStep
  | MaxPoolStep
  | AveragePoolStep
  | ChannelPoolStep
  | BatchNormStep
  | ScaleStep
  | AddStep
  | SubtractStep
  | MultiplyStep
  | DivideStep
  | MaximumStep
  | MinimumStep
  | ConcatStep
  | SliceStep
  | CropStep
  | PadStep
  | FlattenStep
  | UnflattenStep
  | ChannelShuffleStep
  | DepthToSpaceStep
  | SpaceToDepthStep
  | ResizeStep
  | LayerNormStep
  | InstanceNormStep
  | GroupNormStep
  | SoftmaxStep
  | L2LossStep
  | SoftmaxLossStep
  /**
   * Used if several layers read one tensor: adds one layer's gradient to that of the others, in place. If neither
   * may be changed, the first is copied and the other added to the copy.
   */
  | (StepOf<'sum-gradients', 'other', 'sum'> & { readonly reads: { readonly sum?: View } })
  /** total + share * gradient, in place, which makes the mean over several runs. */
  | StepOf<'accumulate-gradient', 'gradient' | 'total', 'total', { readonly share: number }>
  /** The 2-norm of all gradients together, and the factor that brings it down to at most `limit`. */
  | StepOf<'clip-gradients', string, 'norm' | 'factor', { readonly limit: number }>
  | Update<'sgd-update', 'momentum', Sgd>
  | Update<'adam-update', 'moment1' | 'moment2', Adam>

/**
 * For each step, what it reads for the last time or changes in place. A tensor that is intact then was intact at every
 * read before.
 */
export function lastReads(steps: readonly Step[]): readonly (readonly View[])[] {
  const last = new Map<number, number>()
  for (const [index, step] of steps.entries()) for (const { buffer } of readsOf(step)) last.set(buffer, index)
  return steps.map((step, index) => {
    const changed = new Set(changesOf(step).map(({ buffer }) => buffer))
    return readsOf(step).filter(({ buffer }) => changed.has(buffer) || last.get(buffer) === index)
  })
}

/** The kind of a step: 'conv-forward', 'sgd-update' and so on. */
export type StepKind = Step['kind']

/** The step of one kind, with its options and the names of what it reads and writes. */
export type StepOfKind<Kind extends StepKind> = Extract<Step, { kind: Kind }>
