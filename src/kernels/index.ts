import type { Step, StepKind } from '../plan/steps.ts'
import { activationBackward, activationForward } from './activation.ts'
import { addForward, addInputGradient } from './add.ts'
import { averagePoolBackward, averagePoolForward } from './average-pool.ts'
import {
  batchNormFollow,
  batchNormForward,
  batchNormInputGradient,
  batchNormParametersGradient,
  batchNormStatistics,
} from './batch-norm.ts'
import { channelPoolBackward, channelPoolForward } from './channel-pool.ts'
import { channelShuffleBackward, channelShuffleForward } from './channel-shuffle.ts'
import { concatBackward, concatForward } from './concat.ts'
import { convForward } from './conv-forward.ts'
import { convInputGradient } from './conv-input-gradient.ts'
import { convWeightsGradient } from './conv-weights-gradient.ts'
import { cropBackward, cropForward } from './crop.ts'
import { denseForward } from './dense-forward.ts'
import { denseInputGradient } from './dense-input-gradient.ts'
import { denseWeightsGradient } from './dense-weights-gradient.ts'
import { depthToSpaceBackward, depthToSpaceForward } from './depth-to-space.ts'
import { divideForward, divideInputGradient } from './divide.ts'
import { dropoutBackward, dropoutForward } from './dropout.ts'
import { flattenBackward, flattenForward } from './flatten.ts'
import { foldScale } from './fold.ts'
import { groupNormForward, groupNormInputGradient, groupNormParametersGradient } from './group-norm.ts'
import { groupedConvForward, groupedConvInputGradient, groupedConvWeightsGradient } from './grouped-conv.ts'
import { withHalos } from './halo.ts'
import {
  instanceNormForward,
  instanceNormInputGradient,
  instanceNormParametersGradient,
} from './instance-norm.ts'
import type { KernelRule } from './kernel.ts'
import { l2LossBackward, l2LossForward } from './l2-loss.ts'
import { layerNormForward, layerNormInputGradient, layerNormParametersGradient } from './layer-norm.ts'
import { lrnBackward, lrnForward } from './lrn.ts'
import { maxPoolBackward, maxPoolForward } from './max-pool.ts'
import { maximumForward, maximumInputGradient } from './maximum.ts'
import { minimumForward, minimumInputGradient } from './minimum.ts'
import { multiplyForward, multiplyInputGradient } from './multiply.ts'
import { layerOutputGradient } from './output-gradient.ts'
import { padBackward, padForward } from './pad.ts'
import { preluForward, preluInputGradient, preluSlopeGradient } from './prelu.ts'
import { resizeBackward, resizeForward } from './resize.ts'
import { scaleForward, scaleInputGradient, scaleParametersGradient } from './scale.ts'
import { sliceBackward, sliceForward } from './slice.ts'
import { softmaxBackward, softmaxForward } from './softmax.ts'
import { softmaxLossBackward, softmaxLossForward } from './softmax-loss.ts'
import { spaceToDepthBackward, spaceToDepthForward } from './space-to-depth.ts'
import { subtractForward, subtractInputGradient } from './subtract.ts'
import { sumGradients } from './sum-gradients.ts'
import { unflattenBackward, unflattenForward } from './unflatten.ts'
import { accumulateGradient, adamUpdate, clipGradients, sgdUpdate } from './update.ts'

/** A rule whose candidates only the rule itself understands. */
export type AnyKernelRule<Kind extends StepKind> = KernelRule<Kind, never> | KernelRule<Kind>

/** The table step kind -> kernel. A kind without one does not compile. */
export type KernelTable = { readonly [Kind in StepKind]: AnyKernelRule<Kind> }

