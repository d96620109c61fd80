// Any network as training and evaluation take it.
import { UsageError } from '../errors.ts'
import { definitionOf, softmaxLoss } from '../layers/index.ts'
import { networkData, networkOf } from '../networks/index.ts'
import { type Network, outputsOf, requireNetwork, shapeOf } from '../networks/network.ts'
import { elementCount } from '../tensor.ts'
import { batchInputs } from './inputs.ts'
import { logitsOf } from './logits.ts'

/**
 * The network with one input of images and one of labels, ending in a classifier's loss: if it has none, its only output
 * is taken for the classes' logits, or, if that is a softmax, what it reads. Throws UsageError for a network that is no
 * classifier. `what` is how messages call it; `cutBy` is the option that ends it at other tensors, if there is one.
 */
export function asClassifier(
  network: Network,
  what: string = network?.name,
  cutBy: string | null = null,
): Network {
  requireNetwork('asClassifier', network)
  batchInputs(network, what)
  return logitsOf(network) === null ? withLoss(what, network, cutBy) : network
}

/** Cross-entropy takes the place of other losses. */
function withLoss(what: string, network: Network, cutBy: string | null): Network {
  const [output, ...others] = outputsOf(network)
  if (output === undefined || others.length > 0)
    throw new UsageError(
      `${what}: it has the outputs ${[output, ...others].join(', ')}; a classifier has one, its classes' logits${cutBy === null ? '' : `: give it by ${cutBy} ${output}`}`,
    )
  if (!isVector(network, output))
    throw new UsageError(
      `${what}: its output '${output}' is no vector of classes${cutBy === null ? '' : `; ${cutBy} may name another tensor that is`}`,
    )
  const data = networkData(network)
  const last = data.layers.find(({ name }) => name === output)!
  const logits = definitionOf(last).isDistribution ? last.inputs![0]! : output
  const kept = data.layers.filter((layer) => !definitionOf(layer).isLoss)
  const taken = new Set([...Object.keys(data.inputs), ...kept.map(({ name }) => name)])
  const free = (name: string): string => (taken.has(name) ? free(`${name}_`) : name)
  const labels = free('labels')
  return networkOf({
    ...data,
    inputs: { [labels]: [], ...data.inputs },
    layers: [...kept, softmaxLoss(free('loss'), { inputs: [logits, labels] })],
  })
}

/** Whether a tensor has one pixel. */
const isVector = (network: Network, tensor: string): boolean =>
  elementCount(shapeOf(network, tensor)) === shapeOf(network, tensor).at(-1)
