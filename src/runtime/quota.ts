import { type ReadText, readText } from './files.ts'

const ROOT = '/sys/fs/cgroup'

/**
 * How many processors' time Linux lets this process have, by the control groups (version 2 or 1) that it is in; null
 * where nothing limits it. A group is limited by those above it too. In a container the paths that the process is told
 * may be the host's, and its own group stands at the root.
 */
export async function quotaCores(read: ReadText = readText): Promise<number | null> {
  const groups = (await read('/proc/self/cgroup')).split('\n').map((line) => line.split(':'))
  const pathOf = (isSought: (controllers: string) => boolean): string =>
    groups.find(([, controllers]) => controllers !== undefined && isSought(controllers))?.[2] ?? '/'
  const unified = upward(pathOf((controllers) => controllers === ''))
  const cpu = upward(pathOf((controllers) => controllers.split(',').includes('cpu')))
  const quotas = await Promise.all([
    ...unified.map((path) => quotaOfVersion2(`${ROOT}${path}`, read)),
    ...cpu.map((path) => quotaOfVersion1(`${ROOT}/cpu${path}`, read)),
  ])
  const least = Math.min(...quotas)
  return Number.isFinite(least) ? least : null
}

/** `/a/b` -> '', '/a', '/a/b' */
function upward(path: string): string[] {
  const names = path.split('/').filter((name) => name !== '')
  return ['', ...names.map((_, i) => `/${names.slice(0, i + 1).join('/')}`)]
}

/** `150000 100000`, or `max 100000` for no limit */
async function quotaOfVersion2(folder: string, read: ReadText): Promise<number> {
  const [quota, period] = (await read(`${folder}/cpu.max`)).trim().split(' ').map(Number)
  return coresOf(quota, period)
}

/** Microseconds in files of their own; -1 for no limit */
async function quotaOfVersion1(folder: string, read: ReadText): Promise<number> {
  const quota = Number(await read(`${folder}/cpu.cfs_quota_us`))
  return coresOf(quota, Number(await read(`${folder}/cpu.cfs_period_us`)))
}

const coresOf = (quota = 0, period = 0): number => (quota > 0 && period > 0 ? quota / period : Infinity)
