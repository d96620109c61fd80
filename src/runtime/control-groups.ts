// Where Linux keeps the limits of the control groups (version 1 or 2) that this process is in.
import type { ReadText } from './files.ts'

export interface GroupFolders {
  readonly version: 1 | 2
  /** From the topmost visible group to the process's own: each is also limited by those before it. */
  readonly folders: readonly string[]
}

interface Mount {
  readonly version: 1 | 2
  /** The group that is mounted, and where. */
  readonly root: string
  readonly at: string
}

/**
 * The groups that limit one of Linux's resources for this process: one list for each version of control groups that has
 * the controller. Some of the folders may not exist, since a container may see a path of its host.
 */
export async function groupFolders(
  controller: 'cpu' | 'memory',
  read: ReadText,
): Promise<readonly GroupFolders[]> {
  // Lines `5:cpu,cpuacct:/docker/abc`; a path may hold colons too
  const groups = [...(await read('/proc/self/cgroup')).matchAll(/^\d+:([^:]*):(.*)$/gm)]
  const pathOf = (isSought: (controllers: string) => boolean): string =>
    groups.find(([, controllers]) => isSought(controllers!))?.[2] ?? '/'
  const unified = pathOf((controllers) => controllers === '')
  const own = pathOf((controllers) => controllers.split(',').includes(controller))
  const mounts = mountsOf(controller, await read('/proc/self/mountinfo'))
  return ([2, 1] as const).map((version) => {
    const path = version === 2 ? unified : own
    const ofVersion = mounts.filter((mount) => mount.version === version)
    const mount = ofVersion.find(({ root }) => isWithin(path, root)) ?? ofVersion[0]
    return { version, folders: mount ? foldersBelow(mount, path) : [] }
  })
}

/** Where they are on almost all systems, for systems that don't say. */
const usualMounts = (controller: string): Mount[] => [
  { version: 2, root: '/', at: '/sys/fs/cgroup' },
  { version: 1, root: '/', at: `/sys/fs/cgroup/${controller}` },
]

/** Lines `30 23 0:26 /docker/abc /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu,cpuacct`. */
function mountsOf(controller: string, mountInfo: string): Mount[] {
  const mounts = mountInfo.split('\n').flatMap((line): Mount[] => {
    const [place = '', system = ''] = line.split(' - ')
    const [, , , root, at] = place.split(' ').map(withoutEscapes)
    const [type, , options = ''] = system.split(' ')
    if (root === undefined || at === undefined) return []
    if (type === 'cgroup2') return [{ version: 2, root, at }]
    return type === 'cgroup' && options.split(',').includes(controller) ? [{ version: 1, root, at }] : []
  })
  return mounts.length > 0 ? mounts : usualMounts(controller)
}

/** A space is `\040`. */
const withoutEscapes = (path: string): string =>
  path.replace(/\\(\d{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))

const isWithin = (path: string, root: string): boolean =>
  root === '/' || path === root || path.startsWith(`${root}/`)

/** The mount's own folder and those on the way down to the path; only the first if the path is elsewhere. */
function foldersBelow({ root, at }: Mount, path: string): string[] {
  const below = isWithin(path, root) ? path.slice(root === '/' ? 0 : root.length) : ''
  const names = below.split('/').filter((name) => name !== '')
  if (names.includes('..')) return [at]
  return [at, ...names.map((_, i) => `${at}/${names.slice(0, i + 1).join('/')}`)]
}
