import type { BenchEvent } from './events.ts'
import type { Network } from '../networks/network.ts'
import type { Pass } from '../plan/plan.ts'
import type { Engine } from '../engines/engine.ts'

export interface BenchOptions {
  readonly batch?: number
  readonly batches?: number
  readonly burnIn?: number
  readonly passes?: readonly Pass[]
  readonly engine?: string | Engine
  readonly threads?: number
  readonly seed?: number
  /** False leaves the check out and marks the result as unchecked. */
  readonly check?: boolean
  readonly experimentalV8Flags?: boolean
  /** Ends the run between two steps or within one; what was measured is reported as interrupted. */
  readonly signal?: AbortSignal
}

export async function* benchmark(network: Network, options: BenchOptions = {}): AsyncGenerator<BenchEvent, void, void> {
  void network
  void options
}
