import type { MachineMeasurement } from '../bench/machine.ts'
import type { Environment } from '../bench/result.ts'
import { formatMemory, formatRate, hostFact } from './format.ts'
import type { Palette } from './palette.ts'
import { alignColumns } from './table.ts'

/** An engine's target, and why it is available here or not. */
export interface TargetStatus {
  readonly spec: string
  readonly isAvailable: boolean
  readonly reason: string
}

/** `info`: the machine, its engines and their limits. */
export function machineLines(
  environment: Environment,
  targets: readonly TargetStatus[],
  measured: readonly MachineMeasurement[],
  palette: Palette,
): string[] {
  const { processor, cores, platform, arch, memoryBytes } = environment
  const { caches = [], quotaCores, governor, memoryLimitBytes } = environment
  const facts = [
    ['processor', processor],
    ['cores', `${cores} that this process may use`],
    ...(quotaCores ? [['quota', `${formatRate(quotaCores)} processors, of a container or service`]] : []),
    ...(caches.length > 0 ? [['caches', caches.join(', ')]] : []),
    ...(governor === undefined ? [] : [['governor', governor]]),
    ['memory', formatMemory(memoryBytes)],
    ...(memoryLimitBytes
      ? [['memory limit', `${formatMemory(memoryLimitBytes)}, of a container or service`]]
      : []),
    ['system', `${platform} ${arch}`],
    hostFact(environment),
  ]
  const threads = measured[0]?.threads ?? 1
  const limits = [
    ['', 'peak, 1 thread', `${threads} threads`, 'reading memory'],
    ...measured.map(({ target, peakGflopsPerSecond: peak, bandwidthGigabytesPerSecond }) => [
      target,
      `${formatRate(peak.oneThread)} GFLOP/s`,
      `${formatRate(peak.allThreads)} GFLOP/s`,
      `${formatRate(bandwidthGigabytesPerSecond)} GB/s`,
    ]),
  ]
  const rows = targets.map(({ spec, isAvailable, reason }) => [
    spec,
    isAvailable ? 'available' : 'unavailable',
    reason,
  ])
  return [
    ...alignColumns(facts, ['left', 'left']),
    '',
    palette.bold('engines'),
    ...alignColumns(rows, ['left', 'left', 'left']),
    ...(measured.length > 0
      ? [
          '',
          palette.bold('measured limits: multiply-adds, and reading with all threads'),
          ...alignColumns(limits, ['left', 'right', 'right', 'right']),
        ]
      : []),
  ]
}
