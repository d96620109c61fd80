import { FLOAT_BYTES } from '../codegen/program.ts'
import { BEFORE_ALL, type Plan } from '../plan/plan.ts'
import { gridOf, type View } from '../plan/views.ts'
import type { MemoryBlock } from '../runtime/heap.ts'
import type { OwnMemoryExecutor } from '../runtime/own-memory-executor.ts'
import type { Grid } from '../tensor.ts'

/** A prepared plan's tensors as its caller reads and writes them: in the slab itself, or in copies of its buffers. */
export interface PlanMemory {
  /** The slab, if all threads share it; null if it belongs to a worker. */
  readonly shared: ArrayBufferLike | null
  /** Where the plan's buffers begin in the slab's memory, in values. */
  readonly bufferOffsets: ReadonlyMap<number, number>
  gridOf(view: View): Grid
  /** Marks a buffer that the caller wrote, for the next `send`. */
  touch(buffer: number): void
  /** Copies marked buffers to the engine's memory; called before each run. */
  send(): void
  /** Makes sure that the caller sees what runs wrote to these buffers. */
  receive(buffers: readonly number[]): Promise<void>
  /**
   * For tools, if the memory belongs to a worker: reads copies of buffers, and writes them back. If it is shared, these
   * do nothing.
   */
  fetch(buffers: readonly number[]): Promise<ReadonlyMap<number, Float32Array>>
  store(values: ReadonlyMap<number, Float32Array>): void
}

/** Buffers that the caller writes; their padding is zero, and no step writes it. */
const givenBuffers = ({ buffers }: Plan) => buffers.filter(({ firstStep }) => firstStep === BEFORE_ALL)

const offsetsIn = (slab: MemoryBlock, byteOffsets: ReadonlyMap<number, number>): Map<number, number> =>
  new Map([...byteOffsets].map(([id, offset]) => [id, (slab.byteOffset + offset) / FLOAT_BYTES]))

export class SharedPlanMemory implements PlanMemory {
  readonly shared: ArrayBufferLike
  readonly bufferOffsets: ReadonlyMap<number, number>
  readonly #floats: Float32Array

  constructor(
    plan: Plan,
    slab: MemoryBlock,
    buffer: ArrayBufferLike,
    byteOffsets: ReadonlyMap<number, number>,
  ) {
    this.shared = buffer
    this.bufferOffsets = offsetsIn(slab, byteOffsets)
    this.#floats = new Float32Array(buffer)
    for (const { id, length } of givenBuffers(plan)) {
      const from = this.bufferOffsets.get(id)!
      this.#floats.fill(0, from, from + length)
    }
  }

  gridOf(view: View): Grid {
    return gridOf(view, this.#floats, this.bufferOffsets.get(view.buffer)!)
  }

  touch(): void {}
  send(): void {}
  async receive(): Promise<void> {}

  async fetch(): Promise<ReadonlyMap<number, Float32Array>> {
    return new Map()
  }

  store(): void {}
}

/** Copies are sent to the worker after the caller wrote to them, and fetched back after a run wrote to the original. */
export class CopiedPlanMemory implements PlanMemory {
  readonly shared = null
  readonly bufferOffsets: ReadonlyMap<number, number>
  readonly #plan: Plan
  readonly #executor: OwnMemoryExecutor
  readonly #copies = new Map<number, Float32Array>()
  readonly #touched = new Set<number>()

  constructor(
    plan: Plan,
    slab: MemoryBlock,
    executor: OwnMemoryExecutor,
    byteOffsets: ReadonlyMap<number, number>,
  ) {
    this.bufferOffsets = offsetsIn(slab, byteOffsets)
    this.#plan = plan
    this.#executor = executor
    for (const { id } of givenBuffers(plan)) this.#touched.add(id)
  }

  gridOf(view: View): Grid {
    return gridOf(view, this.#copyOf(view.buffer), 0)
  }

  touch(buffer: number): void {
    this.#touched.add(buffer)
  }

  send(): void {
    for (const buffer of this.#touched) this.#executor.write(this.#addressOf(buffer), this.#copyOf(buffer))
    this.#touched.clear()
  }

  async receive(buffers: readonly number[]): Promise<void> {
    for (const [buffer, values] of await this.fetch(buffers)) this.#copies.set(buffer, values)
  }

  async fetch(buffers: readonly number[]): Promise<ReadonlyMap<number, Float32Array>> {
    const places = buffers.map((buffer) => ({
      address: this.#addressOf(buffer),
      length: this.#plan.buffers[buffer]!.length,
    }))
    const values = await this.#executor.read(places)
    return new Map(buffers.map((buffer, i) => [buffer, values[i]!]))
  }

  store(values: ReadonlyMap<number, Float32Array>): void {
    for (const [buffer, each] of values) this.#executor.write(this.#addressOf(buffer), each)
  }

  /** A buffer that no run has written yet is zero. */
  #copyOf(buffer: number): Float32Array {
    const copy = this.#copies.get(buffer) ?? new Float32Array(this.#plan.buffers[buffer]!.length)
    this.#copies.set(buffer, copy)
    return copy
  }

  #addressOf(buffer: number): number {
    return this.bufferOffsets.get(buffer)! * FLOAT_BYTES
  }
}
