// Libraries that convmark is compared with. Each has an adapter in peers/, with a lock file of its own: none is ever a
// dependency of convmark.
import { existsSync } from 'node:fs'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { UnavailableError } from '../../errors.ts'
import { cacheFolder } from '../../runtime/cache-folder.ts'
import { VERSION } from '../../version.ts'

/** By name: whether it comes from npm; the others are the system's. */
const PEERS: Readonly<Record<string, { readonly isPackage: boolean }>> = {
  'onnxruntime-node': { isPackage: true },
  'onnxruntime-web': { isPackage: true },
  'tfjs-wasm': { isPackage: true },
  'tfjs-cpu': { isPackage: true },
  'jax-js': { isPackage: true },
  pytorch: { isPackage: false },
  onednn: { isPackage: false },
  'onednn-winograd': { isPackage: false },
}

export const peerNames: readonly string[] = Object.keys(PEERS)

const nameOf = (spec: string): string => spec.split('@')[0]!

export const isPeer = (spec: string): boolean => Object.hasOwn(PEERS, nameOf(spec))

/** From dist/bench/contenders/, in a checkout and in an installed package: the adapters as they are shipped. */
const PEERS_FOLDER = '../../../peers/'
const SHIPPED = new URL(PEERS_FOLDER, import.meta.url)

/**
 * The script that runs a peer, where its packages are: beside the adapters, or in the user's cache folder. Throws
 * UnavailableError, with the command that installs them, where they are in neither.
 */
export async function peerRunner(spec: string): Promise<URL> {
  const isInstalled = (folder: URL): boolean => existsSync(new URL('node_modules/', folder))
  if (!PEERS[nameOf(spec)]!.isPackage || isInstalled(SHIPPED)) return new URL('runner.mjs', SHIPPED)
  const folder = `${await cacheFolder()}/peers-${VERSION}`
  const cached = pathToFileURL(`${folder}/`)
  if (isInstalled(cached)) return new URL('runner.mjs', cached)
  const shipped = fileURLToPath(SHIPPED).replace(/\/$/, '')
  throw new UnavailableError(
    `${nameOf(spec)} is not installed; install it with: ` +
      `mkdir -p ${folder} && cp -r ${shipped}/. ${folder} && npm ci --ignore-scripts --prefix ${folder}`,
  )
}
