import type { View } from './views.ts'

/**
 * `prepare`: it depends on parameters alone, and runs only after they were written. `remake`: a step of forward that is done
 * again in backward, since what it made was not kept.
 */
export type StepPass = 'prepare' | 'forward' | 'remake' | 'backward' | 'update'

/** Whether it does what its layer does forward. */
export const goesForward = ({ pass }: { readonly pass: StepPass }): boolean =>
  pass === 'forward' || pass === 'remake'

/** What every step has. In plan/layers/ each layer kind says which steps it becomes. */
export interface StepOf<
  Kind extends string,
  Reads extends string,
  Writes extends string,
  Options = Readonly<Record<never, never>>,
> {
  readonly kind: Kind
  /** The layer that it belongs to. */
  readonly layer: string
  readonly pass: StepPass
  /** The tensors it needs, all written by earlier steps or by the caller. */
  readonly reads: { readonly [Name in Reads]: View }
  /**
   * The tensors it makes, each of them whole, with the zeros of its halo. A tensor that it also reads, by the same
   * view, is changed in place.
   */
  readonly writes: { readonly [Name in Writes]: View }
  readonly options: Options
}

interface Views {
  readonly reads: object
  readonly writes: object
}

export const readsOf = (step: Views): readonly View[] => Object.values<View>(step.reads as never)
export const writesOf = (step: Views): readonly View[] => Object.values<View>(step.writes as never)

/** What a step changes in place. */
export const changesOf = (step: Views): readonly View[] => {
  const read = new Set(readsOf(step).map(({ buffer }) => buffer))
  return writesOf(step).filter(({ buffer }) => read.has(buffer))
}

/**
 * A step backward that can add its share of an input's gradient to that of other layers. If it adds, the input's
 * gradient is also among what the step reads.
 */
export interface Adding {
  readonly adds: boolean
}
export interface MayAdd {
  readonly reads: { readonly inputGradient?: View }
}
