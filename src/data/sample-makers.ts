// Who makes a batch's samples: the caller's thread for images in memory, worker threads for images in files.
import { ConvmarkError, DamagedImageError, FormatError } from '../errors.ts'
import { endAll, startWorkers, type WorkerHandle } from '../runtime/worker-pool.ts'
import type { Split } from './dataset.ts'
import { type DecoderOptions, openDecoder } from './decode.ts'
import type { FileReply, FileRequest, SamplesRequest } from './file-worker.ts'
import { type DamagedPlace, type Place, type Recipe, sampleLength, writeSample } from './samples.ts'

export interface SampleMaker {
  /** Who decodes, and why: `sharp (sharp 0.35.5 is installed)`; null where nothing is to be decoded. */
  readonly decoder: string | null
  /** Memory for a batch of so many values. */
  allocate(length: number): Float32Array
  /** Writes samples to their places in `images`, which came from `allocate`; resolves with those that are damaged. */
  make(epoch: number, places: readonly Place[], images: Float32Array): Promise<readonly DamagedPlace[]>
  dispose(): Promise<void>
}

/** On the caller's own thread, after what it had to do at once. */
export function openInlineMaker(split: Split, recipe: Recipe): SampleMaker {
  const length = sampleLength(recipe)
  return {
    decoder: null,
    allocate: (length) => new Float32Array(length),
    async make(epoch, places, images) {
      await new Promise((resolve) => setTimeout(resolve, 0))
      const damaged: DamagedPlace[] = []
      for (const place of places) {
        const { index, position } = place
        const name = split.files?.[index] ?? `image ${index}`
        const target = images.subarray(position * length, (position + 1) * length)
        try {
          writeSample(await split.image(index), recipe, epoch, { index, name }, target)
        } catch (error) {
          if (!(error instanceof DamagedImageError)) throw error
          damaged.push({ ...place, file: error.file, reason: error.reason })
        }
      }
      return damaged
    },
    dispose: async () => {},
  }
}

/** As few that a batch is spread over the workers, as many that messages cost nothing beside decoding. */
const IMAGES_PER_JOB = 8

interface Job {
  readonly request: FileRequest
  resolve(damaged: readonly DamagedPlace[]): void
  reject(error: unknown): void
}

/** In worker threads. The job is data: names of files, and shared memory for what becomes of them. */
export async function openFileMaker(
  files: readonly string[],
  recipe: Recipe,
  options: DecoderOptions & { readonly workers: number },
): Promise<SampleMaker> {
  const { workers, ...decoder } = options
  const { name, reason } = await openDecoder(decoder) // refuses here what no worker could do
  const crew = new Crew()
  try {
    await crew.start(workers, { kind: 'open', recipe, decoder: { ...decoder, decoder: name } })
  } catch (error) {
    await crew.dispose()
    throw error
  }
  return {
    decoder: `${name} (${reason})`,
    allocate: (length) => new Float32Array(new SharedArrayBuffer(Float32Array.BYTES_PER_ELEMENT * length)),
    async make(epoch, places, images) {
      const named = places.map((place) => ({ ...place, file: files[place.index]! }))
      const buffer = images.buffer as SharedArrayBuffer
      const jobs: Promise<readonly DamagedPlace[]>[] = []
      for (let first = 0; first < named.length; first += IMAGES_PER_JOB) {
        const job: SamplesRequest = {
          kind: 'samples',
          epoch,
          places: named.slice(first, first + IMAGES_PER_JOB),
          images: buffer,
        }
        jobs.push(crew.do(job))
      }
      // All of them, since one that still runs would write into a batch that is somebody else's by then
      const settled = await Promise.allSettled(jobs)
      const failed = settled.find((result) => result.status === 'rejected')
      if (failed) throw failed.reason
      return settled.flatMap((result) => (result.status === 'fulfilled' ? result.value : []))
    },
    dispose: () => crew.dispose(),
  }
}

/** Workers that take jobs off one queue, first come, first served. */
class Crew {
  readonly #workers: WorkerHandle<FileRequest, FileReply>[] = []
  readonly #idle: WorkerHandle<FileRequest, FileReply>[] = []
  readonly #jobs: Job[] = []
  #lost: Error | null = null

  async start(count: number, request: FileRequest): Promise<void> {
    const workers = startWorkers<FileRequest, FileReply>(count, () => ({
      name: 'image worker',
      inNode: () => import.meta.resolve('./file-worker.js'),
      inBrowser: () => new Worker(new URL('./file-worker.js', import.meta.url), { type: 'module' }),
    }))
    this.#workers.push(...workers)
    await Promise.all(this.#workers.map((worker) => ask(worker, request)))
    this.#idle.push(...this.#workers)
  }

  do(request: FileRequest): Promise<readonly DamagedPlace[]> {
    if (this.#lost) return Promise.reject(this.#lost)
    return new Promise((resolve, reject) => {
      this.#jobs.push({ request, resolve, reject })
      this.#next()
    })
  }

  async dispose(): Promise<void> {
    this.#lose(new ConvmarkError('the pipeline was disposed of while it made a batch'))
    await endAll(this.#workers)
  }

  #next(): void {
    if (this.#jobs.length === 0 || this.#idle.length === 0) return
    const [worker, job] = [this.#idle.shift()!, this.#jobs.shift()!]
    ask(worker, job.request).then(
      (damaged) => {
        job.resolve(damaged)
        this.#idle.push(worker)
        this.#next()
      },
      (error: Error) => {
        job.reject(this.#lost ?? error)
        this.#lose(error)
      },
    )
  }

  /** One failure ends the pipeline: the workers' jobs are the same everywhere, and a lost one does not come back. */
  #lose(error: Error): void {
    this.#lost ??= error
    for (const { reject } of this.#jobs.splice(0)) reject(this.#lost)
  }
}

async function ask(
  worker: WorkerHandle<FileRequest, FileReply>,
  request: FileRequest,
): Promise<readonly DamagedPlace[]> {
  worker.post(request)
  const reply = await worker.next()
  if (reply.kind === 'done') return reply.damaged
  // Errors lose their class on the way
  throw reply.errorName === 'FormatError' ? new FormatError(reply.message) : new ConvmarkError(reply.message)
}
