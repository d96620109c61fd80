import { isFiniteNumber, requireOption } from './layer.ts'

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

const isSd = (sd: number) => isFiniteNumber(sd) && sd > 0

/** Throws NetworkError, naming the layer and the option. */
export function validateTrained(name: string, { initial, decay }: Trained): void {
  if (initial !== undefined) {
    requireOption(name, 'initial.weightsSd', initial.weightsSd, isSd, 'a number over 0')
    requireOption(name, 'initial.biases', initial.biases, isFiniteNumber, 'a number')
  }
  const isDecay = (value: number) => isFiniteNumber(value) && value >= 0
  if (decay !== undefined) requireOption(name, 'decay', decay, isDecay, 'a number from 0')
}
