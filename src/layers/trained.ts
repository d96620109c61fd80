import {
  finiteNumber,
  numberFromZero,
  numberOverZero,
  objectWith,
  optional,
  type Rules,
} from '../check-options.ts'

/** How training treats a layer with weights, where its network fixes that. */
export interface Trained {
  /** What it begins with; left out, by the layer's fan-in: see `initializeForTraining`. */
  readonly initial?: InitialValues | undefined
  /** Weight decay of the weights, and none of the biases; left out, the training's own of both. */
  readonly decay?: number | undefined
}

export interface InitialValues {
  /** Of the weights, which are truncated normal: redrawn past 2 standard deviations. */
  readonly weightsSd: number
  /** Each of them. */
  readonly biases: number
}

export const trainedRules: Rules<Trained> = {
  initial: optional(objectWith<InitialValues>({ weightsSd: numberOverZero, biases: finiteNumber })),
  decay: optional(numberFromZero),
}
