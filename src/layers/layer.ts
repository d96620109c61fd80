import { arrayOfText, optional, type Rules, requireOptions } from '../check-options.ts'
import { NetworkError } from '../errors.ts'
import type { Grid, Shape } from '../tensor.ts'

/** One layer of a network, as plain data: it can be stored, sent to a worker and compared. */
export interface LayerOf<Kind extends string, Name extends string, Options> {
  /** Which layer it is: 'conv', 'max-pool' and so on. */
  readonly kind: Kind
  /** Unique in its network; it is also the name of the layer's output. */
  readonly name: Name
  /** The tensors that it reads. By default the output of the layer (or the input) before it. */
  readonly inputs?: readonly string[]
  /** The layer's own options, defaults included. */
  readonly options: Options
}

/** What every layer's factory takes beside the layer's own options. */
export interface LayerInputs {
  /**
   * The names of the tensors that the layer reads: inputs of the network, and layers before it. By default the layer
   * before it.
   */
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

/** A parameter of a layer, or of a network: its shape and what it is for. */
export interface ParameterSpec {
  /** As in files; weights of a convolution are (KH, KW, C / groups, F), those of a dense layer (in, out). */
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
  /** FLOPs of the layer in the pass forward. */
  readonly forward: number
  /** FLOPs of the gradients of the layer's parameters. */
  readonly parametersGradient: number
  /** FLOPs of the gradients of the layer's inputs. */
  readonly inputGradient: number
}

/** What a layer reads and writes in the pass forward, for a batch of images. */
export interface ForwardContext<Options> {
  /** The layer's name. */
  readonly name: string
  readonly options: Options
  /** The layer's input tensors, each (N, H, W, C). */
  readonly inputs: readonly Grid[]
  /** The layer's parameters by their short names, such as `weights`. */
  readonly parameters: Readonly<Record<string, Float32Array | Float64Array>>
  /** Is written: (N, OH, OW, F). */
  readonly output: Grid
  /** The number of the run, which decides what is dropped; 0 by default. */
  readonly turn?: number
  /** In training, the `batchStatistics` of the batch, which may have more images than `inputs`. */
  readonly statistics?: Statistics | undefined
}

/** Statistics of a batch by name, each a few values. */
export type Statistics = Readonly<Record<string, Float32Array | Float64Array>>

/** What a layer reads and writes in the pass backward; `output` is what its forward wrote. */
export interface BackwardContext<Options> extends ForwardContext<Options> {
  /** The gradient of the layer's output; it has the output's shape. */
  readonly outputGradient: Grid
  /** One for each input, null if that gradient isn't wanted. Gradients are added to what is there. */
  readonly inputGradients: readonly (Grid | null)[]
  /** By short name, as `parameters`. Gradients are added to what is there. */
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
  /** Its outputs are probabilities that add up to 1: a classifier's answer, whose logits it reads. */
  readonly isDistribution?: boolean
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
  /**
   * The shape of the output, given those of the inputs; shapes are those of one image, (H, W, C). Throws ShapeError,
   * naming the layer.
   */
  outputShape(name: string, options: Options, inputs: readonly Shape[]): Shape
  /** The parameters by their short names, such as `weights`, for inputs of these shapes, of one image each. */
  parameters(options: Options, inputs: readonly Shape[]): Readonly<Record<string, ParameterSpec>>
  /** The work of one image, given the shapes of one image. */
  flops(options: Options, inputs: readonly Shape[], output: Shape): LayerFlops
  /** Writes all of the output by plain loops in float64: the truth that every engine is checked against. */
  forward(context: ForwardContext<Options>): void
  /** Adds to the gradients of the inputs and of the parameters by plain loops in float64. */
  backward(context: BackwardContext<Options>): void
}

/** Something that can be left out of a network, by the name that the command line takes; a layer says here how. */
export interface Removable<Options> {
  readonly part: 'lrn' | 'dropout' | 'overlap'
  /** Whether the layer has the part. */
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
