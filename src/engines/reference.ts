import { requireOptions } from '../check-options.ts'
import { ConvmarkError, InterruptedError, UsageError } from '../errors.ts'
import type { Plan } from '../plan/plan.ts'
import { unsharedReason } from '../runtime/host.ts'
import { memoryRefused } from '../runtime/out-of-memory.ts'
import { workerFile } from '../runtime/worker-file.ts'
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
import { makeRoom, type Room } from './room.ts'

type ReferenceWorker = WorkerHandle<ReferenceRequest, ReferenceReply>

/** The layers' plain loops in float64, on one thread: everything else is checked against them. Some hundred times slower. */
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
  const requireRoom = async (plan: Plan, options: PrepareOptions = {}): Promise<void> => {
    ;(await makeReferenceRoom(plan, options)).settle()
  }
  return { info, lanes: 1, fuses: false, prepare: prepareReference, requireRoom, dispose: async () => {} }
}

async function prepareReference(plan: Plan, options: PrepareOptions = {}): Promise<PreparedPlan> {
  requireOptions('prepare', options, prepareRules)
  const room = await makeReferenceRoom(plan, options)
  try {
    options.signal?.throwIfAborted()
    const tensors: Tensors = Object.fromEntries(
      Object.entries(plan.tensors).map(([name, { shape }]) => [name, allocate(elementCount(shape))]),
    )
    const worker = startWorker<ReferenceRequest, ReferenceReply>({
      name: 'reference worker',
      inNode: (name) =>
        workerFile(name, 'reference-worker', () => import.meta.resolve('./reference-worker.js')),
      inBrowser: () => new Worker(new URL('./reference-worker.js', import.meta.url), { type: 'module' }),
    })
    return new ReferencePlan(plan, tensors, worker, room)
  } catch (error) {
    room.settle()
    throw error
  }
}

/** Throws ConvmarkError if the system does not give this much memory. */
function allocate(length: number): Float64Array {
  const byteLength = Float64Array.BYTES_PER_ELEMENT * length
  try {
    return new Float64Array(
      unsharedReason === null ? new SharedArrayBuffer(byteLength) : new ArrayBuffer(byteLength),
    )
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw memoryRefused(byteLength, error)
  }
}

function makeReferenceRoom(plan: Plan, options: PrepareOptions): Promise<Room> {
  return makeRoom({
    plan,
    threads: 1,
    ownBytes: referenceBytes,
    newBytes: (ownBytes) => ownBytes,
    options,
    most: { bytes: Infinity, reason: '' },
  })
}

/** All tensors in float64, and the gradients of activations, which only the worker has. */
function referenceBytes({ network, batch, pass, tensors }: Plan): number {
  const given = Object.values(tensors).map(({ shape }) => elementCount(shape))
  const made = network.layers.flatMap(({ layer, isLoss, outputShape }) => {
    const length = isLoss ? 1 : batch * elementCount(outputShape)
    const names = pass === 'forward' ? [layer.name] : [layer.name, `${layer.name}.gradient`]
    return names.filter((name) => !Object.hasOwn(tensors, name)).map(() => length)
  })
  return [...given, ...made].reduce((bytes, length) => bytes + Float64Array.BYTES_PER_ELEMENT * length, 0)
}

class ReferencePlan implements PreparedPlan {
  readonly plan: Plan
  readonly slabByteLength: number
  readonly steps = []
  readonly tuning = null
  readonly inspection = null
  /** Shared with the worker, or copies of what it has. */
  #tensors: Tensors
  readonly #worker: ReferenceWorker
  readonly #room: Room
  #lost: Error | null = null

  constructor(plan: Plan, tensors: Tensors, worker: ReferenceWorker, room: Room) {
    this.plan = plan
    this.slabByteLength = Object.values(tensors).reduce((sum, { byteLength }) => sum + byteLength, 0)
    this.#tensors = tensors
    this.#worker = worker
    this.#room = room
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
      const frozen = new Set(this.plan.frozen)
      this.#worker.post({ network, batch, pass, training, frozen, tensors: this.#tensors, part })
      const reply = await this.#worker.next()
      if (reply.kind === 'failed') throw new ConvmarkError(`reference: ${reply.message}`)
      if (unsharedReason !== null) this.#tensors = reply.tensors
      this.#room.settle()
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
    this.#room.settle()
    await this.#worker.end()
  }
}
