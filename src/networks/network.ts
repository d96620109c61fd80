import {
  arrayOfText,
  optional,
  type Rules,
  recordOf,
  requireOptions,
  someArray,
  someObject,
  someText,
} from '../check-options.ts'
import { NetworkError, ShapeError, UsageError, unknownName } from '../errors.ts'
import {
  type BatchStatisticsOfKind,
  definitionOf,
  type Layer,
  type LayerFlops,
  layerDefinitions,
  type ParameterSpec,
  type ParametersOfKind,
} from '../layers/index.ts'
import { shownValue } from '../plain-text.ts'
import { elementCount, formatShape, isPositiveInteger, type Shape } from '../tensor.ts'

/** A network as data: the argument of `defineNetwork`, checked, with every layer's inputs named. */
export interface Network<Tensors extends string = string> {
  readonly name: string
  /** An image's shape, (H, W, C), by the input's name; `[]` is one number an image, such as a label. */
  readonly inputs: Readonly<Record<string, Shape>>
  /** In the order in which they are computed. */
  readonly layers: readonly ResolvedLayer[]
  /** The tensors whose shapes the classic lines print. */
  readonly printed: readonly string[]
  /** Exists only in the type, for the names that `read` takes. */
  readonly tensorNames?: Tensors
}

/** A layer within its network: its inputs, shapes, parameters and work. Shapes are those of one image. */
export interface ResolvedLayer {
  /** The layer as it was given to `defineNetwork`. */
  readonly layer: Layer
  /** The names of the tensors that it reads. */
  readonly inputs: readonly string[]
  readonly inputShapes: readonly Shape[]
  readonly outputShape: Shape
  /** By full name, as in files: `conv1/weights`. */
  readonly parameters: Readonly<Record<string, ParameterSpec>>
  /** Work of one image. */
  readonly flops: LayerFlops
  /** Whether its output is a number that is added to the objective; the pass forward leaves it out. */
  readonly isLoss: boolean
}

/** What `defineNetwork` takes: a network's inputs and its layers, in the order in which they are computed. */
export interface NetworkDefinition<Inputs extends string, Layers extends readonly Layer[]> {
  /** An image's shape, (H, W, C), by the input's name; `[]` is one number an image, such as a label. */
  readonly inputs: { readonly [Name in Inputs]: Shape }
  /** At least one; each may read only what comes before it. */
  readonly layers: Layers
  /** By default every layer except the losses. */
  readonly printed?: readonly string[]
}

type ParameterNames<L> = L extends {
  kind: infer Kind extends keyof ParametersOfKind
  name: infer Name extends string
}
  ? `${Name}/${ParametersOfKind[Kind]}`
  : never

/** Of those, the ones that have gradients. */
type TrainedNames<L> = L extends {
  kind: infer Kind extends keyof ParametersOfKind
  name: infer Name extends string
}
  ? `${Name}/${Exclude<ParametersOfKind[Kind], 'mean' | 'variance'>}`
  : never

/** The names of the statistics that a layer computes of the batch in training. */
type StatisticNames<L> = L extends {
  kind: infer Kind extends keyof BatchStatisticsOfKind
  name: infer Name extends string
}
  ? `${Name}/${BatchStatisticsOfKind[Kind]}`
  : never

/** The names of all of a network's tensors: inputs, layers, parameters and the parameters' gradients. */
export type TensorNames<Inputs extends string, Layers extends readonly Layer[]> =
  | Inputs
  | Layers[number]['name']
  | ParameterNames<Layers[number]>
  | `${TrainedNames<Layers[number]>}.gradient`
  | StatisticNames<Layers[number]>

const definitionRules: Rules<NetworkDefinition<string, readonly Layer[]>> = {
  inputs: recordOf(someArray, 'an object of shapes by name'),
  layers: someArray,
  printed: optional(arrayOfText),
}

const layerRules: Rules<Layer> = {
  kind: someText,
  name: someText,
  inputs: optional(arrayOfText),
  options: someObject,
}

/** Slashes and colons are in the names of other frameworks. */
const NAME = /^[A-Za-z0-9_/:][A-Za-z0-9_.:/-]*$/

/**
 * Checks a network and resolves its shapes. A layer reads the one before it (the first layer the first input) unless it
 * names its `inputs`, so branches are possible; a layer may read only what comes before it. Throws NetworkError for
 * names that clash, are missing or reserved, for inputs that no layer reads and for options that a layer does not have,
 * and ShapeError if a shape does not fit.
 */
