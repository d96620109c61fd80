import type { Activation, LayerKind, LayerOptions } from '../../layers/index.ts'
import type { ResolvedLayer } from '../../networks/network.ts'
import type { MayAdd, StepPass } from '../step.ts'
import type { Halo, View } from '../views.ts'

/** Where a layer writes its share of an input's gradient. */
export interface GradientPlace {
  readonly view: View
  /** Other layers have written their shares there, so this one must be added. */
  readonly adds: boolean
}

/**
 * What a layer does to its input value by value, so that a step that makes the input can do it as well, without the input
 * ever being in memory: `scales` each channel by its parameters (scale, shift, mean, variance), `adds` its other input, or
 * only `activates`.
 */
export interface Tail {
  readonly does: 'scales' | 'adds' | 'activates'
  readonly epsilon?: number
  /** Of the result. */
  readonly activation?: Activation | undefined
}

/** The tails that a layer's step does after its own sums: it scales, then adds, then activates. */
export interface Fused {
  readonly scaled: { readonly reads: Readonly<Record<string, View>>; readonly epsilon: number } | null
  readonly addend: View | null
  readonly activation: Activation | undefined
}

/** What a layer's rule may ask while its steps are planned. */
export interface PlanContext<Kind extends LayerKind> {
  readonly layer: ResolvedLayer
  readonly name: string
  readonly options: LayerOptions<Kind>
  /** The first input, and for most layers the only one. */
  readonly input: View
  readonly inputs: readonly View[]
  /** Of the last of the layers that are fused with this one, if there are any. */
  readonly output: View
  readonly fused?: Fused
  /**
   * False in the pass forward and for a frozen layer: the layer then does what it does after training, and its
   * parameters get no gradient.
   */
  readonly isTrained: boolean
  /** True in the pass train unless the layer is frozen: its running statistics then follow the batch's. */
  readonly isUpdated: boolean
  /** Whether forward is done again for what was not kept: statistics of the batch are there already. */
  readonly isRemade: boolean
  /** Whether steps backward will follow: the pass computes gradients, and the gradient of this layer's output is needed. */
  readonly hasBackward: boolean
  parameter(name: string): View
  /** The number of the run; left out if it is always the first. */
  readonly turn?: View
  /** Only in backward: */
  outputGradient(): View
  parameterGradient(name: string): View
  /** A new tensor for this layer's share of an input's gradient; null if that gradient isn't wanted. */
  inputGradient(index?: number): View | null
  /** The same for steps that can add to what other layers wrote, so that no separate tensor is needed. */
  addedGradient(index?: number): GradientPlace | null
  /** Says that an input's gradient is this tensor, which others read too and nobody may change. */
  passGradient(index: number, gradient: View): void
  /**
   * A tensor between two steps of this layer, with the output's shape. The same name gives the same tensor, forward and
   * backward.
   */
  between(name: string, halo: Halo): View
  /** A tensor of a parameter's shape that a step of the pass `prepare` makes. It lasts as long as the parameters stay. */
  prepared(name: string, like: View): View
  /** A few values of the whole batch, made by forward and read by backward. */
  ofBatch(name: string, length: number): View
}

/** A step of this layer kind. The table of all kinds is in plan/steps.ts, which imports the kinds' own files. */
export interface LayerStep {
  readonly kind: string
  readonly layer: string
  readonly pass: StepPass
  readonly reads: object
  readonly writes: object
  readonly options: object
}

/** How a layer kind is turned into steps. */
export interface LayerPlanner<Kind extends LayerKind, S extends LayerStep = LayerStep> {
  /** The zeros that the layer reads around its input. */
  readonly inputHalo?: (layer: ResolvedLayer, options: LayerOptions<Kind>) => Halo
  /** The zeros that it reads around its output's gradient, as the layers after it write that. */
  readonly gradientHalo?: (layer: ResolvedLayer, options: LayerOptions<Kind>) => Halo
  /** It reads its input value by value, so the input's channels need not be rounded up to whole vectors. */
  readonly readsAnyPitch?: boolean
  /** What the layer does to its input value by value; null or left out if it does more. Asked in the pass forward alone. */
  readonly tail?: (layer: ResolvedLayer, options: LayerOptions<Kind>) => Tail | null
  /** Whether the layer's own step can do a tail of this sort after its sums. */
  readonly fuses?: (does: Tail['does'], options: LayerOptions<Kind>) => boolean
  forward(context: PlanContext<Kind>): readonly S[]
  backward(context: PlanContext<Kind>): readonly S[]
}

/** The name of an input of a step that has several: `input`, `input1` and so on. */
export const inputKey = (index: number): string => (index === 0 ? 'input' : `input${index}`)

export const namedInputs = (inputs: readonly View[]): Readonly<Record<string, View>> =>
  Object.fromEntries(inputs.map((view, index) => [inputKey(index), view]))

/** What a step that can add must read and write, and its option, for the place of an input's gradient. */
export const addingTo = ({ view, adds }: GradientPlace) => ({
  reads: (adds ? { inputGradient: view } : {}) as MayAdd['reads'],
  writes: { inputGradient: view },
  options: { adds },
})
