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
} from './parts.ts'

const WORKERS = 2

/** The benchmark's weights and inputs by name, made by workers: half a second's work for AlexNet's tower at batch 32. */
export async function makeData(request: DataRequest): Promise<SharedTensors> {
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
  return made!
}

/** Of a training step: at a rate of 0 every step does its whole work, and all batches have the same to do. */
export const benchmarkRates = (pass: Pass): Readonly<Record<string, Float32Array>> =>
  pass === 'train' ? { [RATES_TENSOR]: new Float32Array(RATES) } : {}
