import { type KernelTable, kernelOf } from '../kernels/index.ts'
import {
  type Algorithm,
  type Candidate,
  candidateName,
  type Implementation,
  type TargetTraits,
} from '../kernels/kernel.ts'
import type { Plan } from '../plan/plan.ts'
import type { Step } from '../plan/steps.ts'
import { type Tuning, tuningKey } from '../runtime/tuning.ts'

/** Which candidates each step may use: all, or only those of the requested algorithm if it has any. */
export class StepChoices {
  readonly #kernels: KernelTable
  readonly #traits: TargetTraits
  readonly #algorithm: Algorithm
  readonly #weightsChange: boolean

  /** `weightsChange`: the weights change in every run, as in training. */
  constructor(
    kernels: KernelTable,
    traits: TargetTraits,
    { algorithm, weightsChange }: { readonly algorithm: Algorithm; readonly weightsChange: boolean },
  ) {
    this.#kernels = kernels
    this.#traits = traits
    this.#algorithm = algorithm
    this.#weightsChange = weightsChange
  }

  candidatesOf(step: Step): readonly Candidate[] {
    const all = this.#rule(step)
      .candidates(step as never, this.#traits)
      .filter((candidate) => this.#weightsChange || !candidate.isForChangingWeights)
    const own = all.filter(({ algorithm }) => algorithm === this.#algorithm)
    return own.length > 0 ? own : all
  }

  /** The key of the step's choice in a tuning. */
  keyOf(step: Step): string {
    const isPreparedAnew = this.#weightsChange && 'weights' in step.reads
    return isPreparedAnew ? `${tuningKey(step)} in training` : tuningKey(step)
  }

  /** Why a step is not done by the requested algorithm; null if it is, or if none was requested. */
  noteOf(step: Step): string | null {
    const algorithm = this.#algorithm
    const rule = this.#rule(step)
    if (algorithm === 'auto' || !rule.whyNot) return null
    if (this.candidatesOf(step).some((candidate) => candidate.algorithm === algorithm)) return null
    return rule.whyNot(step as never, algorithm)
  }

  build(step: Step, candidate: Candidate): Implementation {
    return this.#rule(step).build(step as never, this.#traits, candidate)
  }

  /** The first candidate of each step, unmeasured. */
  defaults(plan: Plan): Implementation[] {
    return plan.steps.map((step) => this.build(step, this.candidatesOf(step)[0]!))
  }

  chosen(plan: Plan, choices: Tuning['choices']): Implementation[] {
    return plan.steps.map((step) => this.build(step, this.chosenFor(step, choices)))
  }

  chosenFor(step: Step, choices: Tuning['choices']): Candidate {
    const candidates = this.candidatesOf(step)
    const choice = choices[this.keyOf(step)]
    return candidates.find((candidate) => candidateName(candidate) === choice) ?? candidates[0]!
  }

  /** See `KernelRule`. */
  tilesImages(step: Step): boolean {
    return this.#rule(step).tilesImages ?? false
  }

  #rule(step: Step) {
    return kernelOf(this.#kernels, step)
  }
}
