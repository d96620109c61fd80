import { ConvmarkError } from '../errors.ts'
import { RATES } from '../optimizers/index.ts'
import type { Pass } from '../plan/plan.ts'
import { RATES_TENSOR } from '../plan/training.ts'
import { startWorker } from '../runtime/worker-pool.ts'
import type { DataReply, FillRequest } from './data-worker.ts'
import { allocateShared, benchmarkTensors, type DataRequest, type SharedTensors } from './parts.ts'

const WORKERS = 2

/** The benchmark's weights and inputs by name, made by workers: half a second's work for AlexNet's tower at batch 32. */
export async function makeData(request: DataRequest): Promise<SharedTensors> {
  const tensors = allocateShared(benchmarkTensors(request))
  const fill = async (index: number): Promise<void> => {
    const url = new URL('./data-worker.js', import.meta.url)
    const worker = await startWorker<FillRequest, DataReply>(url, 'data worker')
    try {
      worker.post({ ...request, tensors, share: { index, count: WORKERS } })
      const reply = await worker.next()
      if (reply.kind === 'failed')
        throw new ConvmarkError(`weights and images could not be made: ${reply.message}`)
    } finally {
      await worker.terminate()
    }
  }
  await Promise.all(Array.from({ length: WORKERS }, (_, index) => fill(index)))
  return tensors
}

/** Of a training step: at a rate of 0 every step does its whole work, and all batches have the same to do. */
export const benchmarkRates = (pass: Pass): Readonly<Record<string, Float32Array>> =>
  pass === 'train' ? { [RATES_TENSOR]: new Float32Array(RATES) } : {}
