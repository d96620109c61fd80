// The head of a classifier: the last layer with weights before the scores of the classes.
import {
  float32Tensors,
  integerFromZero,
  optional,
  positiveInteger,
  type Rules,
  requireOptions,
  someText,
} from '../check-options.ts'
import { messageOf, UsageError, unknownName } from '../errors.ts'
import { definitionOf } from '../layers/index.ts'
import { layersWithParameters } from '../networks/freeze.ts'
import { trainingParameters } from '../networks/initialize.ts'
import { type Network, type ResolvedLayer, requireNetwork, requireParameters } from '../networks/network.ts'
import { networkData, networkOf } from '../networks/network-data.ts'
import { sameShape } from '../tensor.ts'
import { logitsOf } from './logits.ts'

/** The layers of a classifier that have parameters, divided into its head and all that is before and beside it. */
export interface HeadAndBody {
  /** The layer whose outputs become the scores, and those with parameters that read them, such as a batch norm. */
  readonly head: readonly string[]
  readonly body: readonly string[]
}

/** What `replaceHead` gives. */
export interface ReplacedHead extends HeadAndBody {
  /** Ends in as many classes as were asked for; all layers have the names that they had. */
  readonly network: Network
  /** Of the whole network, by name: the body's are those given, the same arrays; the head's are new. */
  readonly parameters: Readonly<Record<string, Float32Array>>
}

/** The options of `replaceHead`. */
export interface HeadOptions {
  readonly classes: number
  /** The layer to replace; by default the last one with weights before the scores. */
  readonly head?: string | undefined
  /** What the network has learned, by name. */
  readonly parameters: Readonly<Record<string, Float32Array>>
  /** From which the head's parameters are made, as `initializeForTraining` does; 7 by default. */
  readonly seed?: number | undefined
}

const rules: Rules<HeadOptions> = {
  classes: positiveInteger,
  head: optional(someText),
  parameters: float32Tensors,
  seed: optional(integerFromZero),
}

/**
 * The network with a new head for so many classes: its last layer with weights before the scores, of the same kind and with the same
 * options but for the number of outputs, (..., classes), whose parameters begin as in any training. The layers after it (its
 * activation, pooling, softmax, the loss) stay and have their shapes from it. Throws UsageError for a network without classes or
 * without such a layer, for a `head` that is no layer with weights or whose outputs are not the classes, and for parameters that are
 * missing.
 */
export function replaceHead(network: Network, options: HeadOptions): ReplacedHead {
  requireNetwork('replaceHead', network)
  requireOptions('replaceHead', options, rules)
  const { classes, parameters: given, seed = 7 } = options
  requireParameters(network, given)
  const layer = headLayer(network, options.head)
  const replaced = withOutputs(network, layer, classes)
  // Of as many classes as before nothing shows whether the layer decides about them
  for (const [other, count] of [
    [replaced, classes] as const,
    [withOutputs(network, layer, 2 * classes), 2 * classes] as const,
  ]) {
    const found = logitsOf(other)!.classes
    if (found !== count)
      throw new UsageError(
        `${network.name}: '${layer.layer.name}' is not its head: with ${count} outputs the network has ${found} classes`,
      )
  }
  requireSameConstants(network, replaced)
  const { head, body } = headAndBody(replaced, layer.layer.name)
  const isHead = (parameter: string) => head.includes(parameter.slice(0, parameter.lastIndexOf('/')))
  const parameters = trainingParameters(replaced, { seed }).map(({ name, length, fill }) => {
    if (!isHead(name)) return [name, given[name]!] as const
    const values = new Float32Array(length)
    fill(values, 0)
    return [name, values] as const
  })
  return { network: replaced, parameters: Object.fromEntries(parameters), head, body }
}

/** The head and the body of a network as it is. Throws UsageError as `replaceHead` does if it has none, or none called `head`. */
export function headAndBody(network: Network, head?: string): HeadAndBody {
  const after = new Set([headLayer(network, head).layer.name])
  for (const { layer, inputs } of network.layers)
    if (inputs.some((input) => after.has(input))) after.add(layer.name)
  const layers = layersWithParameters(network)
  return {
    head: layers.filter((layer) => after.has(layer)),
    body: layers.filter((layer) => !after.has(layer)),
  }
}

/** The layer of that name, or, without one, the last with weights that the scores are made of. */
function headLayer(network: Network, name?: string): ResolvedLayer {
  const logits = logitsOf(network)
  if (!logits) throw new UsageError(`${network.name}: it has no classes, so it has no head`)
  if (name !== undefined) return namedLayer(network, name)
  const byName = new Map(network.layers.map((layer) => [layer.layer.name, layer]))
  for (let layer = byName.get(logits.name); layer; layer = byName.get(layer.inputs[0]!)) {
    if (hasOutputsOption(layer)) return layer
    if (layer.inputs.length > 1)
      throw new UsageError(
        `${network.name}: '${layer.layer.name}' makes its scores of ${layer.inputs.join(', ')}; say which layer is its head`,
      )
  }
  throw new UsageError(`${network.name}: its scores are made by no layer with weights, so it has no head`)
}

function namedLayer(network: Network, name: string): ResolvedLayer {
  const names = network.layers.filter(hasOutputsOption).map(({ layer }) => layer.name)
  const layer = network.layers.find((each) => each.layer.name === name)
  if (!layer) throw new UsageError(`head: ${unknownName('layer', name, names)}`)
  if (hasOutputsOption(layer)) return layer
  throw new UsageError(`head: '${name}' has no weights; these layers have: ${names.join(', ')}`)
}

const hasOutputsOption = ({ layer }: ResolvedLayer): boolean =>
  definitionOf(layer).outputsOption !== undefined

function withOutputs(network: Network, { layer }: ResolvedLayer, outputs: number): Network {
  const data = networkData(network)
  const options = { ...layer.options, [definitionOf(layer).outputsOption!]: outputs }
  const layers = data.layers.map((each) => (each.name === layer.name ? { ...each, options } : each))
  try {
    return networkOf({ ...data, layers: layers as typeof data.layers })
  } catch (error) {
    throw new UsageError(
      `${network.name}: '${layer.name}' can't have ${outputs} outputs: ${messageOf(error)}`,
      {
        cause: error,
      },
    )
  }
}

/** A model's constants can't be made anew. */
function requireSameConstants(network: Network, replaced: Network): void {
  network.layers.forEach((layer, i) => {
    for (const [name, { role, shape }] of Object.entries(layer.parameters)) {
      if (role !== 'constant' || sameShape(shape, replaced.layers[i]!.parameters[name]!.shape)) continue
      throw new UsageError(
        `${network.name}: after its head, '${name}' has a constant for each class, which is not known of other classes`,
      )
    }
  })
}
