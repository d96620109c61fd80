// Worker threads that decode files. A job is plain data: names of files, and what to make of them.
import { ConvmarkError, FormatError, UnavailableError } from '../errors.ts'
import { availableCores } from '../runtime/machine.ts'
import { workerFile } from '../runtime/worker-file.ts'
import { endAll, startWorker, type WorkerHandle } from '../runtime/worker-pool.ts'
import type { DecoderOptions } from './dataset.ts'
import { type Decoder, openDecoder } from './decode.ts'
import type { Answers, FileReply, FileRequest } from './file-worker.ts'

type FileWorker = WorkerHandle<FileRequest, FileReply>

interface Job {
  readonly request: FileRequest
  resolve(answer: Answers[FileRequest['kind']]): void
  reject(error: unknown): void
}

/** Few enough that a batch is spread over the workers, and enough that messages cost little beside decoding. */
export const IMAGES_PER_JOB = 8

const MAX_DEFAULT_WORKERS = 4

/** Which decoder handles which format. */
const WORK: Readonly<Record<Decoder['name'], string>> = {
  sharp: 'sharp for PNG, wasm for JPEG and WebP',
  wasm: 'wasm',
}

/** Workers that take jobs from one queue, first come, first served. */
export class FileCrew {
  /** The decoder and why it was chosen: `sharp for PNG, wasm for JPEG and WebP (sharp 0.35.5 is installed)`. */
  readonly decoder: string
  readonly #workers: readonly FileWorker[]
  readonly #idle: FileWorker[]
  readonly #jobs: Job[] = []
  #lost: Error | null = null

  private constructor(decoder: string, workers: readonly FileWorker[]) {
    this.decoder = decoder
    this.#workers = workers
    this.#idle = [...workers]
  }

  /**
   * By default one worker for each core, up to 4; fewer if the system allows no more threads. Throws UnavailableError
   * if the decoder that was asked for can't be used.
   */
  static async open(count: number | undefined, options: DecoderOptions): Promise<FileCrew> {
    const { name, reason } = await openDecoder(options) // fails here if no worker could succeed
    const workers = startCrew(count ?? Math.min(MAX_DEFAULT_WORKERS, await availableCores()))
    const decoder = { ...options, decoder: name }
    try {
      await Promise.all(workers.map((worker) => ask(worker, { kind: 'open', decoder })))
    } catch (error) {
      await endAll(workers)
      throw error
    }
    return new FileCrew(`${WORK[name]} (${reason})`, workers)
  }

  do<Kind extends FileRequest['kind']>(
    request: Extract<FileRequest, { kind: Kind }>,
  ): Promise<Answers[Kind]> {
    if (this.#lost) return Promise.reject(this.#lost)
    return new Promise((resolve, reject) => {
      this.#jobs.push({ request, resolve: (answer) => resolve(answer as Answers[Kind]), reject })
      this.#next()
    })
  }

  /** Ends the workers. Unfinished jobs reject with `reason`. */
  async dispose(reason: Error): Promise<void> {
    this.#lose(reason)
    await endAll(this.#workers)
  }

  #next(): void {
    if (this.#jobs.length === 0 || this.#idle.length === 0) return
    const [worker, job] = [this.#idle.shift()!, this.#jobs.shift()!]
    ask(worker, job.request).then(
      (answer) => {
        job.resolve(answer)
        this.#idle.push(worker)
        this.#next()
      },
      (error: Error) => {
        job.reject(this.#lost ?? error)
        this.#lose(error)
      },
    )
  }

  /** One failure ends the crew: all workers do the same kind of job, and a lost worker does not come back. */
  #lose(error: Error): void {
    this.#lost ??= error
    for (const { reject } of this.#jobs.splice(0)) reject(this.#lost)
  }
}

/** Starts this many workers, or as many as the system allows. Throws if it allows none. */
function startCrew(count: number): FileWorker[] {
  const workers: FileWorker[] = []
  try {
    while (workers.length < count) {
      const worker = startWorker<FileRequest, FileReply>({
        name: 'image worker',
        inNode: (name) => workerFile(name, 'file-worker', () => import.meta.resolve('./file-worker.js')),
        inBrowser: () => new Worker(new URL('./file-worker.js', import.meta.url), { type: 'module' }),
      })
      workers.push(worker)
    }
  } catch (error) {
    if (workers.length === 0) throw error
  }
  return workers
}

async function ask(worker: FileWorker, request: FileRequest): Promise<Answers[FileRequest['kind']]> {
  worker.post(request)
  const reply = await worker.next()
  if (reply.kind === 'done') return reply.answer
  throw errorOf(reply)
}

/** Errors lose their class when they are sent. */
function errorOf({ message, errorName }: Extract<FileReply, { kind: 'failed' }>): Error {
  if (errorName === 'FormatError') return new FormatError(message)
  if (errorName === 'UnavailableError') return new UnavailableError(message)
  return new ConvmarkError(message)
}
