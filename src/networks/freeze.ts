// Layers that training leaves as they are.
import { UsageError, unknownName } from '../errors.ts'
import { isTrainedRole } from '../layers/index.ts'
import type { Network } from './network.ts'

/**
 * The layers that `freeze` names, by their names or by patterns in which `*` stands for any text: `layer1.*`. Throws
 * UsageError, naming the pattern, if it matches no layer with parameters.
 */
export function frozenLayers(network: Network, freeze: readonly string[] = []): ReadonlySet<string> {
  return new Set(freeze.flatMap((pattern) => layersNamed(network, pattern, 'freeze')))
}

/**
 * The layers with parameters that a name or a pattern with `*` stands for. Throws UsageError, naming the pattern and `option`, if
 * there are none.
 */
export function layersNamed(network: Network, pattern: string, option: string): readonly string[] {
  const names = layersWithParameters(network)
  const fits = new RegExp(`^${pattern.split('*').map(escaped).join('.*')}$`)
  const found = names.filter((name) => fits.test(name))
  if (found.length === 0) throw new UsageError(`${option}: ${unknownName('layer', pattern, names)}`)
  return found
}

/** Their names, in the network's order. */
export const layersWithParameters = (network: Network): readonly string[] =>
  network.layers.filter(({ parameters }) => Object.keys(parameters).length > 0).map(({ layer }) => layer.name)

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')

/** The parameters that get gradients, by full name, in the network's order. */
export function trainedParametersOf(network: Network, frozen: ReadonlySet<string>): readonly string[] {
  return network.layers
    .filter(({ layer }) => !frozen.has(layer.name))
    .flatMap(({ parameters }) =>
      Object.entries(parameters).flatMap(([name, { role }]) => (isTrainedRole(role) ? [name] : [])),
    )
}
