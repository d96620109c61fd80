import type { Activation } from '../layers/index.ts'
import type { ResolvedLayer } from '../networks/network.ts'
import { plannerOf, type Tail } from './layers/index.ts'

/** Layers that one step does: `first`, and those after it that change its values one by one. */
export interface Chain {
  readonly first: ResolvedLayer
  /** In their order. The last one's output is what the step writes; the others' outputs are never in memory. */
  readonly rest: readonly ResolvedLayer[]
  /** The layer that scales each channel. */
  readonly scaling: { readonly layer: ResolvedLayer; readonly epsilon: number } | null
  /** The tensor that is added. */
  readonly addend: string | null
  readonly activation: Activation | undefined
}

const ORDER: readonly Tail['does'][] = ['scales', 'adds', 'activates']

/**
 * The chains of a network in the pass forward. A layer's output must be read by the next layer of its chain alone, and
 * nobody may want to see it. If the layers of both inputs of a sum could do the sum, the later one does, since the other
 * input is there by then.
 */
export function chainsOf(
  layers: readonly ResolvedLayer[],
  readersOf: (tensor: string) => readonly ResolvedLayer[],
  isWanted: (tensor: string) => boolean,
): Chain[] {
  const taken = new Set<ResolvedLayer>()
  const chains: Chain[] = []
  for (const first of layers.toReversed()) {
    const chain = chainFrom(first, (last) => {
      const [reader, ...others] = readersOf(last.layer.name)
      const isOnly = reader !== undefined && others.length === 0 && !isWanted(last.layer.name)
      return isOnly && !taken.has(reader) ? reader : null
    })
    if (chain === null) continue
    for (const layer of chain.rest) taken.add(layer)
    chains.push(chain)
  }
  return chains
}

function chainFrom(first: ResolvedLayer, next: (last: ResolvedLayer) => ResolvedLayer | null): Chain | null {
  const { fuses } = plannerOf(first)
  if (!fuses || ('activation' in first.layer.options && first.layer.options.activation !== undefined))
    return null
  const rest: ResolvedLayer[] = []
  let scaling: Chain['scaling'] = null
  let addend: string | null = null
  let activation: Activation | undefined
  let from = 0
  for (let last = first; activation === undefined; ) {
    const layer = next(last)
    const tail = layer && plannerOf(layer).tail?.(layer, layer.layer.options)
    if (!layer || !tail) break
    const place = ORDER.indexOf(tail.does)
    if (place < from || !fuses(tail.does, first.layer.options)) break
    if (tail.does === 'scales') scaling = { layer, epsilon: tail.epsilon ?? 0 }
    if (tail.does === 'adds') addend = layer.inputs.find((input) => input !== last.layer.name)!
    activation = tail.activation
    rest.push(layer)
    last = layer
    from = place + 1
  }
  return rest.length > 0 ? { first, rest, scaling, addend, activation } : null
}
