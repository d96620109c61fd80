import type { Environment } from '../../src/bench/result.ts'

/** A quiet machine of four cores. */
export function exampleEnvironment(changes: Partial<Environment> = {}): Environment {
  return {
    date: '2026-01-31T12:00:00.000Z',
    processor: 'a processor',
    cores: 4,
    quotaCores: null,
    memoryBytes: 8e9,
    platform: 'linux',
    arch: 'x64',
    node: 'v20.20.0',
    v8: '11.3',
    loadAverage: 0.3,
    loadAverageAtEnd: 4.2,
    gitCommit: null,
    governor: 'performance',
    stealFraction: 0.001,
    calibrationSpread: 1.2,
    ...changes,
  }
}
