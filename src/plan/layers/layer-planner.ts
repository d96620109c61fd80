import type { LayerKind, LayerOptions } from '../../layers/index.ts'
import type { ResolvedLayer } from '../../networks/network.ts'
import type { Halo, View } from '../views.ts'

/** A place for a layer's part of an input's gradient. */
export interface GradientPlace {
  readonly view: View
  /** Other layers' parts are there, and this one must be added. */
  readonly adds: boolean
}

/** What a layer's rule may ask while its steps are planned. */
export interface PlanContext<Kind extends LayerKind> {
  readonly layer: ResolvedLayer
  readonly name: string
  readonly options: LayerOptions<Kind>
  /** The first of them, and all that the layer reads. */
  readonly input: View
  readonly inputs: readonly View[]
  readonly output: View
  /** False in the pass forward, and of a frozen layer: it does what it does when it is used, and its parameters get no gradient. */
  readonly isTrained: boolean
  /** In the pass train, unless it is frozen: what it takes of the batch goes into its running statistics. */
  readonly isUpdated: boolean
  parameter(name: string): View
  /** Which draw of random numbers it is; left out where all are the first. */
  readonly turn?: View
  /** Backward alone: */
  outputGradient(): View
  parameterGradient(name: string): View
  /** A new tensor for this layer's part of an input's gradient; null where nobody asks for it. */
  inputGradient(index?: number): View | null
  /** The same for steps that can add to what others gave, so that no tensor is needed for each. */
  addedGradient(index?: number): GradientPlace | null
  /** Says that an input's gradient is a tensor that others read too, and that nobody may change. */
  passGradient(index: number, gradient: View): void
  /** A tensor between two steps of this layer, of the output's shape. */
  between(name: string, halo: Halo): View
  /** A few values of the whole batch, that forward makes and backward reads. */
  ofBatch(name: string, length: number): View
}

/** A step of this layer kind: the table of all kinds is in plan/steps.ts, which reads the kinds' own files. */
export interface LayerStep {
  readonly kind: string
  readonly layer: string
  readonly pass: 'forward' | 'backward' | 'update'
  readonly reads: object
  readonly writes: object
  readonly options: object
}

/** How a layer kind becomes steps. */
export interface LayerPlanner<Kind extends LayerKind, S extends LayerStep = LayerStep> {
  /** The zeros that it reads around its input. */
  readonly inputHalo?: (layer: ResolvedLayer, options: LayerOptions<Kind>) => Halo
  /** Those that it reads around its output's gradient, as it was given. */
  readonly gradientHalo?: (layer: ResolvedLayer, options: LayerOptions<Kind>) => Halo
  /** Reads its input value by value, so that the input needs no channels rounded up to the vector. */
  readonly readsAnyPitch?: boolean
  forward(context: PlanContext<Kind>): readonly S[]
  backward(context: PlanContext<Kind>): readonly S[]
}

/** What a step of several inputs calls them: `input`, `input1` and so on. */
export const inputKey = (index: number): string => (index === 0 ? 'input' : `input${index}`)

export const namedInputs = (inputs: readonly View[]): Readonly<Record<string, View>> =>
  Object.fromEntries(inputs.map((view, index) => [inputKey(index), view]))

/** What a step that may add reads and how: of a place for an input's gradient. */
export const addingTo = ({ view, adds }: GradientPlace) => ({
  reads: adds ? { inputGradient: view } : {},
  writes: { inputGradient: view },
  options: { adds },
})
