import { FLOAT_BYTES } from '../codegen/program.ts'
import { BEFORE_ALL, type Plan } from '../plan/plan.ts'
import { gridOf, type View } from '../plan/views.ts'
import type { MemoryBlock } from '../runtime/heap.ts'
import type { OwnMemoryExecutor } from '../runtime/own-memory-executor.ts'
import type { Grid } from '../tensor.ts'

/** A prepared plan's tensors as its caller reads and writes them: in the slab itself, or in copies of its buffers. */
export interface PlanMemory {
  /** The slab, where all threads see it; null where it is a worker's own. */
  readonly shared: ArrayBufferLike | null
  /** Where the plan's buffers begin in the slab's memory, in values. */
  readonly bufferOffsets: ReadonlyMap<number, number>
  gridOf(view: View): Grid
  /** What the caller wrote to the buffer is to be there when the next run begins. */
  touch(buffer: number): void
  send(): void
  /** What runs wrote to the buffers is to be seen by the caller. */
  receive(buffers: readonly number[]): Promise<void>
  /** For tools, of a worker's own memory: copies of buffers, out of it and into it. Nothing where it is shared. */
  fetch(buffers: readonly number[]): Promise<ReadonlyMap<number, Float32Array>>
  store(values: ReadonlyMap<number, Float32Array>): void
}

/** What the caller writes has zeros around and between that no step writes. */
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

/** The caller's copies go to the worker when they were written to, and come back when a run wrote there. */
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

  /** Of what no run has written yet: zeros. */
  #copyOf(buffer: number): Float32Array {
    const copy = this.#copies.get(buffer) ?? new Float32Array(this.#plan.buffers[buffer]!.length)
    this.#copies.set(buffer, copy)
    return copy
  }

  #addressOf(buffer: number): number {
    return this.bufferOffsets.get(buffer)! * FLOAT_BYTES
  }
}
