import type { Rules } from '../check-options.ts'
import type { Grid } from '../tensor.ts'

/** What every optimizer is told of a parameter. */
export interface Regularized {
  /** L2 penalty: decay * parameter is added to the gradient. */
  readonly decay: number
}

/** One parameter with what belongs to it, as (1, 1, rows, columns) grids. */
export interface UpdateContext<Options> {
  readonly options: Options & Regularized
  /** As the optimizer's `rates` gave them for this step. */
  readonly rates: ArrayLike<number>
  /** What gradients are multiplied by: 1 unless they are clipped. */
  readonly factor: number
  readonly gradient: Grid
  /** Changed in place, and so are the states. */
  readonly parameter: Grid
  readonly states: readonly Grid[]
}

/** An optimizer: what it keeps for each parameter, what changes from step to step, and the plain loop of one update. */
export interface OptimizerDefinition<Options> {
  /** Of its own tensors, each of the parameter's shape, zeros at first: `conv1/weights.momentum`. */
  readonly states: readonly string[]
  /** What each option must be. */
  readonly rules: Rules<Omit<Options, 'kind'>>
  /** RATES numbers that depend on the learning rate and the step, counted from 1. */
  rates(options: Options, rate: number, step: number): number[]
  update(context: UpdateContext<Options>): void
}

/** How many numbers `rates` gives. */
export const RATES = 2