export const kernels: KernelTable = {
  'conv-forward': convForward,
  'conv-weights-gradient': convWeightsGradient,
  'conv-input-gradient': convInputGradient,
  'grouped-conv-forward': groupedConvForward,
  'grouped-conv-weights-gradient': groupedConvWeightsGradient,
  'grouped-conv-input-gradient': groupedConvInputGradient,
  'dense-forward': denseForward,
  'dense-weights-gradient': denseWeightsGradient,
  'dense-input-gradient': denseInputGradient,
  'fold-scale': foldScale,
  'output-gradient': layerOutputGradient,
  'activation-forward': activationForward,
  'activation-backward': activationBackward,
  'prelu-forward': preluForward,
  'prelu-slope-gradient': preluSlopeGradient,
  'prelu-input-gradient': preluInputGradient,
  'lrn-forward': lrnForward,
  'lrn-backward': lrnBackward,
  'dropout-forward': dropoutForward,
  'dropout-backward': dropoutBackward,
  'max-pool-forward': maxPoolForward,
  'max-pool-backward': maxPoolBackward,
  'average-pool-forward': averagePoolForward,
  'average-pool-backward': averagePoolBackward,
  'channel-pool-forward': channelPoolForward,
  'channel-pool-backward': channelPoolBackward,
  'batch-norm-statistics': batchNormStatistics,
  'batch-norm-follow': batchNormFollow,
  'batch-norm-forward': batchNormForward,
  'batch-norm-parameters-gradient': batchNormParametersGradient,
  'batch-norm-input-gradient': batchNormInputGradient,
  'scale-forward': scaleForward,
  'scale-parameters-gradient': scaleParametersGradient,
  'scale-input-gradient': scaleInputGradient,
  'add-forward': addForward,
  'add-input-gradient': addInputGradient,
  'subtract-forward': subtractForward,
  'subtract-input-gradient': subtractInputGradient,
  'multiply-forward': multiplyForward,
  'multiply-input-gradient': multiplyInputGradient,
  'divide-forward': divideForward,
  'divide-input-gradient': divideInputGradient,
  'maximum-forward': maximumForward,
  'maximum-input-gradient': maximumInputGradient,
  'minimum-forward': minimumForward,
  'minimum-input-gradient': minimumInputGradient,
  'concat-forward': concatForward,
  'concat-backward': concatBackward,
  'slice-forward': sliceForward,
  'slice-backward': sliceBackward,
  'crop-forward': cropForward,
  'crop-backward': cropBackward,
  'pad-forward': padForward,
  'pad-backward': padBackward,
  'flatten-forward': flattenForward,
  'flatten-backward': flattenBackward,
  'unflatten-forward': unflattenForward,
  'unflatten-backward': unflattenBackward,
  'channel-shuffle-forward': channelShuffleForward,
  'channel-shuffle-backward': channelShuffleBackward,
  'depth-to-space-forward': depthToSpaceForward,
  'depth-to-space-backward': depthToSpaceBackward,
  'space-to-depth-forward': spaceToDepthForward,
  'space-to-depth-backward': spaceToDepthBackward,
  'resize-forward': resizeForward,
  'resize-backward': resizeBackward,
  'layer-norm-forward': layerNormForward,
  'layer-norm-parameters-gradient': layerNormParametersGradient,
  'layer-norm-input-gradient': layerNormInputGradient,
  'instance-norm-forward': instanceNormForward,
  'instance-norm-parameters-gradient': instanceNormParametersGradient,
  'instance-norm-input-gradient': instanceNormInputGradient,
  'group-norm-forward': groupNormForward,
  'group-norm-parameters-gradient': groupNormParametersGradient,
  'group-norm-input-gradient': groupNormInputGradient,
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

/** The rule of a step whose kind is known only at run time; its implementation also writes halos. */
export function kernelOf(table: KernelTable, step: Step): KernelRule<StepKind> {
  const rule = table[step.kind] as KernelRule<StepKind>
  return {
    ...rule,
    build: (given, traits, candidate) => withHalos(rule.build(given, traits, candidate), given, traits),
  }
}
