import { arrayOfText, optional, type Rules, requireOptions } from '../check-options.ts'
import { NetworkError } from '../errors.ts'
import type { Grid, Shape } from '../tensor.ts'

/** One layer of a network, as plain data: it can be stored, sent to a worker and compared. */
export interface LayerOf<Kind extends string, Name extends string, Options> {
  readonly kind: Kind
  readonly name: Name
  /** The tensors that it reads. By default the output of the layer (or the input) before it. */
  readonly inputs?: readonly string[]
  readonly options: Options
}

/** What every layer's factory takes beside the layer's own options. */
export interface LayerInputs {
  readonly inputs?: readonly string[]
}

/**
 * What a parameter is for. Initial values, decay, gradients and the check's data depend on it. A `statistic` is what a
 * layer keeps of the batches of a training: it has no gradient, and a training step changes it in place. A `constant` is part of
 * the model: it has no gradient, and nothing changes it.
 */
export type ParameterRole = 'weights' | 'biases' | 'scale' | 'shift' | 'slope' | 'statistic' | 'constant'

/** Whether parameters of a role get a gradient and are changed by an optimizer. */
export const isTrainedRole = (role: ParameterRole): boolean => role !== 'statistic' && role !== 'constant'

/** Whether multiplying all such parameters of a layer multiplies its outputs. A slope does so only for inputs below 0. */
export const scalesOutput = (role: ParameterRole): boolean => isTrainedRole(role) && role !== 'slope'

export interface ParameterSpec {
  readonly shape: Shape
  readonly role: ParameterRole
  /** For weights: the axis of the output's channels, one of the last two; by default the last. The other one is the input's. */
  readonly outputAxis?: number
  /**
   * For a statistic, a slope, a scale or a constant: the initial value of its elements. By default 1 for a scale, 0 for
   * the others.
   */
  readonly initial?: number
}

/** Work of one image; a multiply-add counts 2. Layers without multiply-adds of their own (ReLU, LRN, pooling) count 0. */
export interface LayerFlops {
  readonly forward: number
  readonly parametersGradient: number
  readonly inputGradient: number
}

export interface ForwardContext<Options> {
  /** The layer's name. */
  readonly name: string
  readonly options: Options
  readonly inputs: readonly Grid[]
  readonly parameters: Readonly<Record<string, Float32Array | Float64Array>>
  readonly output: Grid
  /** The number of the run, which decides what is dropped; 0 by default. */
  readonly turn?: number
  /** In training, the `batchStatistics` of the batch, which may have more images than `inputs`. */
  readonly statistics?: Statistics | undefined
}

/** A few values by name. */
export type Statistics = Readonly<Record<string, Float32Array | Float64Array>>

export interface BackwardContext<Options> extends ForwardContext<Options> {
  readonly outputGradient: Grid
  /** One for each input, null if that gradient isn't wanted. Gradients are added to what is there. */
  readonly inputGradients: readonly (Grid | null)[]
  readonly parameterGradients: Readonly<Record<string, Float64Array>>
}

/** A layer kind: its shapes, and the plain loops that every engine is checked against. */
export interface LayerDefinition<Options> {
  /** A loss: its output is a scalar that is added to the objective. The pass forward leaves it out. */
  readonly isLoss?: boolean
  /** Of a loss: it is the mean over the batch, not the sum. */
  readonly isMean?: boolean
  /** In the pass forward it does nothing: its output is its input. */
  readonly isOffInForward?: boolean
  /** It does something different in every run of a training: its steps read the number of the run. */
  readonly usesTurns?: boolean
  /** How many tensors it reads, exactly, or at least and at most; 1 by default. */
  readonly inputCount?: number | { readonly atLeast: number; readonly atMost?: number }
  /** A loss whose second input is each image's class, and whose first input is the classes' logits. */
  readonly readsLabels?: boolean
  /**
   * The root mean square that its first input must have for the check to see all that the layer does: with larger values a
   * softmax has hardly any gradient, with smaller ones no value reaches the upper bound of relu6. Null, or left out, if any
   * large values will do.
   */
  inputSize?(options: Options): number | null
  /** The layer is this activation and nothing else. */
  readonly activation?: string
  /** It lets large inputs through, as ReLU does: in training, the layer before it begins with the weights of He et al. 2015. */
  readonly rectifies?: boolean
  /** Of a layer with weights: the option that is its number of outputs (filters, units). */
  readonly outputsOption?: keyof Options & string
  /** What can be left out of it, to see what that is worth. */
  readonly removable?: Removable<Options>
  /** In training its outputs depend on all images of the batch, through these statistics, given by name. */
  readonly batchStatistics?: (context: Pick<ForwardContext<Options>, 'options' | 'inputs'>) => Statistics
  /** Updates its parameters of the role `statistic`, in place, from those of a batch with `count` values for each. */
  readonly followStatistics?: (
    options: Options,
    parameters: Readonly<Record<string, Float32Array | Float64Array>>,
    statistics: Statistics,
    count: number,
  ) => void
  /**
   * Each output depends on other values of its image, through their mean and variance, so not even the gradients of the layer's
   * parameters can be computed from some rows or channels alone.
   */
  readonly readsWholeImages?: boolean
  /** What each option must be. */
  readonly rules: Rules<Options>
  /** Throws ShapeError, naming the layer. Shapes are those of one image: (H, W, C). */
  outputShape(name: string, options: Options, inputs: readonly Shape[]): Shape
  parameters(options: Options, inputs: readonly Shape[]): Readonly<Record<string, ParameterSpec>>
  flops(options: Options, inputs: readonly Shape[], output: Shape): LayerFlops
  forward(context: ForwardContext<Options>): void
  backward(context: BackwardContext<Options>): void
}

/** Something that can be left out of a network, by the name that the command line takes; a layer says here how. */
export interface Removable<Options> {
  readonly part: 'lrn' | 'dropout' | 'overlap'
  has(options: Options): boolean
  /** The options of what is left; null if the whole layer is removed. */
  without(options: Options): Options | null
}

export const NO_FLOPS: LayerFlops = { forward: 0, parametersGradient: 0, inputGradient: 0 }

/**
 * Makes a layer from the arguments of its factory. Options that are left out or undefined are taken from `defaults`.
 * Throws NetworkError, naming the layer, for an option that the layer does not have or that its rule refuses.
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
