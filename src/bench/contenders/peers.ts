// Libraries that convmark is compared with. Each has an adapter in peers/, which describes it; none is a dependency of
// convmark.
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { UnavailableError } from '../../errors.ts'

export interface Peer {
  /** From npm; empty if the system has to provide it. */
  readonly packages: readonly string[]
  /** It can use several threads; the others use one in Node, whatever they are given. */
  readonly hasThreads: boolean
  /** It is a hundred times slower, so it gets more time before it counts as hung. */
  readonly isSlow?: boolean
}

/** By name; the adapter is peers/<name>.mjs. */
export const peers: Readonly<Record<string, Peer>> = {
  'onnxruntime-node': { packages: ['onnxruntime-node'], hasThreads: true },
  'onnxruntime-web': { packages: ['onnxruntime-web'], hasThreads: true },
  'tfjs-wasm': {
    packages: ['@tensorflow/tfjs-core', '@tensorflow/tfjs-backend-wasm'],
    hasThreads: false,
  },
  'tfjs-cpu': { packages: ['@tensorflow/tfjs'], hasThreads: false, isSlow: true },
  'jax-js': { packages: ['@jax-js/jax'], hasThreads: false, isSlow: true },
  pytorch: { packages: [], hasThreads: true },
  'pytorch-channels-first': { packages: [], hasThreads: true },
  onednn: { packages: [], hasThreads: true },
  'onednn-winograd': { packages: [], hasThreads: true },
}

export const peerNames: readonly string[] = Object.keys(peers)

const nameOf = (spec: string): string => spec.split('@')[0]!

export const isPeer = (spec: string): boolean => Object.hasOwn(peers, nameOf(spec))

/** None of convmark's own engines is slow. */
export const isSlow = (spec: string): boolean => isPeer(spec) && (peers[nameOf(spec)]!.isSlow ?? false)

/** Relative to dist/bench/contenders/, in a checkout and in an installed package: the adapters as they are shipped. */
const PEERS_FOLDER = '../../../peers/'
const SHIPPED = new URL(PEERS_FOLDER, import.meta.url)

/** The script that runs a peer, in its own process. */
export const PEER_RUNNER = new URL('runner.mjs', SHIPPED)

/** Where packages are looked for, first in the user's project: each of these folders, and those above it. */
const allPlaces = (): URL[] => [pathToFileURL(`${process.cwd()}/`), SHIPPED]

/** A package's own folder, as Node finds it from a file in `place`; null if it is not installed there. */
function folderFrom(place: URL, name: string): URL | null {
  for (let folder = place; ; folder = new URL('../', folder)) {
    const found = new URL(`node_modules/${name}/`, folder)
    if (existsSync(new URL('package.json', found))) return found
    if (folder.href === new URL('../', folder).href) return null
  }
}

/** A package's own folder, in the user's project or where convmark is installed; null if it is in neither. */
export function packageFolder(name: string): URL | null {
  for (const place of allPlaces()) {
    const found = folderFrom(place, name)
    if (found) return found
  }
  return null
}

/**
 * The folder from which a peer's packages are imported; null if the peer has none. Throws UnavailableError, with the
 * command that installs them, if one is missing.
 */
export function packagesFrom(spec: string, places: readonly URL[] = allPlaces()): URL | null {
  const name = nameOf(spec)
  const { packages } = peers[name]!
  if (packages.length === 0) return null
  const found = places.find((place) => packages.every((each) => folderFrom(place, each) !== null))
  if (found) return found
  const tested = [...new Set(packages.map(testedVersion))].join(', ')
  throw new UnavailableError(
    `not installed (tested with ${tested}); install it in your project with: ` +
      `npm i --ignore-scripts ${packages.join(' ')}`,
  )
}

/** The version in the lock file of peers/. */
function testedVersion(name: string): string {
  const file = fileURLToPath(new URL('package-lock.json', SHIPPED))
  const { packages } = JSON.parse(readFileSync(file, 'utf8')) as {
    readonly packages: Readonly<Record<string, { readonly version: string }>>
  }
  return packages[`node_modules/${name}`]!.version
}
