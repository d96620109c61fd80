import { ConvmarkError } from '../errors.ts'
import { startWorker } from '../runtime/worker-pool.ts'
import type { DataReply, DataRequest } from './data-worker.ts'

/** The benchmark's weights and images by name, made by a worker: half a second's work at batch 32. */
export async function makeData(request: DataRequest): Promise<Readonly<Record<string, Float32Array>>> {
  const url = new URL('./data-worker.js', import.meta.url)
  const worker = await startWorker<DataRequest, DataReply>(url, 'data worker')
  try {
    worker.post(request)
    const reply = await worker.next()
    if (reply.kind === 'failed')
      throw new ConvmarkError(`weights and images could not be made: ${reply.message}`)
    return reply.tensors
  } finally {
    await worker.terminate()
  }
}
