import type { View } from './views.ts'

/** What every step has. Each layer kind says in plan/layers/ which steps it becomes. */
export interface StepOf<
  Kind extends string,
  Reads extends string,
  Writes extends string,
  Options = Readonly<Record<never, never>>,
> {
  readonly kind: Kind
  /** The layer that it belongs to. */
  readonly layer: string
  readonly pass: 'forward' | 'backward' | 'update'
  /** What it needs, all written by steps before it (or by the caller). */
  readonly reads: { readonly [Name in Reads]: View }
  /**
   * What it makes: all of the tensor, and the zeros of its halo. A tensor that it reads too, by the same view, is changed
   * in place.
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
 * Of a step backward that can add its part of an input's gradient to what other layers gave: whether it does. The input's
 * gradient is then among what the step reads, too.
 */
export interface Adding {
  readonly adds: boolean
}
export interface MayAdd {
  readonly reads: { readonly inputGradient?: View }
}
