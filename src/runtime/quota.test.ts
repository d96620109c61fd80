import { expect, it } from 'vitest'
import { quotaCores } from './quota.ts'

const quotaIn = (files: Record<string, string>): Promise<number | null> =>
  quotaCores(async (path) => files[path] ?? '')

it.each<[string, Record<string, string>, number | null]>([
  ['no control groups', {}, null],
  ['a container of version 2', { '/sys/fs/cgroup/cpu.max': '150000 100000\n' }, 1.5],
  ['version 2 without a limit', { '/sys/fs/cgroup/cpu.max': 'max 100000\n' }, null],
  [
    'the strictest of a service and its slice',
    {
      '/proc/self/cgroup': '0::/system.slice/bench.service\n',
      '/sys/fs/cgroup/system.slice/cpu.max': '200000 100000',
      '/sys/fs/cgroup/system.slice/bench.service/cpu.max': '400000 100000',
    },
    2,
  ],
  [
    'version 1',
    {
      '/proc/self/cgroup': '4:cpu,cpuacct:/box\n1:name=systemd:/\n0::/\n',
      '/sys/fs/cgroup/cpu/box/cpu.cfs_quota_us': '50000\n',
      '/sys/fs/cgroup/cpu/box/cpu.cfs_period_us': '100000\n',
    },
    0.5,
  ],
  [
    "version 1 in a container that is told the host's path",
    {
      '/proc/self/cgroup': '4:cpu,cpuacct:/docker/abc\n',
      '/sys/fs/cgroup/cpu/cpu.cfs_quota_us': '300000\n',
      '/sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000\n',
    },
    3,
  ],
  [
    'version 1 in a container, by the place where the system says that it is mounted',
    {
      '/proc/self/cgroup': '4:cpuacct,cpu:/docker/abc/child\n',
      '/proc/self/mountinfo':
        '31 24 0:27 /docker/abc /sys/fs/cgroup/cpu,cpuacct ro,nosuid - cgroup cgroup rw,cpu,cpuacct\n',
      '/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us': '300000\n',
      '/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us': '100000\n',
      '/sys/fs/cgroup/cpu,cpuacct/child/cpu.cfs_quota_us': '200000\n',
      '/sys/fs/cgroup/cpu,cpuacct/child/cpu.cfs_period_us': '100000\n',
    },
    2,
  ],
  [
    'version 2 mounted somewhere else',
    {
      '/proc/self/cgroup': '0::/user.slice\n',
      '/proc/self/mountinfo': '31 24 0:27 / /a\\040place rw - cgroup2 cgroup2 rw,nsdelegate\n',
      '/a place/user.slice/cpu.max': '150000 100000\n',
      '/sys/fs/cgroup/user.slice/cpu.max': '100000 100000\n',
    },
    1.5,
  ],
  [
    "version 2 of a process outside its container's groups",
    {
      '/proc/self/cgroup': '0::/../host\n',
      '/proc/self/mountinfo': '31 24 0:27 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n',
      '/sys/fs/cgroup/cpu.max': '250000 100000\n',
    },
    2.5,
  ],
  [
    'version 1 without a limit',
    {
      '/proc/self/cgroup': '1:cpu:/\n',
      '/sys/fs/cgroup/cpu/cpu.cfs_quota_us': '-1\n',
      '/sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000\n',
    },
    null,
  ],
])('%s', async (_, files, cores) => {
  expect(await quotaIn(files)).toBe(cores)
})
