import { UsageError, unknownName } from '../errors.ts'
import { type AlexnetOptions, alexnet } from './alexnet.ts'
import { alexnetFull } from './alexnet-full.ts'
import type { Network } from './network.ts'

export { type AlexnetOptions, alexnet } from './alexnet.ts'
export { alexnetFull } from './alexnet-full.ts'
export { type LayerCounts, layerCounts, networkCounts } from './counts.ts'
export { type InitializeOptions, initialize, initializeImages } from './initialize.ts'
export {
  defineNetwork,
  labelClasses,
  type Network,
  type NetworkDefinition,
  outputsOf,
  parametersOf,
  type ResolvedLayer,
  shapeOf,
  type TensorNames,
} from './network.ts'

/** What the command line asks of a network. */
export type NetworkFactory = (options: AlexnetOptions) => Network

/** The table name -> network. */
export const networks: Readonly<Record<string, NetworkFactory>> = {
  alexnet,
  'alexnet-full': alexnetFull,
}

/** Throws UsageError, with the nearest name, where there is no such network. */
export function networkNamed(name: string, options: AlexnetOptions = {}): Network {
  const factory = Object.hasOwn(networks, name) ? networks[name] : undefined
  if (!factory) throw new UsageError(unknownName('network', name, Object.keys(networks)))
  return factory(options)
}
