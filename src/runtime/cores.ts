import type { ReadText } from './files.ts'

const PROCESSORS = '/sys/devices/system/cpu'

/**
 * How many cores Linux lets this process run on: processors that its affinity names and that are online, counting
 * threads of the same core once. A core may have one thread or more, of which only some may be allowed. Null if Linux
 * does not say.
 */
export async function allowedCores(read: ReadText): Promise<number | null> {
  const status = await read('/proc/self/status')
  const allowed = numbersIn(/^Cpus_allowed_list:\s*(\S+)/m.exec(status)?.[1] ?? '')
  const online = new Set(numbersIn(await read(`${PROCESSORS}/online`)))
  const cores = await Promise.all(
    allowed.map(async (processor) => {
      const threads = await threadsBeside(processor, read)
      // The affinity may name processors that are not present: those have no threads and are not online
      if (online.size > 0 ? !online.has(processor) : threads === '') return []
      return [threads || String(processor)]
    }),
  )
  return new Set(cores.flat()).size || null
}

/** The threads of the processor's core, including itself: the same text for all of them. Empty if the system does not say. */
async function threadsBeside(processor: number, read: ReadText): Promise<string> {
  const topology = `${PROCESSORS}/cpu${processor}/topology`
  // The first is the older name, which the kernel has deprecated
  const threads =
    (await read(`${topology}/thread_siblings_list`)) || (await read(`${topology}/core_cpus_list`))
  return threads.trim()
}

/** `0-2,8` -> 0, 1, 2, 8 */
function numbersIn(list: string): number[] {
  return Array.from(list.matchAll(/(\d+)(?:-(\d+))?/g), ([, first, last = first]) =>
    Array.from({ length: Number(last) - Number(first) + 1 }, (_, i) => Number(first) + i),
  ).flat()
}
