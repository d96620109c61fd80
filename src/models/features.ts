import { UsageError, unknownName } from '../errors.ts'
import { type Network, outputsOf } from '../networks/network.ts'

/**
 * The tensor that a picture's features are: `layer` if it is given, and otherwise what the last layer with weights reads.
 * Throws UsageError for a layer that the network does not have, with the nearest, and for a loss.
 */
export function featuresOf(network: Network, layer: string | undefined): string {
  const names = network.layers.filter(({ isLoss }) => !isLoss).map(({ layer }) => layer.name)
  if (layer !== undefined) {
    if (names.includes(layer)) return layer
    throw new UsageError(unknownName('layer', layer, names))
  }
  const weighted = network.layers.findLast(({ parameters }) =>
    Object.values(parameters).some(({ role }) => role === 'weights'),
  )
  const read = weighted?.inputs[0]
  return read !== undefined && names.includes(read) ? read : outputsOf(network)[0]!
}
