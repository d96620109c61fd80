import { UsageError } from '../errors.ts'
import { definitionOf, softmaxLoss } from '../layers/index.ts'
import { type Network, outputsOf, requireNetwork, shapeOf } from '../networks/network.ts'
import { networkData, networkOf } from '../networks/network-data.ts'
import { elementCount } from '../tensor.ts'
import { logitsOf } from './logits.ts'

/**
 * A network that can learn classes: itself if it ends in a classifier's loss, otherwise with the mean cross-entropy over its only
 * output, a vector (..., classes) of logits, in place of its losses, and with an input for the labels (N). Throws UsageError if it has
 * several outputs, or one that is no vector.
 */
export function asClassifier(network: Network): Network {
  requireNetwork('asClassifier', network)
  if (logitsOf(network) !== null) return network
  const [output, ...others] = outputsOf(network)
  if (output === undefined || others.length > 0)
    throw new UsageError(
      `${network.name}: it has the outputs ${[output, ...others].join(', ')}; a classifier has one, its classes' logits`,
    )
  if (!isVector(network, output))
    throw new UsageError(`${network.name}: its output '${output}' is no vector of classes`)
  const data = networkData(network)
  const kept = data.layers.filter((layer) => !definitionOf(layer).isLoss)
  const taken = new Set([...Object.keys(data.inputs), ...kept.map(({ name }) => name)])
  const free = (name: string): string => (taken.has(name) ? free(`${name}_`) : name)
  const labels = free('labels')
  return networkOf({
    ...data,
    inputs: { [labels]: [], ...data.inputs },
    layers: [...kept, softmaxLoss(free('loss'), { inputs: [output, labels] })],
  })
}

/** Whether a tensor has one pixel. */
export const isVector = (network: Network, tensor: string): boolean =>
  elementCount(shapeOf(network, tensor)) === shapeOf(network, tensor).at(-1)
