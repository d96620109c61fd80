import type { Rules } from '../check-options.ts'
import type { Grid } from '../tensor.ts'

/** Options that every optimizer has for a parameter. */
export interface ParameterOptions {
  /** L2 penalty: decay * parameter is added to the gradient. */
  readonly decay: number
  /** What the learning rate is multiplied by; 1 if left out. */
  readonly rateFactor?: number
}

/** One parameter and what belongs to it, as (1, 1, rows, columns) grids. */
export interface UpdateContext<Options> {
  readonly options: Options & ParameterOptions
  /** The result of the optimizer's `rates` for this step. */
  readonly rates: ArrayLike<number>
  /** What gradients are multiplied by: 1 unless they are clipped. */
  readonly factor: number
  readonly gradient: Grid
  /** Changed in place, like the states. */
  readonly parameter: Grid
  readonly states: readonly Grid[]
}

/** An optimizer: its states for each parameter, what changes from step to step, and the plain loop of one update. */
export interface OptimizerDefinition<Options> {
  /** The names of its states, tensors of the parameter's shape that are zero at first: `conv1/weights.momentum`. */
  readonly states: readonly string[]
  /** What each option must be. */
  readonly rules: Rules<Omit<Options, 'kind'>>
  /** RATES numbers that depend on the learning rate and on the step, which is counted from 1. */
  rates(options: Options, rate: number, step: number): number[]
  update(context: UpdateContext<Options>): void
}

/** How many numbers `rates` returns. */
export const RATES = 2
