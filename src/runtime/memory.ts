// How much memory this process may have, and how much of it is left.
import { groupFolders } from './control-groups.ts'
import { type ReadText, readText } from './files.ts'
import { isNode, nodeModule } from './host.ts'

/** A limit on memory, in bytes, and what is left of it now. */
export interface Memory {
  readonly limitBytes: number
  readonly freeBytes: number
  /** What has the limit. */
  readonly of: 'the machine' | 'a container or service'
}

/**
 * The limit that would be met first: the machine's own, or that of a control group that this process is in. What is left
 * is less what all processes there hold, but for files that the system can drop. Null if it is not known, as in a browser.
 * (Node's own process.availableMemory counts a container's cached files as taken.)
 */
export async function leastMemory(read: ReadText = readText): Promise<Memory | null> {
  if (!isNode) return null
  const all =
    process.platform === 'linux' ? [await linuxMemory(read), ...(await groupsMemory(read))] : [ofNode()]
  return all.reduce((least, each) => (each.freeBytes < least.freeBytes ? each : least))
}

/** The least limit of the control groups that this process is in; null if they set none below what the machine has. */
export async function linuxMemoryLimitBytes(read: ReadText = readText): Promise<number | null> {
  const machine = await linuxMemory(read)
  const least = Math.min(...(await groupsMemory(read)).map(({ limitBytes }) => limitBytes))
  return least < machine.limitBytes ? least : null
}

const KIB = 1024

/** Of a system that does not tell what other processes hold. */
function ofNode(): Memory {
  const { totalmem } = nodeModule('node:os')
  const limitBytes = totalmem()
  const freeBytes = Math.max(0, limitBytes - process.memoryUsage.rss())
  return { limitBytes, freeBytes, of: 'the machine' }
}

async function linuxMemory(read: ReadText): Promise<Memory> {
  const facts = factsIn(await read('/proc/meminfo'))
  const bytes = (name: string): number => (facts.get(name) ?? 0) * KIB
  const node = ofNode()
  const limitBytes = facts.has('MemTotal') ? bytes('MemTotal') : node.limitBytes
  // Others' idle memory can go to the swap
  const freeBytes = facts.has('MemAvailable') ? bytes('MemAvailable') + bytes('SwapFree') : node.freeBytes
  return { limitBytes, freeBytes, of: 'the machine' }
}

/** Those of this process's groups that have a limit. */
async function groupsMemory(read: ReadText): Promise<Memory[]> {
  const groups = await groupFolders('memory', read)
  const all = await Promise.all(
    groups.flatMap(({ version, folders }) =>
      folders.map((folder) =>
        version === 2 ? memoryOfVersion2(folder, read) : memoryOfVersion1(folder, read),
      ),
    ),
  )
  return all.filter(({ limitBytes }) => limitBytes < UNLIMITED)
}

/** Version 1 says `9223372036854771712` for no limit; a petabyte is none either. */
const UNLIMITED = 2 ** 50

/** `memory.max` kills; over `memory.high` a process is held up until it hardly moves. */
async function memoryOfVersion2(folder: string, read: ReadText): Promise<Memory> {
  const [max, high] = [await read(`${folder}/memory.max`), await read(`${folder}/memory.high`)]
  const stat = factsIn(await read(`${folder}/memory.stat`))
  const droppable = droppableBytes(stat, '') + (stat.get('slab_reclaimable') ?? 0)
  return left(Math.min(limitIn(max), limitIn(high)), await read(`${folder}/memory.current`), droppable)
}

/** Limits of groups that can't be seen from a container are in `hierarchical_memory_limit`. */
async function memoryOfVersion1(folder: string, read: ReadText): Promise<Memory> {
  const stat = factsIn(await read(`${folder}/memory.stat`))
  const own = limitIn(await read(`${folder}/memory.limit_in_bytes`))
  const limit = Math.min(own, stat.get('hierarchical_memory_limit') ?? Infinity)
  return left(limit, await read(`${folder}/memory.usage_in_bytes`), droppableBytes(stat, 'total_'))
}

function left(limitBytes: number, usage: string, droppable: number): Memory {
  const used = Math.max(0, Number(usage) - droppable)
  return { limitBytes, freeBytes: Math.max(0, limitBytes - used), of: 'a container or service' }
}

/** Files in the cache; a program that runs is among them, and is read again if it was dropped. */
const droppableBytes = (stat: ReadonlyMap<string, number>, prefix: string): number =>
  (stat.get(`${prefix}inactive_file`) ?? 0) + (stat.get(`${prefix}active_file`) ?? 0)

/** `max` and a missing file are no limit. */
const limitIn = (text: string): number => (/^\d+\s*$/.test(text) ? Number(text) : Infinity)

/** Lines `MemTotal:  16314128 kB` or `inactive_file 4096`. */
function factsIn(text: string): Map<string, number> {
  return new Map(Array.from(text.matchAll(/^(\w+):? +(\d+)/gm), ([, name, value]) => [name!, Number(value)]))
}
