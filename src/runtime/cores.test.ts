import { expect, it } from 'vitest'
import { allowedCores } from './cores.ts'

interface Machine {
  readonly allowed: string
  readonly online: string
  /** The threads of each core. */
  readonly cores?: readonly string[]
  /** The name of the file in which the system lists them. */
  readonly file?: string
}

/** The files of a Linux system on which this process may use some of the processors. */
function coresOn({
  allowed,
  online,
  cores = [],
  file = 'thread_siblings_list',
}: Machine): Promise<number | null> {
  const files = new Map([
    [
      '/proc/self/status',
      `Name:\tnode\nCpus_allowed:\tff\nCpus_allowed_list:\t${allowed}\nMems_allowed_list:\t0\n`,
    ],
    ['/sys/devices/system/cpu/online', `${online}\n`],
  ])
  for (const threads of cores) {
    const [first, last = first] = threads.split(/[-,]/).map(Number)
    for (const processor of [first, last])
      files.set(`/sys/devices/system/cpu/cpu${processor}/topology/${file}`, `${threads}\n`)
  }
  return allowedCores(async (path) => files.get(path) ?? '')
}

const SMT = ['0,4', '1,5', '2,6', '3,7']
/** Two cores with two threads, four with one. */
const HYBRID = ['0-1', '2-3', '4', '5', '6', '7']

it.each<[string, Machine, number | null]>([
  ['all threads of cores with two', { allowed: '0-7', online: '0-7', cores: SMT }, 4],
  ['a thread of each of two cores', { allowed: '0-1', online: '0-7', cores: SMT }, 2],
  ['a thread of each core', { allowed: '4-7', online: '0-7', cores: SMT }, 4],
  ['both threads of one core', { allowed: '1,5', online: '0-7', cores: SMT }, 1],
  ['three threads of two cores', { allowed: '0,4-5', online: '0-7', cores: SMT }, 2],
  ['neighbours that are threads of one core', { allowed: '0-3', online: '0-3', cores: ['0-1', '2-3'] }, 2],
  ['a hybrid processor', { allowed: '0-7', online: '0-7', cores: HYBRID }, 6],
  ['the efficient cores alone', { allowed: '4-7', online: '0-7', cores: HYBRID }, 4],
  ['the fast cores alone', { allowed: '0-3', online: '0-7', cores: HYBRID }, 2],
  [
    'a processor that is offline',
    { allowed: '0-7', online: '0-2,4-7', cores: ['0,4', '1,5', '2,6', '7'] },
    4,
  ],
  [
    'a mask of all processors that there could be',
    { allowed: '0-127', online: '0-3', cores: ['0-1', '2-3'] },
    2,
  ],
  ['the newer name of the file', { allowed: '0-7', online: '0-7', cores: SMT, file: 'core_cpus_list' }, 4],
  ['a system that does not tell of cores', { allowed: '0-3', online: '0-7' }, 4],
  ['a system that does not tell what is online', { allowed: '0-127', online: '', cores: SMT }, 4],
  ['a system that tells nothing', { allowed: '', online: '' }, null],
  ['a container whose list of processors is made up', { allowed: '5,9', online: '0-1' }, null],
])('%s', async (_, machine, cores) => {
  expect(await coresOn(machine)).toBe(cores)
})
