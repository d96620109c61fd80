import type { Step, StepKind } from '../plan/steps.ts'
import { activationBackward, activationForward } from './activation.ts'
import { addForward } from './add.ts'
import { averagePoolBackward, averagePoolForward } from './average-pool.ts'
import {
  batchNormFollow,
  batchNormForward,
  batchNormInputGradient,
  batchNormParametersGradient,
  batchNormStatistics,
} from './batch-norm.ts'
import { concatBackward, concatForward } from './concat.ts'
import { convForward } from './conv-forward.ts'
import { convInputGradient } from './conv-input-gradient.ts'
import { convWeightsGradient } from './conv-weights-gradient.ts'
import { denseForward } from './dense-forward.ts'
import { denseInputGradient } from './dense-input-gradient.ts'
import { denseWeightsGradient } from './dense-weights-gradient.ts'
import { dropoutBackward, dropoutForward } from './dropout.ts'
import { withHalos } from './halo.ts'
import type { KernelRule } from './kernel.ts'
import { l2LossBackward, l2LossForward } from './l2-loss.ts'
import { lrnBackward, lrnForward } from './lrn.ts'
import { maxPoolBackward, maxPoolForward } from './max-pool.ts'
import { layerOutputGradient } from './output-gradient.ts'
import { sliceBackward, sliceForward } from './slice.ts'
import { softmaxBackward, softmaxForward } from './softmax.ts'
import { softmaxLossBackward, softmaxLossForward } from './softmax-loss.ts'
import { sumGradients } from './sum-gradients.ts'
import { accumulateGradient, adamUpdate, clipGradients, sgdUpdate } from './update.ts'

/** A rule whose candidates only it understands. */
export type AnyKernelRule<Kind extends StepKind> = KernelRule<Kind, never> | KernelRule<Kind>

/** The table step kind -> kernel. A kind without one does not compile. */
export type KernelTable = { readonly [Kind in StepKind]: AnyKernelRule<Kind> }

export const kernels: KernelTable = {
  'conv-forward': convForward,
  'conv-weights-gradient': convWeightsGradient,
  'conv-input-gradient': convInputGradient,
  'dense-forward': denseForward,
  'dense-weights-gradient': denseWeightsGradient,
  'dense-input-gradient': denseInputGradient,
  'output-gradient': layerOutputGradient,
  'activation-forward': activationForward,
  'activation-backward': activationBackward,
  'lrn-forward': lrnForward,
  'lrn-backward': lrnBackward,
  'dropout-forward': dropoutForward,
  'dropout-backward': dropoutBackward,
  'max-pool-forward': maxPoolForward,
  'max-pool-backward': maxPoolBackward,
  'average-pool-forward': averagePoolForward,
  'average-pool-backward': averagePoolBackward,
  'batch-norm-statistics': batchNormStatistics,
  'batch-norm-follow': batchNormFollow,
  'batch-norm-forward': batchNormForward,
  'batch-norm-parameters-gradient': batchNormParametersGradient,
  'batch-norm-input-gradient': batchNormInputGradient,
  'add-forward': addForward,
  'concat-forward': concatForward,
  'concat-backward': concatBackward,
  'slice-forward': sliceForward,
  'slice-backward': sliceBackward,
  'softmax-forward': softmaxForward,
  'softmax-backward': softmaxBackward,
  'l2-loss-forward': l2LossForward,
  'l2-loss-backward': l2LossBackward,
  'softmax-loss-forward': softmaxLossForward,
  'softmax-loss-backward': softmaxLossBackward,
  'sum-gradients': sumGradients,
  'accumulate-gradient': accumulateGradient,
  'clip-gradients': clipGradients,
  'sgd-update': sgdUpdate,
  'adam-update': adamUpdate,
}

/** The rule of a step whose kind is only known at run time, with halos. */
export function kernelOf(table: KernelTable, step: Step): KernelRule<StepKind> {
  const rule = table[step.kind] as KernelRule<StepKind>
  return {
    ...rule,
    build: (given, traits, candidate) => withHalos(rule.build(given, traits, candidate), given, traits),
  }
}
