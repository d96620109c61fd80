import {
  finiteNumber,
  numberFromZero,
  numberOverZero,
  objectWith,
  optional,
  type Rules,
} from '../check-options.ts'

/** How training treats a layer's parameters, if the network fixes that. */
export interface Decayed {
  /**
   * Weight decay of the weights (biases then have none), or of a batch norm's scale and shift. For the default see
   * `weightDecays`.
   */
  readonly decay?: number | undefined
}

/** How training treats the parameters of a layer with weights, if the network fixes that. */
export interface Trained extends Decayed {
  /** Initial values; by default as `initializeForTraining` chooses them. */
  readonly initial?: InitialValues | undefined
}

/** How the parameters of a layer with weights begin a training. */
export interface InitialValues {
  /** Standard deviation of the weights, which are truncated normal: redrawn past 2 standard deviations. */
  readonly weightsSd: number
  /** The value of every bias. */
  readonly biases: number
}

export const decayedRules: Rules<Decayed> = { decay: optional(numberFromZero) }

export const trainedRules: Rules<Trained> = {
  initial: optional(objectWith<InitialValues>({ weightsSd: numberOverZero, biases: finiteNumber })),
  ...decayedRules,
}
