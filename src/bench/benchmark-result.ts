import type { Network } from '../networks/network.ts'
import { VERSION } from '../version.ts'
import { type BenchOptions, benchmark } from './bench.ts'
import { Calibration } from './calibration.ts'
import { startEnvironment } from './environment.ts'
import type { Result, Run } from './result.ts'

/**
 * Runs the benchmark to its end and returns what `convmark bench --json` writes, for any network, for use by `report`
 * and `gate`. Throws as `benchmark` does; if its signal aborts, it resolves to what was measured, marked as
 * interrupted.
 */
export async function benchmarkResult(network: Network, options: BenchOptions = {}): Promise<Result> {
  const calibration = new Calibration()
  const started = await startEnvironment()
  const runs: Run[] = []
  const betweenSamples = (): void => {
    calibration.measureIfDue()
    options.betweenSamples?.()
  }
  for await (const event of benchmark(network, { ...options, betweenSamples })) {
    if (event.kind === 'finished') runs.push(event.run)
  }
  const environment = await started.finish({
    threads: Math.max(0, ...runs.map(({ engine }) => engine.threads)),
    calibrationSpread: calibration.spread(),
  })
  return {
    schemaVersion: 1,
    tool: { name: 'convmark', version: VERSION },
    environment,
    runs,
    interrupted: options.signal?.aborted ?? false,
  }
}
