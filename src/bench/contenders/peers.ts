// Libraries that convmark is compared with. Each has an adapter in peers/, with a lock file of its own: none is ever a
// dependency of convmark.
import { existsSync } from 'node:fs'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { UnavailableError } from '../../errors.ts'
import { cacheFolder } from '../../runtime/cache-folder.ts'
import { shellWord } from '../../shell.ts'
import { VERSION } from '../../version.ts'

export interface Peer {
  /** From npm, with a lock file in peers/; the others are the system's. */
  readonly isPackage: boolean
  /** As many as it is asked for; the others have one in Node, however many there are. */
  readonly hasThreads: boolean
  /** By a hundredfold, so that it is given longer before it is said to hang. */
  readonly isSlow?: boolean
}

/** By name; its adapter is peers/<name>.mjs, which says of each what it is. */
export const peers: Readonly<Record<string, Peer>> = {
  'onnxruntime-node': { isPackage: true, hasThreads: true },
  'onnxruntime-web': { isPackage: true, hasThreads: true },
  'tfjs-wasm': { isPackage: true, hasThreads: false },
  'tfjs-cpu': { isPackage: true, hasThreads: false, isSlow: true },
  'jax-js': { isPackage: true, hasThreads: false, isSlow: true },
  pytorch: { isPackage: false, hasThreads: true },
  onednn: { isPackage: false, hasThreads: true },
  'onednn-winograd': { isPackage: false, hasThreads: true },
}

export const peerNames: readonly string[] = Object.keys(peers)

const nameOf = (spec: string): string => spec.split('@')[0]!

export const isPeer = (spec: string): boolean => Object.hasOwn(peers, nameOf(spec))

/** Of convmark's own engines none is. */
export const isSlow = (spec: string): boolean => isPeer(spec) && (peers[nameOf(spec)]!.isSlow ?? false)

/** From dist/bench/contenders/, in a checkout and in an installed package: the adapters as they are shipped. */
const PEERS_FOLDER = '../../../peers/'
const SHIPPED = new URL(PEERS_FOLDER, import.meta.url)

/** Where packages of peers are installed: beside the adapters, or in the user's cache folder. Null: in neither. */
async function installedFolder(): Promise<URL | null> {
  const cached = await cachedFolder()
  const folders = cached === null ? [SHIPPED] : [SHIPPED, pathToFileURL(`${cached}/`)]
  return folders.find((folder) => existsSync(new URL('node_modules/', folder))) ?? null
}

async function cachedFolder(): Promise<string | null> {
  const folder = await cacheFolder()
  return folder === null ? null : `${folder}/peers-${VERSION}`
}

/** The packages themselves, for a page; null where none are installed. */
export async function packagesFolder(): Promise<URL | null> {
  const folder = await installedFolder()
  return folder && new URL('node_modules/', folder)
}

/**
 * The script that runs a peer, where its packages are. Throws UnavailableError, with the command that installs them, where
 * they are not installed.
 */
export async function peerRunner(spec: string): Promise<URL> {
  const folder = peers[nameOf(spec)]!.isPackage ? await installedFolder() : SHIPPED
  if (folder) return new URL('runner.mjs', folder)
  const cached = await cachedFolder()
  if (cached === null) {
    throw new UnavailableError(
      `${nameOf(spec)} is not installed, and this user has no cache folder for it; ` +
        'let CONVMARK_CACHE be the absolute path of one',
    )
  }
  const shipped = shellWord(`${fileURLToPath(SHIPPED)}.`) // ends in '/.': what is in it
  const target = shellWord(cached)
  throw new UnavailableError(
    `${nameOf(spec)} is not installed; install it with: ` +
      `mkdir -p ${target} && cp -r ${shipped} ${target} && npm ci --ignore-scripts --prefix ${target}`,
  )
}
