// A network in two: what is before a tensor, and what is after it.
import { UsageError } from '../errors.ts'
import { definitionOf, flatten } from '../layers/index.ts'
import { defineNetwork, type Network, type ResolvedLayer, shapeOf } from './network.ts'
import { networkData } from './network-data.ts'

/** A network in two at one of its tensors: what `splitNetwork` gives. */
export interface SplitNetwork {
  /** Makes the tensor from the network's inputs. */
  readonly trunk: Network
  /** Has the tensor as its first input, (H, W, C): a vector (C) is (1, 1, C). Other inputs that it reads follow, such as labels. */
  readonly rest: Network
  /** What the rest calls that input: the tensor's name, or another one if the tensor is a vector. */
  readonly input: string
}

/**
 * Divides a network at the output of a layer that all paths from what is before it to what is after it lead through. All layers keep
 * their names, and so their parameters. Throws NetworkError for an unknown tensor, and UsageError, naming a layer that reads past it, if
 * other paths exist.
 */
export function splitNetwork(network: Network, tensor: string): SplitNetwork {
  const shape = shapeOf(network, tensor)
  const before = ancestorsOf(network, tensor)
  const past = readerPast(network, tensor, before)
  if (tensor in network.inputs || past) {
    const why = past
      ? `'${past.layer.name}' comes after it and reads '${past.inputs.find((input) => input !== tensor && before.has(input))}'`
      : 'it is an input'
    throw new UsageError(`${network.name}: it can't be divided at '${tensor}': ${why}`)
  }
  const data = networkData(network)
  const parts = (isBefore: boolean) => data.layers.filter(({ name }) => before.has(name) === isBefore)
  const printed = (isBefore: boolean) => network.printed.filter((name) => before.has(name) === isBefore)
  const inputs = (isBefore: boolean) =>
    Object.entries(network.inputs).filter(([name]) => before.has(name) === isBefore)
  const isVector = shape.length < 3
  const input = isVector ? freeName(network, `${tensor}.values`) : tensor
  const trunk = defineNetwork(network.name, {
    inputs: Object.fromEntries(inputs(true)),
    layers: parts(true),
    printed: printed(true),
  })
  const rest = defineNetwork(network.name, {
    inputs: { [input]: isVector ? [1, 1, ...shape] : shape, ...Object.fromEntries(inputs(false)) },
    layers: [...(isVector ? [flatten(tensor, { inputs: [input] })] : []), ...parts(false)],
    printed: printed(false),
  })
  return { trunk, rest, input }
}

/**
 * The last layer's output that a training with these frozen layers doesn't change, so that it is the same for an image in every epoch,
 * and at which the network can be divided; null if there is none. What a layer drops at random changes.
 */
export function lastFixedTensor(network: Network, frozen: ReadonlySet<string>): string | null {
  const changing = new Set<string>()
  for (const resolved of network.layers) {
    const { layer, inputs } = resolved
    if (isChanged(resolved, frozen) || inputs.some((input) => changing.has(input))) changing.add(layer.name)
  }
  const names = network.layers.map(({ layer }) => layer.name)
  const isCut = (name: string) =>
    !changing.has(name) && !readerPast(network, name, ancestorsOf(network, name))
  return names.findLast(isCut) ?? null
}

/** The name of the first layer that acts otherwise in such a training than in the pass forward, or learns; null if there is none. */
export const firstChanged = (network: Network, frozen: ReadonlySet<string>): string | null =>
  network.layers.find((layer) => isChanged(layer, frozen))?.layer.name ?? null

function isChanged({ layer, parameters, isLoss }: ResolvedLayer, frozen: ReadonlySet<string>): boolean {
  const { usesTurns, isOffInForward } = definitionOf(layer)
  if (isLoss || usesTurns || isOffInForward) return true
  return !frozen.has(layer.name) && Object.values(parameters).some(({ role }) => role !== 'constant')
}

/** All that the tensor is made of, and itself. */
function ancestorsOf(network: Network, tensor: string): ReadonlySet<string> {
  const found = new Set([tensor])
  for (const { layer, inputs } of network.layers.toReversed())
    if (found.has(layer.name)) for (const input of inputs) found.add(input)
  return found
}

/** A layer after the tensor that reads something before it. */
const readerPast = (
  network: Network,
  tensor: string,
  before: ReadonlySet<string>,
): ResolvedLayer | undefined =>
  network.layers.find(
    ({ layer, inputs }) =>
      !before.has(layer.name) && inputs.some((input) => input !== tensor && before.has(input)),
  )

function freeName(network: Network, name: string): string {
  const isTaken = name in network.inputs || network.layers.some(({ layer }) => layer.name === name)
  return isTaken ? freeName(network, `${name}_`) : name
}
