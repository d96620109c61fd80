import { ConvmarkError, UnavailableError } from '../errors.ts'
import { nodeFault } from './node-version.ts'

// Checked when the library is loaded, so that the message does not come from whatever fails first.
const fault = nodeFault()
if (fault !== null) throw new ConvmarkError(`convmark ${fault}`)

/** True in Node (and in runtimes that act as Node), false in a browser. */
export const isNode: boolean = typeof process === 'object' && typeof process.versions?.node === 'string'

/**
 * One of Node's own modules, requested in a way that bundlers don't follow: an import of it would break the build of a
 * page. Throws UnavailableError in a browser.
 */
export const nodeModule = ((name: string) => {
  if (!isNode) throw new UnavailableError(`this needs Node (${name}), and does not work in a browser`)
  return process.getBuiltinModule(name)
}) as typeof process.getBuiltinModule

/** The processor time of all of this process's threads so far; null in a browser, which does not say. */
export function processorMs(): number | null {
  if (!isNode) return null
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

/** How much of this process's memory JavaScript values may take; Infinity if not known. */
export function heapLimitBytes(): number {
  if (!isNode) return Infinity
  return nodeModule('node:v8').getHeapStatistics().heap_size_limit || Infinity
}

/** Why threads can't share memory here; null if they can. */
export const unsharedReason: string | null = whyUnshared()

function whyUnshared(): string | null {
  // Not only if the constructor is missing: a page that is not isolated may have it, but can't send such a buffer to a
  // worker
  if (globalThis.crossOriginIsolated === false || typeof SharedArrayBuffer === 'undefined')
    return 'the page is not cross-origin isolated (headers COOP and COEP)'
  if (typeof Atomics.waitAsync !== 'function') return 'this browser has no Atomics.waitAsync'
  return null
}
