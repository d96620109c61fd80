// What is measured: a network of the library's, by its name, or the user's file.
import { type Network, networkNamed, networks } from 'convmark'
import type { Run } from 'convmark/bench'
import type { Model } from './model.ts'

export type NetworkChoice =
  | { readonly kind: 'named'; readonly name: string }
  | { readonly kind: 'file'; readonly model: Model }

export const NETWORKS: readonly string[] = Object.keys(networks)
export const FIRST_NETWORK = 'alexnet'
/** What a field or a link has for the user's file; no network has this name. */
export const OWN_FILE = ''

/** What a field means. For a name that is none, as an old link may have it, the first network. */
export function choiceOf(field: string, model: Model | null): NetworkChoice {
  if (model && field === OWN_FILE) return { kind: 'file', model }
  return { kind: 'named', name: NETWORKS.includes(field) ? field : FIRST_NETWORK }
}

export const networkOf = (choice: NetworkChoice): Network =>
  choice.kind === 'named' ? networkNamed(choice.name) : choice.model.network

/** What to call it. */
export const nameOf = (choice: NetworkChoice): string =>
  choice.kind === 'named' ? choice.name : choice.model.fileName

/** A run of it, with the file's name if it is from one. */
export const withFile = (run: Run, choice: NetworkChoice): Run =>
  choice.kind === 'named' ? run : { ...run, networkFile: choice.model.fileName }

/** The parameters that the file has; null for a named network, which has none of its own. */
export async function parametersOf(choice: NetworkChoice): Promise<Record<string, Float32Array> | null> {
  if (choice.kind === 'named') return null
  const entries = Object.entries(choice.model.parameters).map(
    async ([name, blob]) => [name, new Float32Array(await blob.arrayBuffer())] as const,
  )
  return Object.fromEntries(await Promise.all(entries))
}
