import type { EngineInfo } from '../../../src/engines/engine.ts'

/** Float32Arrays; numbers as they come from a page. */
export type Tensors = Readonly<Record<string, ArrayLike<number>>>

export interface Results {
  readonly engine: EngineInfo
  readonly tensors: Tensors
}

export interface Trained {
  readonly losses: readonly number[]
  readonly parameters: Tensors
}

export interface Stopped {
  /** The name of the error; a run that never checks whether it should stop ends without one. */
  readonly stopped: string
  /** A value of the run after it. */
  readonly sample: number
}

export const jobs: {
  results(options: { engine: string; pass: string }): Promise<Results>
  training(options: { engine: string; epochs: number }): Promise<Trained>
  stop(options: { engine: string; afterMs: number }): Promise<Stopped>
}
