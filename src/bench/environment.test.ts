import { describe, expect, it } from 'vitest'
import { VERSION } from '../version.ts'
import { describeEnvironment, type Host, startEnvironment } from './environment.ts'

const FILES: Record<string, string> = {
  '/sys/fs/cgroup/cpu.max': '150000 100000\n',
  '/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor': 'performance\n',
  '/sys/devices/system/cpu/cpu0/cache/index0/level': '1\n',
  '/sys/devices/system/cpu/cpu0/cache/index0/type': 'Data\n',
  '/sys/devices/system/cpu/cpu0/cache/index0/size': '32K\n',
  '/sys/fs/cgroup/memory.max': '700000000\n',
  '/proc/meminfo': 'MemTotal: 8000000 kB\n',
  '/proc/stat': 'cpu  1000 0 0 0 0 0 0 0\n',
}

const hostWith = (changes: Partial<Host> = {}): Host => ({
  platform: 'linux',
  readText: async (path) => FILES[path] ?? '',
  memoryBytes: 8e9,
  loadAverage: () => 0.25,
  processors: 2,
  processorTimeMs: () => 600,
  versions: process.versions,
  execArgv: ['--expose-gc'],
  nodeOptions: '',
  packageVersion: async () => '3.3.4',
  ...changes,
})

describe('describeEnvironment', () => {
  it('says what Linux tells', async () => {
    expect(await describeEnvironment(hostWith())).toMatchObject({
      platform: 'linux',
      memoryBytes: 8e9,
      memoryLimitBytes: 700000000,
      quotaCores: 1.5,
      governor: 'performance',
      caches: ['L1d 32 KiB'],
      loadAverage: 0.25,
      node: process.version,
    })
  })

  it('has nothing that another system does not tell', async () => {
    expect(await describeEnvironment(hostWith({ platform: 'win32' }))).toMatchObject({
      platform: 'win32',
      memoryLimitBytes: null,
      quotaCores: null,
      governor: 'unknown',
      caches: [],
      loadAverage: null,
    })
    expect(await describeEnvironment(hostWith({ platform: 'darwin' }))).toMatchObject({ loadAverage: 0.25 })
  })

  it.each([
    [
      { node: '20.19.0', v8: '11.3.244.8-node.26' },
      { node: 'v20.19.0', v8: '11.3.244.8-node.26' },
    ],
    [
      { node: '26.3.0', bun: '1.4.5', v8: '14.6.202.34-node.20' },
      { node: 'none', v8: 'none', runtime: 'Bun 1.4.5' },
    ],
    [
      { node: '26.3.0', deno: '2.9.6', v8: '15.0.245.2-rusty' },
      { node: 'none', v8: '15.0.245.2-rusty', runtime: 'Deno 2.9.6' },
    ],
  ])('names the runtime as what it is: %o', async (versions, facts) => {
    const { node, v8, runtime } = await describeEnvironment(hostWith({ versions }))
    expect({ node, v8, runtime }).toEqual({ runtime: undefined, ...facts })
  })

  it("has Node's flags from the command line and from NODE_OPTIONS", async () => {
    const nodeOptions = ' --max-old-space-size=4096  --title="two words" '
    expect((await describeEnvironment(hostWith({ nodeOptions }))).nodeFlags).toEqual([
      '--expose-gc',
      '--max-old-space-size=4096',
      '--title="two words"',
    ])
  })

  it('has the versions of what is installed', async () => {
    expect((await describeEnvironment(hostWith())).packages).toEqual({ convmark: VERSION, koffi: '3.3.4' })
    const without = hostWith({ packageVersion: async () => null })
    expect((await describeEnvironment(without)).packages).toEqual({ convmark: VERSION })
    // The real one: koffi is among the optional dependencies, and may be missing.
    expect((await describeEnvironment()).packages).toMatchObject({ convmark: VERSION })
  })
})

describe('startEnvironment', () => {
  it('is completed at the end', async () => {
    const loads = [0.25, 2]
    const stats = ['cpu  1000 0 0 0 0 0 0 0\n', 'cpu  1150 0 0 900 0 0 0 50\n']
    const host = hostWith({
      loadAverage: () => loads.shift()!,
      readText: async (path) => (path === '/proc/stat' ? stats.shift()! : (FILES[path] ?? '')),
    })
    const started = await startEnvironment(host)
    const finished = await started.finish({ threads: 1, calibrationSpread: 1.1 })
    expect(finished).toMatchObject({
      loadAverage: 0.25,
      loadAverageAtEnd: 2,
      stealFraction: 0.25,
      calibrationSpread: 1.1,
      warnings: [expect.stringContaining('25.0%')],
    })
  })

  it('knows no steal beside Linux', async () => {
    const started = await startEnvironment(hostWith({ platform: 'darwin' }))
    const finished = await started.finish({ threads: 1, calibrationSpread: null })
    expect(finished).toMatchObject({ stealFraction: null, calibrationSpread: null, warnings: [] })
  })

  it("leaves this process's own work out of the load", async () => {
    const warningsAt = async (processorTimeMs: number) => {
      const host = hostWith({ loadAverage: () => 0.9, processorTimeMs: () => processorTimeMs })
      const started = await startEnvironment(host)
      return (await started.finish({ threads: 1, calibrationSpread: null })).warnings
    }
    expect(await warningsAt(600)).toEqual([expect.stringContaining('busy before the start')])
    expect(await warningsAt(30_000)).toEqual([])
  })
})
