import { ConvmarkError } from '../errors.ts'
import { RATES } from '../optimizers/index.ts'
import type { Pass } from '../plan/plan.ts'
import { RATES_TENSOR } from '../plan/training.ts'
import { workerFile } from '../runtime/worker-file.ts'
import { startWorker } from '../runtime/worker-pool.ts'
import type { DataReply, FillRequest } from './data-worker.ts'
import {
  allocateShared,
  benchmarkTensors,
  type DataRequest,
  ownBuffers,
  type SharedTensors,
  workersOf,
} from './shared-tensors.ts'

const WORKERS = 2

/**
 * The benchmark's weights and inputs by name, made by workers: half a second of work for AlexNet's tower at batch 32. Parameters
 * that are given take the place of its weights.
 */
export async function makeData(
  { network, batch, seed }: Omit<DataRequest, 'hasParameters'>,
  parameters: SharedTensors | null = null,
): Promise<SharedTensors> {
  const request: DataRequest = { network, batch, seed, hasParameters: parameters !== null }
  const tensors = allocateShared(benchmarkTensors(request))
  const count = workersOf(WORKERS)
  const fill = async (index: number): Promise<SharedTensors> => {
    const worker = startWorker<FillRequest, DataReply>({
      name: 'data worker',
      inNode: (name) => workerFile(name, 'data-worker', () => import.meta.resolve('./data-worker.js')),
      inBrowser: () => new Worker(new URL('./data-worker.js', import.meta.url), { type: 'module' }),
    })
    try {
      worker.post({ ...request, tensors, share: { index, count } }, ownBuffers(tensors))
      const reply = await worker.next()
      if (reply.kind === 'failed')
        throw new ConvmarkError(`weights and images could not be made: ${reply.message}`)
      return reply.tensors
    } finally {
      await worker.end()
    }
  }
  const [made] = await Promise.all(Array.from({ length: count }, (_, index) => fill(index)))
  return { ...parameters, ...made! }
}

/** Rates for a timed training step: with 0 every step does all of its work, and all batches have the same work. */
export const benchmarkRates = (pass: Pass): Readonly<Record<string, Float32Array>> =>
  pass === 'train' ? { [RATES_TENSOR]: new Float32Array(RATES) } : {}
