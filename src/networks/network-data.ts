import type { Layer } from '../layers/index.ts'
import { defineNetwork, type Network, type NetworkDefinition } from './network.ts'

/** A network as JSON: in model files, and between processes. */
export type NetworkData = NetworkDefinition<string, readonly Layer[]> & { readonly name: string }

export function networkData({ name, inputs, layers, printed }: Network): NetworkData {
  return { name, inputs, layers: layers.map(({ layer, inputs }) => ({ ...layer, inputs })), printed }
}

/** Throws as `defineNetwork` does. */
export function networkOf({ name, ...definition }: NetworkData): Network {
  return defineNetwork(name, definition)
}
