import { allowedCores } from './cores.ts'
import { type ReadText, readText } from './files.ts'
import { isNode, nodeModule } from './host.ts'
import { quotaCores } from './quota.ts'

/** The processor's name, or a substitute if the system does not say. */
export async function processorName(): Promise<string> {
  if (!isNode) return globalThis.navigator?.userAgent ?? 'unknown'
  const { cpus } = nodeModule('node:os')
  return cpus()[0]?.model.trim() || `${process.arch} processor`
}

/** Physical cores that this process may use, within its affinity and the container's quota; threads of a core count once. */
export async function availableCores(read: ReadText = readText): Promise<number> {
  if (!isNode) return Math.max(1, globalThis.navigator?.hardwareConcurrency ?? 1)
  const { availableParallelism } = nodeModule('node:os')
  const isLinux = process.platform === 'linux'
  // Node counts hardware threads, and from version 24 on it takes the quota into account, rounded down
  const cores = (isLinux ? await allowedCores(read) : null) ?? availableParallelism()
  const quota = (isLinux ? await quotaCores(read) : null) ?? Infinity
  return Math.max(1, Math.min(cores, Math.ceil(quota)))
}
