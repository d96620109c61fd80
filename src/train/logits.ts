import { definitionOf } from '../layers/index.ts'
import type { Network } from '../networks/network.ts'
import { elementCount } from '../tensor.ts'

/** The layer whose values are the classes' logits; null if the network does not end in a classifier. */
export function logitsOf(network: Network): { readonly name: string; readonly classes: number } | null {
  const loss = network.layers.find(({ layer }) => definitionOf(layer).readsLabels)
  return loss ? { name: loss.inputs[0]!, classes: elementCount(loss.inputShapes[0]!) } : null
}