export function defineNetwork<const Inputs extends string, const Layers extends readonly Layer[]>(
  name: string,
  definition: NetworkDefinition<Inputs, Layers>,
): Network<TensorNames<Inputs, Layers>> {
  if (typeof name !== 'string') throw new NetworkError(`the network's name is ${shownValue(name)}, not text`)
  requireOptions(name, definition, definitionRules, NetworkError)
  const shapes = new Map<string, Shape>()
  for (const [input, shape] of Object.entries<Shape>(definition.inputs)) {
    requireName(name, input, shapes)
    if ((shape.length !== 3 && shape.length !== 0) || !shape.every(isPositiveInteger)) {
      throw new ShapeError(
        `${name}: input '${input}' is [${shape}]; it must be (H, W, C), all positive, or [] for one number an image`,
      )
    }
    shapes.set(input, shape)
  }
  if (shapes.size === 0) throw new NetworkError(`${name}: it has no inputs`)
  if (definition.layers.length === 0) throw new NetworkError(`${name}: it has no layers`)

  let before = [...shapes.keys()][0]!
  const below = new Set(definition.layers.map((layer) => layer?.name))
  const losses = new Set<string>()
  const parameterNames = new Set<string>()
  const layers = definition.layers.map((layer, position): ResolvedLayer => {
    requireOptions(`${name}: ${layer?.name ?? `layer ${position}`}`, layer, layerRules, NetworkError)
    requireName(name, layer.name, shapes)
    requireFree(name, layer.name, parameterNames)
    if (!Object.hasOwn(layerDefinitions, layer.kind)) {
      throw new NetworkError(
        `${layer.name}: ${unknownName('layer kind', layer.kind, Object.keys(layerDefinitions))}`,
      )
    }
    const inputs = layer.inputs ?? [before]
    const kind = definitionOf(layer)
    requireInputCount(layer, kind.inputCount ?? 1, inputs.length)
    for (const input of inputs) {
      if (!shapes.has(input)) {
        if (below.has(input)) throw new NetworkError(readsBelow(layer.name, input))
        throw new NetworkError(`${layer.name}: ${unknownName('input', input, [...shapes.keys()])}`)
      }
      if (losses.has(input))
        throw new NetworkError(`${layer.name}: its input '${input}' is a loss, which ends a network`)
    }
    requireOptions(layer.name, layer.options, kind.rules, NetworkError)
    const labels = kind.readsLabels ? inputs[1]! : null
    if (labels !== null && !Object.hasOwn(definition.inputs, labels)) {
      throw new NetworkError(
        `${layer.name}: its labels '${labels}' are made by a layer; they must be an input of the network, of shape []`,
      )
    }
    const inputShapes = inputs.map((input) => shapes.get(input)!)
    const outputShape = kind.outputShape(layer.name, layer.options, inputShapes)
    requireCountable(layer.name, 'its output', outputShape)
    shapes.set(layer.name, outputShape)
    if (kind.isLoss) losses.add(layer.name)
    else before = layer.name
    const parameters = Object.entries(kind.parameters(layer.options, inputShapes))
    for (const [part, { shape }] of parameters) {
      requireCountable(layer.name, part, shape)
      requireFree(name, `${layer.name}/${part}`, shapes)
      parameterNames.add(`${layer.name}/${part}`)
    }
    return {
      layer,
      inputs,
      inputShapes,
      outputShape,
      parameters: Object.fromEntries(parameters.map(([part, spec]) => [`${layer.name}/${part}`, spec])),
      flops: kind.flops(layer.options, inputShapes, outputShape),
      isLoss: kind.isLoss ?? false,
    }
  })

  const read = new Set(layers.flatMap(({ inputs }) => inputs))
  for (const input of Object.keys(definition.inputs)) {
    if (read.has(input)) continue
    throw new NetworkError(
      `${name}: input '${input}' is read by no layer; leave it out, or let a layer read it`,
    )
  }

  const printed = definition.printed ?? layers.filter(({ isLoss }) => !isLoss).map(({ layer }) => layer.name)
  for (const tensor of printed) {
    if (!shapes.has(tensor))
      throw new NetworkError(`${name}: ${unknownName('printed tensor', tensor, [...shapes.keys()])}`)
  }
  return { name, inputs: definition.inputs, layers, printed }
}

/** Sizes and addresses are counted in float64, which can't tell numbers beyond its safe integers apart. */
function requireCountable(layer: string, what: string, shape: Shape): void {
  if (Number.isSafeInteger(elementCount(shape))) return
  throw new ShapeError(
    `${layer}: ${what}, ${formatShape(shape)}, would have more values than can be counted; reduce its size`,
  )
}

const readsBelow = (layer: string, input: string): string =>
  `${layer}: it reads ${layer === input ? 'itself' : `'${input}', which comes after it`}; ` +
  'a layer may read only what comes before it, so that no layer depends on itself'

