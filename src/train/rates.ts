// Learning rates of single layers.
import { UsageError } from '../errors.ts'
import { frozenLayers, layersNamed, trainedParametersOf } from '../networks/freeze.ts'
import type { Network } from '../networks/network.ts'

export interface LayerRates {
  /** Of all layers that `rates` does not name. */
  readonly rate: number
  /** By a layer's name, or by a pattern in which `*` stands for any text. */
  readonly rates?: Readonly<Record<string, number>> | undefined
  /** Layers that are not trained, as in `Training`. */
  readonly freeze?: readonly string[] | undefined
}

/**
 * What `rate` is multiplied by for each parameter that has another rate, by full name. A layer's name counts more than a pattern, and a
 * later pattern more than an earlier one. Throws UsageError, naming the pattern, if it names no layer with parameters, or only
 * layers that are not trained.
 */
export function rateFactors(
  network: Network,
  { rate, rates = {}, freeze }: LayerRates,
): Readonly<Record<string, number>> {
  const trained = trainedParametersOf(network, frozenLayers(network, freeze))
  const isName = (pattern: string) => network.layers.some(({ layer }) => layer.name === pattern)
  const patterns = Object.keys(rates)
  const inOrder = [...patterns.filter((pattern) => !isName(pattern)), ...patterns.filter(isName)]
  const factors: Record<string, number> = {}
  for (const pattern of inOrder) {
    const layers = new Set(layersNamed(network, pattern, 'rates'))
    const named = trained.filter((parameter) => layers.has(layerOf(parameter)))
    if (named.length === 0)
      throw new UsageError(
        `rates: '${pattern}' names no layer that is trained; leave it out, or freeze fewer`,
      )
    for (const parameter of named) factors[parameter] = rates[pattern]! / rate
  }
  return factors
}

const layerOf = (parameter: string): string => parameter.slice(0, parameter.lastIndexOf('/'))
