import { describe, expect, it } from 'vitest'
import { linuxCaches, linuxGovernor, linuxProcessorTicks, stealFraction } from './linux.ts'

const reading = (files: Record<string, string>) => async (path: string) => files[path] ?? ''
const CPU0 = '/sys/devices/system/cpu/cpu0'

describe('caches', () => {
  const cache = (index: number, level: string, type: string, size: string) => ({
    [`${CPU0}/cache/index${index}/level`]: `${level}\n`,
    [`${CPU0}/cache/index${index}/type`]: `${type}\n`,
    [`${CPU0}/cache/index${index}/size`]: `${size}\n`,
  })

  it('have level, kind and size, each once', async () => {
    const files = {
      ...cache(0, '1', 'Data', '48K'),
      ...cache(1, '1', 'Instruction', '32K'),
      ...cache(2, '2', 'Unified', '1024K'),
      ...cache(3, '2', 'Unified', '1024K'),
      ...cache(4, '3', 'Unified', '36608K'),
    }
    expect(await linuxCaches(reading(files))).toEqual([
      'L1d 48 KiB',
      'L1i 32 KiB',
      'L2 1 MiB',
      'L3 36608 KiB',
    ])
  })

  it('are none where the system does not say', async () => {
    expect(await linuxCaches(reading({}))).toEqual([])
  })
})

it("the governor is the system's, or unknown", async () => {
  const files = { [`${CPU0}/cpufreq/scaling_governor`]: 'powersave\n' }
  expect(await linuxGovernor(reading(files))).toBe('powersave')
  expect(await linuxGovernor(reading({}))).toBe('unknown')
})

describe('steal', () => {
  const stat = (line: string) => reading({ '/proc/stat': `${line}\ncpu0 1 1 1 1 1 1 1 1\nintr 7\n` })

  it('is read beside the busy time, without idle, waiting and guests', async () => {
    expect(await linuxProcessorTicks(stat('cpu  1000 20 300 5000 60 7 8 90 400 0'))).toEqual({
      busy: 1335,
      stolen: 90,
    })
  })

  it.each([
    ['no file', ''],
    ['a line of an old kernel', 'cpu  1000 20 300 5000'],
  ])('is not known from %s', async (_, line) => {
    expect(await linuxProcessorTicks(stat(line))).toBeNull()
  })

  const start = { busy: 1000, stolen: 50 }
  it.each([
    ['a share of the time that was wanted', start, { busy: 1150, stolen: 100 }, 0.25],
    ['none', start, { busy: 1150, stolen: 50 }, 0],
    ['unknown where nothing was done', start, start, null],
    ['unknown where the count went back', start, { busy: 1150, stolen: 40 }, null],
    ['unknown without a start', null, start, null],
    ['unknown without an end', start, null, null],
  ])('is %s', (_, from, to, fraction) => {
    expect(stealFraction(from, to)).toBe(fraction)
  })
})
