import { cacheFolder } from '../runtime/cache-folder.ts'
import { isNode } from '../runtime/host.ts'
import { VERSION } from '../version.ts'

/** Choices measured before on this processor with this engine. */
export interface TuningCache {
  get(step: string): string | undefined
  add(choices: Readonly<Record<string, string>>): Promise<void>
}

type Entries = Record<string, string>

/** The cache in the user's cache folder; null in a browser. CONVMARK_CACHE names another folder. */
export async function openTuningCache(processor: string, engine: string): Promise<TuningCache | null> {
  if (!isNode) return null
  const { mkdir, readFile, rename, writeFile } = await import('node:fs/promises')
  const { dirname, join } = await import('node:path')
  const path = join(await cacheFolder(), 'tuning.json')
  const keyOf = (step: string): string => `${VERSION} | ${processor} | ${engine} | ${step}`
  const read = async (): Promise<Entries> => {
    try {
      const entries: unknown = JSON.parse(await readFile(path, 'utf8'))
      return typeof entries === 'object' && entries !== null ? (entries as Entries) : {}
    } catch {
      return {} // not there yet, or damaged: it only saves time, and is written anew
    }
  }
  const entries = await read()
  return {
    get: (step) => (typeof entries[keyOf(step)] === 'string' ? entries[keyOf(step)] : undefined),
    async add(choices) {
      const added = Object.entries(choices).map(([step, choice]) => [keyOf(step), choice] as const)
      const temporary = `${path}.${process.pid}.${Date.now()}.tmp`
      try {
        await mkdir(dirname(path), { recursive: true })
        await writeFile(
          temporary,
          JSON.stringify({ ...(await read()), ...Object.fromEntries(added) }, null, 1),
        )
        await rename(temporary, path)
      } catch {
        // A folder that can't be written costs the next start its second, and nothing else.
      }
    },
  }
}
