// What Linux says about a processor, in files.

import type { ReadText } from '../runtime/files.ts'

const CPU0 = '/sys/devices/system/cpu/cpu0'

/** The first core's caches, `L1d 32 KiB`, innermost first. */
export async function linuxCaches(read: ReadText): Promise<string[]> {
  const caches: string[] = []
  for (let index = 0; ; index++) {
    const file = async (name: string) => (await read(`${CPU0}/cache/index${index}/${name}`)).trim()
    const [level, type, size] = [await file('level'), await file('type'), await file('size')]
    if (level === '') return [...new Set(caches)]
    caches.push(`L${level}${CACHE_KINDS[type] ?? ''} ${formatCacheSize(size)}`)
  }
}

const CACHE_KINDS: Readonly<Record<string, string>> = { Data: 'd', Instruction: 'i' }
const KIB_PER_MIB = 1024

/** `1024K` -> `1 MiB` */
function formatCacheSize(size: string): string {
  const kib = Number(/^(\d+)K$/.exec(size)?.[1])
  if (Number.isNaN(kib)) return size
  return kib % KIB_PER_MIB === 0 ? `${kib / KIB_PER_MIB} MiB` : `${kib} KiB`
}

/** The governor of the processor's frequency: `performance`, `powersave`; 'unknown' in most virtual machines. */
export async function linuxGovernor(read: ReadText): Promise<string> {
  return (await read(`${CPU0}/cpufreq/scaling_governor`)).trim() || 'unknown'
}

/** Time of all processors since the system started, in the system's ticks. */
export interface ProcessorTicks {
  /** Working, for any process of this system. */
  readonly busy: number
  /** There was work, but the hypervisor gave the processor to another system. */
  readonly stolen: number
}

/** Null if Linux does not say. */
export async function linuxProcessorTicks(read: ReadText): Promise<ProcessorTicks | null> {
  const line = /^cpu (.*)$/m.exec(await read('/proc/stat'))?.[1]
  const ticks = line?.trim().split(/\s+/).map(Number) ?? []
  const [user, nice, system, , , interrupts, softInterrupts, stolen] = ticks
  if (stolen === undefined) return null // before Linux 2.6.11
  return { busy: user! + nice! + system! + interrupts! + softInterrupts!, stolen }
}

/** The stolen share of the time in which there was work; null if not known. */
export function stealFraction(start: ProcessorTicks | null, end: ProcessorTicks | null): number | null {
  if (!start || !end) return null
  const stolen = end.stolen - start.stolen
  const wanted = end.busy - start.busy + stolen
  // With some hypervisors the count can go back.
  return wanted > 0 && stolen >= 0 ? Math.min(1, stolen / wanted) : null
}
