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

/** The version of V8, `11.3`: Chromium's own over ten where a browser is of its family. Null where the engine is another. */
export function v8Version(userAgent: string = globalThis.navigator?.userAgent ?? ''): string | null {
  if (isNode) return /^\d+\.\d+/.exec(process.versions.v8 ?? '')?.[0] ?? null
  const [, chromium] = /Chrome\/(\d+)/.exec(userAgent) ?? []
  return chromium === undefined ? null : (Number(chromium) / 10).toFixed(1)
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

/** What this process may have of the machine's memory. */
export async function totalMemoryBytes(): Promise<number> {
  if (!isNode) return Infinity
  const { totalmem } = nodeModule('node:os')
  const limit = process.constrainedMemory()
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem()
}
