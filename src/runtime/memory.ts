// How much memory this process may have, and how much of it is free.
import { groupFolders } from './control-groups.ts'
import { type ReadText, readText } from './files.ts'
import { isNode, nodeModule } from './host.ts'

/** A limit on memory, in bytes, and how much of it is free now. */
export interface Memory {
  readonly limitBytes: number
  readonly freeBytes: number
  /** What sets the limit. */
  readonly of: 'the machine' | 'a container or service'
}

/**
 * The limit that would be reached first: the machine's own, or that of a control group that this process is in. What
 * its processes hold is not free, except for cached files that the system can drop. Null if not known, as in a browser.
 * (Node's own process.availableMemory counts a container's cached files as used.)
 */
export async function leastMemory(read: ReadText = readText): Promise<Memory | null> {
  if (!isNode) return null
  const all =
    process.platform === 'linux' ? [await linuxMemory(read), ...(await groupsMemory(read))] : [ofNode()]
  return all.reduce((least, each) => (each.freeBytes < least.freeBytes ? each : least))
}

/** The lowest limit of the control groups that this process is in; null if none is below the machine's memory. */
export async function linuxMemoryLimitBytes(read: ReadText = readText): Promise<number | null> {
  const machine = await linuxMemory(read)
  const least = Math.min(...(await groupsMemory(read)).map(({ limitBytes }) => limitBytes))
  return least < machine.limitBytes ? least : null
}

const KIB = 1024

/** For systems that don't say what other processes use. */
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
  // Idle memory of other processes can be swapped out
  const freeBytes = facts.has('MemAvailable') ? bytes('MemAvailable') + bytes('SwapFree') : node.freeBytes
  return { limitBytes, freeBytes, of: 'the machine' }
}

/** The limits of those of this process's groups that have one. */
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

/** Version 1 writes `9223372036854771712` for no limit; anything from a petabyte on is none either. */
const UNLIMITED = 2 ** 50

/** A process over `memory.max` is killed; over `memory.high` it is slowed down until it hardly moves. */
async function memoryOfVersion2(folder: string, read: ReadText): Promise<Memory> {
  const [max, high] = [await read(`${folder}/memory.max`), await read(`${folder}/memory.high`)]
  const stat = factsIn(await read(`${folder}/memory.stat`))
  const droppable = droppableBytes(stat, '') + (stat.get('slab_reclaimable') ?? 0)
  return left(Math.min(limitIn(max), limitIn(high)), await read(`${folder}/memory.current`), droppable)
}

/** `hierarchical_memory_limit` includes limits of groups that a container can't see. */
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

/** Cached files; they include running programs, which are read again if they were dropped. */
const droppableBytes = (stat: ReadonlyMap<string, number>, prefix: string): number =>
  (stat.get(`${prefix}inactive_file`) ?? 0) + (stat.get(`${prefix}active_file`) ?? 0)

/** `max` and a missing file mean no limit. */
const limitIn = (text: string): number => (/^\d+\s*$/.test(text) ? Number(text) : Infinity)

/** Lines `MemTotal:  16314128 kB` or `inactive_file 4096`. */
function factsIn(text: string): Map<string, number> {
  return new Map(Array.from(text.matchAll(/^(\w+):? +(\d+)/gm), ([, name, value]) => [name!, Number(value)]))
}
