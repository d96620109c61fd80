import type { StepOfKind } from '../plan/steps.ts'
import type { Candidate, Implementation, TargetTraits } from './kernel.ts'

export type GroupedKind =
  | 'grouped-conv-forward'
  | 'grouped-conv-weights-gradient'
  | 'grouped-conv-input-gradient'

/** One way to compute a step of a convolution in groups. The first way that fits is used, and its candidates are measured. */
export interface GroupedWay<Kind extends GroupedKind, C extends Candidate = Candidate> {
  fits(step: StepOfKind<Kind>, traits: TargetTraits): boolean
  candidates(step: StepOfKind<Kind>, traits: TargetTraits): readonly C[]
  build(step: StepOfKind<Kind>, traits: TargetTraits, candidate: C): Implementation
}
