import {
  finiteNumber,
  numberFromZero,
  numberOverZero,
  objectWith,
  optional,
  type Rules,
} from '../check-options.ts'

/** How training treats a layer's parameters, where its network fixes that. */
export interface Decayed {
  /** Weight decay of the weights, and none of the biases, scales and shifts; left out, the training's own of all. */
  readonly decay?: number | undefined
}

/** The same of a layer with weights. */
export interface Trained extends Decayed {
  /** What it begins with; left out, by the layer's fan-in: see `initializeForTraining`. */
  readonly initial?: InitialValues | undefined
}

export interface InitialValues {
  /** Of the weights, which are truncated normal: redrawn past 2 standard deviations. */
  readonly weightsSd: number
  /** Each of them. */
  readonly biases: number
}

export const decayedRules: Rules<Decayed> = { decay: optional(numberFromZero) }

export const trainedRules: Rules<Trained> = {
  initial: optional(objectWith<InitialValues>({ weightsSd: numberOverZero, biases: finiteNumber })),
  ...decayedRules,
}
