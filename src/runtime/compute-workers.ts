import { ConvmarkError } from '../errors.ts'
import type { WorkerReply, WorkerRequest } from './compute-worker.ts'
import { startWorker, type WorkerHandle } from './worker-pool.ts'

export type ComputeWorker = WorkerHandle<WorkerRequest, WorkerReply>

/**
 * Starts a worker for each thread, or none: throws ConvmarkError if the system allows no more threads, once those that
 * did start are gone.
 */
export async function startComputeWorkers(threads: number): Promise<ComputeWorker[]> {
  const workers: ComputeWorker[] = []
  try {
    for (let thread = 0; thread < threads; thread++) {
      workers.push(
        startWorker({
          name: `compute worker ${thread + 1} of ${threads}`,
          inNode: () => import.meta.resolve('./compute-worker.js'),
          inBrowser: () => new Worker(new URL('./compute-worker.js', import.meta.url), { type: 'module' }),
        }),
      )
    }
    return workers
  } catch (error) {
    await endAll(workers)
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'ERR_WORKER_INIT_FAILED') throw error
    throw new ConvmarkError(
      `the system allows no more threads (${workers.length} started); take fewer --threads`,
      { cause: error },
    )
  }
}

/** Resolves when all of them are gone. */
export async function endAll(workers: readonly ComputeWorker[]): Promise<void> {
  await Promise.all(workers.map((worker) => worker.end()))
}

/** The next reply of a worker; throws what it says went wrong. */
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
