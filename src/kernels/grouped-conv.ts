// Convolutions in groups: each filter reads only the channels of its own group.
import type { StepOfKind } from '../plan/steps.ts'
import { depthwiseForward } from './depthwise-forward.ts'
import { depthwiseInputGradient } from './depthwise-input-gradient.ts'
import { depthwiseWeightsGradient } from './depthwise-weights-gradient.ts'
import { groupedForwardByLanes, groupedInputGradientByLanes } from './grouped-lanes.ts'
import { groupedWeightsGradientByLanes } from './grouped-lanes-weights.ts'
import type { GroupedKind, GroupedWay } from './grouped-way.ts'
import type { KernelRule, TargetTraits } from './kernel.ts'

/** A way, whatever its candidates are: only the way itself reads them. */
type AnyWay<Kind extends GroupedKind> = GroupedWay<Kind, never> | GroupedWay<Kind>

/** A rule that takes the first way that fits; the most special comes first, and the last must fit every step. */
function groupedRule<Kind extends GroupedKind>(...ways: readonly AnyWay<Kind>[]): KernelRule<Kind> {
  const wayOf = (step: StepOfKind<Kind>, traits: TargetTraits) =>
    ways.find((way) => way.fits(step, traits)) as GroupedWay<Kind>
  return {
    candidates: (step, traits) => wayOf(step, traits).candidates(step, traits),
    build: (step, traits, candidate) => wayOf(step, traits).build(step, traits, candidate),
    whyNot: () => 'its filters read only their own group of channels',
  }
}

export const groupedConvForward = groupedRule<'grouped-conv-forward'>(depthwiseForward, groupedForwardByLanes)
export const groupedConvWeightsGradient = groupedRule<'grouped-conv-weights-gradient'>(
  depthwiseWeightsGradient,
  groupedWeightsGradientByLanes,
)
export const groupedConvInputGradient = groupedRule<'grouped-conv-input-gradient'>(
  depthwiseInputGradient,
  groupedInputGradientByLanes,
)
