import { openEngine } from '../engines/index.ts'

/** The limits of this machine, measured with one target. */
export interface MachineMeasurement {
  readonly target: string
  readonly reason: string
  readonly threads: number
  readonly peakGflopsPerSecond: { readonly oneThread: number; readonly allThreads: number }
  /** Reading, with all threads. */
  readonly bandwidthGigabytesPerSecond: number
}

/** Measures the FMA peak and the read bandwidth with an engine's own code, in some 0.3 s. Throws as `openEngine` does. */
export async function measureMachine(
  engineSpec: string,
  { threads }: { readonly threads?: number } = {},
): Promise<MachineMeasurement> {
  const options = { experimentalV8Flags: true, ...(threads !== undefined && { threads }) }
  const all = await openEngine(engineSpec, options)
  const one = await openEngine(engineSpec, { ...options, threads: 1 })
  try {
    const peaks = await all.measurePeaks!({ withBandwidth: true })
    const single = await one.measurePeaks!()
    return {
      target: `${all.info.name}:${all.info.target}`,
      reason: all.info.reason,
      threads: all.info.threads,
      peakGflopsPerSecond: { oneThread: single.gflopsPerSecond, allThreads: peaks.gflopsPerSecond },
      bandwidthGigabytesPerSecond: peaks.bandwidthGigabytesPerSecond!,
    }
  } finally {
    await all.dispose()
    await one.dispose()
  }
}
