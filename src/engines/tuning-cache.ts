import { cacheFolder } from '../runtime/cache-folder.ts'
import { isNode, nodeModule } from '../runtime/host.ts'
import { VERSION } from '../version.ts'

export interface CachedChoice {
  readonly choice: string
  /** How long the whole step took on all threads when it was chosen. Null if the entry is not a step's. */
  readonly ms: number | null
}

/** Choices measured before, on this processor with this engine. */
export interface TuningCache {
  get(step: string): CachedChoice | undefined
  /** Adds choices, replacing existing ones; null removes one. */
  change(choices: Readonly<Record<string, CachedChoice | null>>): Promise<void>
}

/** Where the choices are stored as text. If it fails, the next start takes a second longer; nothing else is lost. */
interface Store {
  /** Rejects, or resolves with '', if nothing is stored yet. */
  read(): Promise<string>
  write(text: string): Promise<void>
}

type Entries = Record<string, unknown>

function asChoice(entry: unknown): CachedChoice | undefined {
  const { choice, ms } = (entry ?? {}) as { [Name in keyof CachedChoice]?: unknown }
  if (typeof choice !== 'string') return undefined
  if (ms === null) return { choice, ms }
  return typeof ms === 'number' && ms > 0 && Number.isFinite(ms) ? { choice, ms } : undefined
}

/**
 * In the user's cache folder (CONVMARK_CACHE names another); in a browser in the page's own storage. Empty, and stores
 * nothing, if there is no such place or it can't be read or written.
 */
export async function openTuningCache(processor: string, engine: string): Promise<TuningCache> {
  const store = isNode ? await folderStore() : browserStore
  if (store === null) return { get: () => undefined, change: async () => {} }
  const keyOf = (step: string): string => `${VERSION} | ${processor} | ${engine} | ${step}`
  const read = async (): Promise<Entries> => {
    try {
      const entries: unknown = JSON.parse(await store.read())
      return typeof entries === 'object' && entries !== null ? (entries as Entries) : {}
    } catch {
      return {} // missing or damaged: it only saves time, and is written again
    }
  }
  const entries = await read()
  return {
    get: (step) => asChoice(entries[keyOf(step)]),
    async change(choices) {
      const changed = { ...(await read()) }
      for (const [step, choice] of Object.entries(choices)) {
        if (choice) changed[keyOf(step)] = choice
        else delete changed[keyOf(step)]
      }
      try {
        await store.write(JSON.stringify(changed, null, 1))
      } catch {
        // A folder that can't be written, or a page without storage
      }
    },
  }
}

async function folderStore(): Promise<Store | null> {
  const { mkdir, readFile, rename, rm, writeFile } = nodeModule('node:fs/promises')
  const { join } = nodeModule('node:path')
  const folder = await cacheFolder()
  if (folder === null) return null
  const path = join(folder, 'tuning.json')
  return {
    read: () => readFile(path, 'utf8'),
    async write(text) {
      const temporary = `${path}.${crypto.randomUUID()}.tmp`
      await mkdir(folder, { recursive: true })
      try {
        await writeFile(temporary, text)
        await rename(temporary, path)
      } finally {
        await rm(temporary, { force: true }) // what is left of a file that could not be written, for example on a full disk
      }
    },
  }
}

/** The key in a browser's cache must be an address; nobody requests it. */
const BROWSER_KEY = '/convmark-tuning.json'

/** CacheStorage exists in pages and workers and has no versions; pages that are not secure have none. */
const browserStore: Store = {
  read: async () => (await (await caches.open('convmark')).match(BROWSER_KEY))?.text() ?? '',
  write: async (text) => (await caches.open('convmark')).put(BROWSER_KEY, new Response(text)),
}
