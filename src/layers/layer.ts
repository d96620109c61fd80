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

/**
 * What a parameter does: initial values, decay, gradients and the check's data go by it. A `statistic` is what a layer keeps of
 * the batches of a training: it has no gradient, and a step of training changes it in place.
 */
export type ParameterRole = 'weights' | 'biases' | 'scale' | 'shift' | 'statistic'

/** Whether parameters of a role get a gradient, and an optimizer changes them. */
export const isTrainedRole = (role: ParameterRole): boolean => role !== 'statistic'

export interface ParameterSpec {
  readonly shape: Shape
  readonly role: ParameterRole
  /** Of a statistic: what each of its values is at first; 0 where left out. */
  readonly initial?: number
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
  /** In training, what `batchStatistics` took of the batch, which may have more images than these. */
  readonly statistics?: Statistics | undefined
}

/** A few values by name. */
export type Statistics = Readonly<Record<string, Float32Array | Float64Array>>

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
  /** How many tensors it reads, or at least; 1 where left out. */
  readonly inputCount?: number | { readonly atLeast: number }
  /** A loss whose second input is each image's class, and whose first one's values are the classes' logits. */
  readonly readsLabels?: boolean
  /** What it makes of values far from 0 is nearly constant: what it reads must be small for its gradient to be seen. */
  readonly saturatesInput?: boolean
  /** It is an activation and nothing else. */
  readonly activation?: string
  /** What of it can be left out of a network, to see what that is worth. */
  readonly removable?: Removable<Options>
  /** In training its outputs depend on all images of the batch: by what it takes of them, given here by name. */
  readonly batchStatistics?: (context: Pick<ForwardContext<Options>, 'options' | 'inputs'>) => Statistics
  /** How its parameters of the role `statistic` follow those of a batch of `count` values each, in place. */
  readonly followStatistics?: (
    options: Options,
    parameters: Readonly<Record<string, Float32Array | Float64Array>>,
    statistics: Statistics,
    count: number,
  ) => void
  /** What each option must be. */
  readonly rules: Rules<Options>
  /** Throws ShapeError, naming the layer. Shapes are an image's: (H, W, C). */
  outputShape(name: string, options: Options, inputs: readonly Shape[]): Shape
  parameters(options: Options, inputs: readonly Shape[]): Readonly<Record<string, ParameterSpec>>
  flops(options: Options, inputs: readonly Shape[], output: Shape): LayerFlops
  forward(context: ForwardContext<Options>): void
  backward(context: BackwardContext<Options>): void
}

/** A part of a network, by the name that the command line takes, as one of its layers has it. */
export interface Removable<Options> {
  readonly part: 'lrn' | 'dropout' | 'overlap'
  has(options: Options): boolean
  /** The options of what is left; null where the whole layer goes. */
  without(options: Options): Options | null
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
