import { isNode } from '../runtime/host.ts'
import { availableCores, processorName } from '../runtime/machine.ts'
import type { Environment } from './result.ts'

/** What a result says of the machine and the moment. */
export async function describeEnvironment(): Promise<Environment> {
  if (!isNode) throw new Error('the environment of a browser is not described yet')
  const os = await import('node:os')
  return {
    date: new Date().toISOString(),
    processor: await processorName(),
    cores: await availableCores(),
    memoryBytes: os.totalmem(),
    platform: process.platform,
    arch: process.arch,
    node: process.version,
    v8: process.versions.v8,
    loadAverage: process.platform === 'win32' ? null : os.loadavg()[0]!,
    gitCommit: await gitCommit(),
  }
}

async function gitCommit(): Promise<string | null> {
  if (!isNode) return null
  const { execFile } = await import('node:child_process')
  return new Promise((resolve) => {
    execFile('git', ['rev-parse', 'HEAD'], { timeout: 2000 }, (error, stdout) =>
      resolve(error ? null : stdout.trim()),
    )
  })
}
