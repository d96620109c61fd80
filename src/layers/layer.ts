import { arrayOfText, optional, type Rules, requireOptions } from '../check-options.ts'
import { NetworkError } from '../errors.ts'
import type { Grid, Shape } from '../tensor.ts'

/** One layer of a network, as plain data: it can be stored, sent to a worker, compared. */
export interface LayerOf<Kind extends string, Name extends string, Options> {
  readonly kind: Kind
  readonly name: Name
  /** The tensors that it reads; left out, the one layer (or input) before it. */
  readonly inputs?: readonly string[]
  readonly options: Options
}

/** What every layer's factory takes beside the layer's own options. */
export interface LayerInputs {
  readonly inputs?: readonly string[]
}

/** What a parameter does: initial values, decay and the check's data go by it. */
export type ParameterRole = 'weights' | 'biases'

export interface ParameterSpec {
  readonly shape: Shape
  readonly role: ParameterRole
}

/** Work of one image, 2 a multiply-add; what has no multiply-adds of its own (ReLU, LRN, pooling) counts 0. */
export interface LayerFlops {
  readonly forward: number
  readonly parametersGradient: number
  readonly inputGradient: number
}

export interface ForwardContext<Options> {
  /** The layer's. */
  readonly name: string
  readonly options: Options
  readonly inputs: readonly Grid[]
  readonly parameters: Readonly<Record<string, Float32Array | Float64Array>>
  readonly output: Grid
  /** Which draw of random numbers it is; the first, 0, by default. */
  readonly turn?: number
}

export interface BackwardContext<Options> extends ForwardContext<Options> {
  readonly outputGradient: Grid
  /** One an input; null where nobody asks for it. Gradients are added to what is there. */
  readonly inputGradients: readonly (Grid | null)[]
  readonly parameterGradients: Readonly<Record<string, Float64Array>>
}

/** A layer kind: what it makes of shapes, and the plain loops that every engine is checked against. */
export interface LayerDefinition<Options> {
  /** Ends the network; its output is a scalar that belongs to the objective, and forward alone leaves it out. */
  readonly isLoss?: boolean
  /** Of a loss: over the batch it is the mean, not the sum. */
  readonly isMean?: boolean
  /** In the pass forward it does nothing: its output is its input. */
  readonly isOffInForward?: boolean
  /** Does something else in every run of a training: its steps read which turn it is. */
  readonly usesTurns?: boolean
  /** How many tensors it reads; 1 where left out. */
  readonly inputCount?: number
  /** What each option must be. */
  readonly rules: Rules<Options>
  /** Throws ShapeError, naming the layer. Shapes are an image's: (H, W, C). */
  outputShape(name: string, options: Options, inputs: readonly Shape[]): Shape
  parameters(options: Options, inputs: readonly Shape[]): Readonly<Record<string, ParameterSpec>>
  flops(options: Options, inputs: readonly Shape[], output: Shape): LayerFlops
  forward(context: ForwardContext<Options>): void
  backward(context: BackwardContext<Options>): void
}

export const NO_FLOPS: LayerFlops = { forward: 0, parametersGradient: 0, inputGradient: 0 }

/**
 * A layer of what its factory was given: what is left out, or undefined, is taken from `defaults`. Throws NetworkError, naming
 * the layer, for an option that the layer has not or that its rule refuses.
 */
export function makeLayer<Kind extends string, const Name extends string, Options extends object>(
  kind: Kind,
  name: Name,
  given: Partial<Options> & LayerInputs,
  rules: Rules<Options>,
  defaults: Partial<Options> = {},
): LayerOf<Kind, Name, Options> {
  const filled = typeof given === 'object' && given ? { ...defaults, ...withoutUndefined(given) } : given
  requireOptions(name, filled, { ...rules, inputs: optional(arrayOfText) }, NetworkError)
  const { inputs, ...options } = filled as Options & LayerInputs
  return { kind, name, ...(inputs && { inputs }), options: options as unknown as Options }
}

const withoutUndefined = <T extends object>(given: T): Partial<T> =>
  Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as Partial<T>
