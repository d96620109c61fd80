import { requireOptions } from '../check-options.ts'
import { ConvmarkError, InterruptedError, UsageError } from '../errors.ts'
import type { Plan } from '../plan/plan.ts'
import { unsharedReason } from '../runtime/host.ts'
import { startWorker, type WorkerHandle } from '../runtime/worker-pool.ts'
import { elementCount } from '../tensor.ts'
import {
  type Engine,
  type EngineInfo,
  type EngineOptions,
  type PreparedPlan,
  type PrepareOptions,
  prepareRules,
  type RunOptions,
  type TensorView,
} from './engine.ts'
import type { Tensors } from './reference-network.ts'
import type { ReferenceReply, ReferenceRequest } from './reference-worker.ts'

type ReferenceWorker = WorkerHandle<ReferenceRequest, ReferenceReply>

/** The layers' plain loops in float64, on one thread: what all else is checked against; some hundred times slower. */
export async function openReference(target: string, { threads }: EngineOptions): Promise<Engine> {
  if (target) throw new UsageError(`engine 'reference:${target}': reference has no targets`)
  if (threads !== undefined && threads !== 1)
    throw new UsageError(`engine reference runs on 1 thread, not ${threads}`)
  const info: EngineInfo = {
    name: 'reference',
    target: 'float64',
    threads: 1,
    reason: 'asked for; plain loops in float64, the truth that engines are checked against',
    v8Flags: [],
  }
  return { info, lanes: 1, prepare: prepareReference, dispose: async () => {} }
}

async function prepareReference(plan: Plan, options: PrepareOptions = {}): Promise<PreparedPlan> {
  requireOptions('prepare', options, prepareRules)
  const allocate = (length: number) =>
    new Float64Array(
      unsharedReason === null ? new SharedArrayBuffer(8 * length) : new ArrayBuffer(8 * length),
    )
  const tensors: Tensors = Object.fromEntries(
    Object.entries(plan.tensors).map(([name, { shape }]) => [name, allocate(elementCount(shape))]),
  )
  const worker = startWorker<ReferenceRequest, ReferenceReply>({
    name: 'reference worker',
    inNode: () => import.meta.resolve('./reference-worker.js'),
    inBrowser: () => new Worker(new URL('./reference-worker.js', import.meta.url), { type: 'module' }),
  })
  return new ReferencePlan(plan, tensors, worker)
}

class ReferencePlan implements PreparedPlan {
  readonly plan: Plan
  readonly slabByteLength: number
  readonly steps = []
  readonly tuning = null
  readonly inspection = null
  /** Seen by the worker too, or copies of what it holds. */
  #tensors: Tensors
  readonly #worker: ReferenceWorker
  #lost: Error | null = null

  constructor(plan: Plan, tensors: Tensors, worker: ReferenceWorker) {
    this.plan = plan
    this.slabByteLength = Object.values(tensors).reduce((sum, { byteLength }) => sum + byteLength, 0)
    this.#tensors = tensors
    this.#worker = worker
    worker.onLoss((error) => {
      this.#lost = error
    })
  }

  write(tensor: string, values: Float32Array): void {
    this.#tensors[tensor]!.set(values)
  }

  async run({ signal, part = 'all' }: RunOptions = {}): Promise<void> {
    if (this.#lost) throw new ConvmarkError(`this session can't be used any more: ${this.#lost.message}`)
    const interrupt = (): void => {
      this.#lost = new InterruptedError('the run was interrupted', { cause: signal?.reason })
      void this.#worker.end()
    }
    if (signal?.aborted) interrupt()
    signal?.addEventListener('abort', interrupt, { once: true })
    try {
      const { network, batch, pass, training } = this.plan
      this.#worker.post({ network, batch, pass, training, tensors: this.#tensors, part })
      const reply = await this.#worker.next()
      if (reply.kind === 'failed') throw new ConvmarkError(`reference: ${reply.message}`)
      if (unsharedReason !== null) this.#tensors = reply.tensors
    } catch (error) {
      throw this.#lost ?? error
    } finally {
      signal?.removeEventListener('abort', interrupt)
    }
  }

  view(tensor: string): TensorView {
    const { shape } = this.plan.tensors[tensor]!
    const strides = shape.map((_, axis) => elementCount(shape.slice(axis + 1)))
    return { data: this.#tensors[tensor]!, offset: 0, shape, strides }
  }

  stepTimesMs(): null {
    return null
  }

  weightsTimeMs(): number {
    return 0
  }

  async dispose(): Promise<void> {
    await this.#worker.end()
  }
}
