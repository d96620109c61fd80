import type { MachineMeasurement } from '../bench/machine.ts'
import type { Environment } from '../bench/result.ts'
import { formatRate } from './format.ts'
import type { Palette } from './palette.ts'
import { alignColumns } from './table.ts'

const BYTES_PER_GIB = 2 ** 30

/** An engine's target, and why it is to be had here or not. */
export interface TargetStatus {
  readonly spec: string
  readonly isAvailable: boolean
  readonly reason: string
}

/** `info`: the machine, what runs on it and how fast that can be. */
export function machineLines(
  environment: Environment,
  targets: readonly TargetStatus[],
  measured: MachineMeasurement,
  palette: Palette,
): string[] {
  const { processor, cores, platform, arch, memoryBytes, node, v8 } = environment
  const { oneThread, allThreads } = measured.peakGflopsPerSecond
  const facts = [
    ['processor', processor],
    ['cores', `${cores} that this process may use`],
    ['memory', `${(memoryBytes / BYTES_PER_GIB).toFixed(1)} GiB`],
    ['system', `${platform} ${arch}`],
    ['Node', `${node} (V8 ${v8})`],
  ]
  const limits = [
    ['FMA peak, 1 thread', `${formatRate(oneThread)} GFLOP/s`],
    [`FMA peak, ${measured.threads} threads`, `${formatRate(allThreads)} GFLOP/s`],
    ['memory bandwidth', `${formatRate(measured.bandwidthGigabytesPerSecond)} GB/s`],
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
    '',
    palette.bold(`measured limits of ${measured.target}`),
    ...alignColumns(limits, ['left', 'right']),
  ]
}
