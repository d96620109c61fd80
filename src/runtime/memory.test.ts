import { describe, expect, it } from 'vitest'
import { leastMemory, linuxMemoryLimitBytes } from './memory.ts'

const MB = 1_000_000
const GIB = 2 ** 30
const MEMINFO = 'MemTotal:       16777216 kB\nMemFree:  1024 kB\nMemAvailable:   8388608 kB\nSwapFree: 0 kB\n'
/** No limit, as version 1 writes it. */
const NONE = '9223372036854771712\n'

type Files = Readonly<Record<string, string>>

const reading = (files: Files) => async (path: string) =>
  files[path] ?? (path === '/proc/meminfo' ? MEMINFO : '')

const V1 = '/sys/fs/cgroup/memory'
const version1 = (folder: string, limit: string | number, usage: number, stat = ''): Files => ({
  [`${folder}/memory.limit_in_bytes`]: `${limit}\n`,
  [`${folder}/memory.usage_in_bytes`]: `${usage}\n`,
  [`${folder}/memory.stat`]: stat,
})
const version2 = (folder: string, max: string | number, current: number, stat = ''): Files => ({
  [`${folder}/memory.max`]: `${max}\n`,
  [`${folder}/memory.current`]: `${current}\n`,
  [`${folder}/memory.stat`]: stat,
})

describe.runIf(process.platform === 'linux')('memory', () => {
  it.each<[string, Files, limit: number | null, free: number]>([
    ['without control groups', {}, null, 8 * GIB],
    [
      'with swap',
      { '/proc/meminfo': `${MEMINFO.replace('SwapFree: 0', 'SwapFree: 1048576')}` },
      null,
      9 * GIB,
    ],
    ['version 2 without a limit', version2('/sys/fs/cgroup', 'max', 500 * MB), null, 8 * GIB],
    ['version 1 without a limit', version1(V1, NONE, 500 * MB), null, 8 * GIB],
    ['a container of version 2', version2('/sys/fs/cgroup', 700 * MB, 100 * MB), 700 * MB, 600 * MB],
    ['a container of version 1', version1(V1, 700 * MB, 100 * MB), 700 * MB, 600 * MB],
    [
      'a limit over what the machine has left',
      version2('/sys/fs/cgroup', 12 * GIB, 100 * MB),
      12 * GIB,
      8 * GIB,
    ],
    ['a limit over what the machine has', version2('/sys/fs/cgroup', 32 * GIB, 100 * MB), null, 8 * GIB],
    [
      'files in the cache, which can be dropped',
      version2(
        '/sys/fs/cgroup',
        700 * MB,
        400 * MB,
        `anon ${100 * MB}\nfile ${260 * MB}\nfile_mapped ${60 * MB}\ninactive_file ${200 * MB}\n` +
          `active_file ${60 * MB}\nslab_reclaimable ${10 * MB}\n`,
      ),
      700 * MB,
      570 * MB,
    ],
    [
      'the same of version 1, with those of the groups in it',
      version1(
        V1,
        700 * MB,
        400 * MB,
        `inactive_file 1\ntotal_inactive_file ${200 * MB}\ntotal_active_file ${60 * MB}\ntotal_mapped_file ${60 * MB}\n`,
      ),
      700 * MB,
      560 * MB,
    ],
    [
      'memory.high below memory.max',
      { ...version2('/sys/fs/cgroup', 700 * MB, 100 * MB), '/sys/fs/cgroup/memory.high': `${500 * MB}\n` },
      500 * MB,
      400 * MB,
    ],
    [
      'a group within a stricter one',
      {
        '/proc/self/cgroup': '0::/box/job\n',
        ...version2('/sys/fs/cgroup/box', 700 * MB, 600 * MB),
        ...version2('/sys/fs/cgroup/box/job', 800 * MB, 100 * MB),
      },
      700 * MB,
      100 * MB,
    ],
    [
      "a container of version 1 that does not see its host's groups",
      {
        '/proc/self/cgroup': '5:memory:/\n',
        ...version1(V1, NONE, 100 * MB, `hierarchical_memory_limit ${700 * MB}\n`),
      },
      700 * MB,
      600 * MB,
    ],
    [
      'a group whose path holds colons, as of containerd with systemd',
      {
        '/proc/self/cgroup': '0::/pod.slice:cri-containerd:abc\n',
        ...version2('/sys/fs/cgroup/pod.slice:cri-containerd:abc', 700 * MB, 100 * MB),
      },
      700 * MB,
      600 * MB,
    ],
    ['a group that has more than its limit', version1(V1, 700 * MB, 800 * MB), 700 * MB, 0],
  ])('%s', async (_, files, limit, free) => {
    expect(await linuxMemoryLimitBytes(reading(files))).toBe(limit)
    expect((await leastMemory(reading(files)))?.freeBytes).toBe(free)
  })

  it('says whose limit would be met first', async () => {
    const whose = async (files: Files) => (await leastMemory(reading(files)))?.of
    expect(await whose({})).toBe('the machine')
    expect(await whose(version1(V1, 700 * MB, 0))).toBe('a container or service')
  })

  it('is known of this very machine', async () => {
    const memory = await leastMemory()
    expect(memory!.freeBytes).toBeGreaterThan(0)
    expect(memory!.freeBytes).toBeLessThanOrEqual(2 * memory!.limitBytes)
  })
})