function requireInputCount(
  { kind, name }: Layer,
  wanted: number | { readonly atLeast: number; readonly atMost?: number },
  count: number,
): void {
  const isExact = typeof wanted === 'number'
  const { atLeast, atMost = Infinity } = isExact ? { atLeast: wanted, atMost: wanted } : wanted
  if (count >= atLeast && count <= atMost) return
  const isFew = count < atLeast
  const limit = isFew ? atLeast : atMost
  const bound = isFew ? 'at least ' : 'at most '
  const inputs = `${isExact ? '' : bound}${limit} ${limit === 1 ? 'input' : 'inputs'}`
  throw new NetworkError(`${name}: a layer of the kind ${kind} has ${inputs}, not ${count}`)
}

function requireName(network: string, name: string, taken: ReadonlyMap<string, unknown>): void {
  if (typeof name !== 'string' || !NAME.test(name)) {
    throw new NetworkError(
      `${network}: the name '${name}' may contain only letters, digits, '_', '-', '.', '/' and ':'`,
    )
  }
  if (name.endsWith('.gradient')) throw new NetworkError(`${network}: '${name}': '.gradient' names gradients`)
  requireFree(network, name, taken)
}

function requireFree(network: string, name: string, taken: { has(name: string): boolean }): void {
  if (taken.has(name)) throw new NetworkError(`${network}: two tensors are called '${name}'; rename one`)
}

/** Throws UsageError if `defineNetwork` did not make it. `what`: the function whose argument it is. */
export function requireNetwork(what: string, network: unknown): asserts network is Network {
  const { layers, inputs } = (network ?? {}) as Partial<Network>
  const isResolved = Array.isArray(layers) && layers.every((layer) => layer?.outputShape)
  if (isResolved && typeof inputs === 'object') return
  throw new UsageError(
    `${what}: the network is ${shownValue(network)}; it must be the result of defineNetwork or alexnet()`,
  )
}

/** All parameters by full name, in the network's order. */
export function parametersOf(network: Network): Readonly<Record<string, ParameterSpec>> {
  return Object.assign({}, ...network.layers.map((layer) => layer.parameters))
}

/** Those of `parameters` that the network has. */
export function parametersIn(
  network: Network,
  parameters: Readonly<Record<string, Float32Array>>,
): Readonly<Record<string, Float32Array>> {
  const own = parametersOf(network)
  return Object.fromEntries(Object.entries(parameters).filter(([name]) => Object.hasOwn(own, name)))
}

/**
 * Throws UsageError, naming the parameter, if one is missing, and ShapeError if one has another number of values. There may be
 * others beside them.
 */
export function requireParameters(
  network: Network,
  parameters: Readonly<Record<string, Float32Array>>,
): void {
  for (const [name, { shape }] of Object.entries(parametersOf(network))) {
    const values = Object.hasOwn(parameters, name) ? parameters[name] : undefined
    if (!values) throw new UsageError(`${network.name}: the parameter '${name}' is missing; give all of them`)
    if (values.length !== elementCount(shape)) {
      throw new ShapeError(
        `'${name}' is ${formatShape(shape)}, ${elementCount(shape)} values; ${values.length} were given`,
      )
    }
  }
}

/** The number of classes for each input of labels: a label is an integer below it. */
export function labelClasses(network: Network): Readonly<Record<string, number>> {
  const classes: Record<string, number> = {}
  for (const { layer, inputs, inputShapes } of network.layers) {
    const labels = inputs[1]
    if (!definitionOf(layer).readsLabels || labels === undefined || !(labels in network.inputs)) continue
    classes[labels] = Math.min(classes[labels] ?? Infinity, elementCount(inputShapes[0]!))
  }
  return classes
}

/** The shape of an input or of a layer's output, for one image. */
export function shapeOf(network: Network, tensor: string): Shape {
  const shapes: Record<string, Shape> = {
    ...network.inputs,
    ...Object.fromEntries(network.layers.map(({ layer, outputShape }) => [layer.name, outputShape])),
  }
  if (!Object.hasOwn(shapes, tensor)) {
    throw new NetworkError(`${network.name}: ${unknownName('tensor', tensor, Object.keys(shapes))}`)
  }
  return shapes[tensor]!
}

/** The layers that only losses or no other layers read: the results of the pass forward. */
export function outputsOf(network: Network): readonly string[] {
  const consumed = new Set(network.layers.filter(({ isLoss }) => !isLoss).flatMap(({ inputs }) => inputs))
  return network.layers
    .filter(({ layer, isLoss }) => !isLoss && !consumed.has(layer.name))
    .map(({ layer }) => layer.name)
}
