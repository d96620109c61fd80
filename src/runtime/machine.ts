import { allowedCores } from './cores.ts'
import { type ReadText, readText } from './files.ts'
import { isNode, nodeModule } from './host.ts'
import { quotaCores } from './quota.ts'

/** The processor's name, or what stands for it where the system does not tell. */
export async function processorName(): Promise<string> {
  if (!isNode) return globalThis.navigator?.userAgent ?? 'unknown'
  const { cpus } = nodeModule('node:os')
  return cpus()[0]?.model.trim() || `${process.arch} processor`
}

/** Physical cores that this process may use: of each core's threads one, within affinity and the container's quota. */
export async function availableCores(read: ReadText = readText): Promise<number> {
  if (!isNode) return Math.max(1, globalThis.navigator?.hardwareConcurrency ?? 1)
  const { availableParallelism } = nodeModule('node:os')
  const isLinux = process.platform === 'linux'
  // Node counts threads of a core, and from 24 on takes the quota into account, rounded down
  const cores = (isLinux ? await allowedCores(read) : null) ?? availableParallelism()
  const quota = (isLinux ? await quotaCores(read) : null) ?? Infinity
  return Math.max(1, Math.min(cores, Math.ceil(quota)))
}
