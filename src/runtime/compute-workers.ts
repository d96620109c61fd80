import { ConvmarkError } from '../errors.ts'
import type { WorkerReply, WorkerRequest } from './compute-worker.ts'
import { workerFile } from './worker-file.ts'
import { startWorkers, type WorkerHandle } from './worker-pool.ts'

export type ComputeWorker = WorkerHandle<WorkerRequest, WorkerReply>

/** Starts one worker for each thread, or none: see `startWorkers`. */
export function startComputeWorkers(threads: number): ComputeWorker[] {
  return startWorkers(threads, (thread) => ({
    name: `compute worker ${thread + 1} of ${threads}`,
    inNode: (name) => workerFile(name, 'compute-worker', () => import.meta.resolve('./compute-worker.js')),
    inBrowser: () => new Worker(new URL('./compute-worker.js', import.meta.url), { type: 'module' }),
  }))
}

/** The next reply of a worker; throws the error that it reports. */
export async function replyOf<Kind extends WorkerReply['kind']>(
  worker: ComputeWorker,
  kind: Kind,
): Promise<Extract<WorkerReply, { kind: Kind }>> {
  const reply = await worker.next()
  if (reply.kind === 'failed') throw new ConvmarkError(`a compute worker failed: ${reply.message}`)
  if (reply.kind !== kind)
    throw new ConvmarkError(`a compute worker replied '${reply.kind}' to a request to be '${kind}'`)
  return reply as Extract<WorkerReply, { kind: Kind }>
}
