// Libraries that convmark is compared with. Each has an adapter in peers/, with a lock file of its own: none is ever a
// dependency of convmark.
import { existsSync } from 'node:fs'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { UnavailableError } from '../../errors.ts'
import { cacheFolder } from '../../runtime/cache-folder.ts'
import { VERSION } from '../../version.ts'

export interface Peer {
  /** From npm, with a lock file in peers/; the others are the system's. */
  readonly isPackage: boolean
  /** As many as it is asked for; the others have one in Node, however many there are. */
  readonly hasThreads: boolean
}

/** By name; its adapter is peers/<name>.mjs, which says of each what it is. */
export const peers: Readonly<Record<string, Peer>> = {
  'onnxruntime-node': { isPackage: true, hasThreads: true },
  'onnxruntime-web': { isPackage: true, hasThreads: true },
  'tfjs-wasm': { isPackage: true, hasThreads: false },
  'tfjs-cpu': { isPackage: true, hasThreads: false },
  'jax-js': { isPackage: true, hasThreads: false },
  pytorch: { isPackage: false, hasThreads: true },
  onednn: { isPackage: false, hasThreads: true },
  'onednn-winograd': { isPackage: false, hasThreads: true },
}

export const peerNames: readonly string[] = Object.keys(peers)

const nameOf = (spec: string): string => spec.split('@')[0]!

export const isPeer = (spec: string): boolean => Object.hasOwn(peers, nameOf(spec))

/** From dist/bench/contenders/, in a checkout and in an installed package: the adapters as they are shipped. */
const PEERS_FOLDER = '../../../peers/'
const SHIPPED = new URL(PEERS_FOLDER, import.meta.url)

/**
 * The script that runs a peer, where its packages are: beside the adapters, or in the user's cache folder. Throws
 * UnavailableError, with the command that installs them, where they are in neither.
 */
export async function peerRunner(spec: string): Promise<URL> {
  const isInstalled = (folder: URL): boolean => existsSync(new URL('node_modules/', folder))
  if (!peers[nameOf(spec)]!.isPackage || isInstalled(SHIPPED)) return new URL('runner.mjs', SHIPPED)
  const folder = `${await cacheFolder()}/peers-${VERSION}`
  const cached = pathToFileURL(`${folder}/`)
  if (isInstalled(cached)) return new URL('runner.mjs', cached)
  const shipped = fileURLToPath(SHIPPED).replace(/\/$/, '')
  throw new UnavailableError(
    `${nameOf(spec)} is not installed; install it with: ` +
      `mkdir -p ${folder} && cp -r ${shipped}/. ${folder} && npm ci --ignore-scripts --prefix ${folder}`,
  )
}
