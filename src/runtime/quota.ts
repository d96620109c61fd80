import { groupFolders } from './control-groups.ts'
import { type ReadText, readText } from './files.ts'

/** How many processors' time Linux allows this process, by its control groups; null if there is no limit. */
export async function quotaCores(read: ReadText = readText): Promise<number | null> {
  const groups = await groupFolders('cpu', read)
  const quotas = await Promise.all(
    groups.flatMap(({ version, folders }) =>
      folders.map((folder) =>
        version === 2 ? quotaOfVersion2(folder, read) : quotaOfVersion1(folder, read),
      ),
    ),
  )
  const least = Math.min(...quotas)
  return Number.isFinite(least) ? least : null
}

/** `150000 100000`, or `max 100000` for no limit */
async function quotaOfVersion2(folder: string, read: ReadText): Promise<number> {
  const [quota, period] = (await read(`${folder}/cpu.max`)).trim().split(' ').map(Number)
  return coresOf(quota, period)
}

/** Microseconds, in two files; -1 means no limit */
async function quotaOfVersion1(folder: string, read: ReadText): Promise<number> {
  const quota = Number(await read(`${folder}/cpu.cfs_quota_us`))
  return coresOf(quota, Number(await read(`${folder}/cpu.cfs_period_us`)))
}

const coresOf = (quota = 0, period = 0): number => (quota > 0 && period > 0 ? quota / period : Infinity)
