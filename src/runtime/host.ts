import { ConvmarkError, UnavailableError } from '../errors.ts'
import { nodeFault } from './node-version.ts'

// Said when the library is loaded, not by whatever would fail first later.
const fault = nodeFault()
if (fault !== null) throw new ConvmarkError(`convmark ${fault}`)

/** Node (and what passes for it), as against a browser. */
export const isNode: boolean = typeof process === 'object' && typeof process.versions?.node === 'string'

/**
 * One of Node's own modules, asked for in a way that no bundler follows: its import would end the build of a page.
 * Throws UnavailableError in a browser.
 */
export const nodeModule = ((name: string) => {
  if (!isNode) throw new UnavailableError(`this needs Node (${name}), and does not work in a browser`)
  return process.getBuiltinModule(name)
}) as typeof process.getBuiltinModule

/** The processor time of all this process's threads so far; null in a browser, which does not tell. */
export function processorMs(): number | null {
  if (!isNode) return null
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

/** How much JavaScript's values may take of this process's memory; Infinity where that is not known. */
export function heapLimitBytes(): number {
  if (!isNode) return Infinity
  return nodeModule('node:v8').getHeapStatistics().heap_size_limit || Infinity
}

/** Why threads can't share memory here; null where they can. */
export const unsharedReason: string | null = whyUnshared()

function whyUnshared(): string | null {
  // Not only where the constructor is missing: a page that has one and is not isolated can't send it to a worker
  if (globalThis.crossOriginIsolated === false || typeof SharedArrayBuffer === 'undefined')
    return 'the page is not cross-origin isolated (headers COOP and COEP)'
  if (typeof Atomics.waitAsync !== 'function') return 'this browser has no Atomics.waitAsync'
  return null
}
