import { WASM_MAX_PAGES } from '../codegen/wasm/encode.ts'
import { ConvmarkError, messageOf } from '../errors.ts'
import { roundUp } from '../tensor.ts'
import { unsharedReason } from './host.ts'
import { MORE_MEMORY, memoryRefused } from './out-of-memory.ts'

/** A block of memory that all threads share, or, if they can't, of the only worker's own memory. */
export interface MemoryBlock {
  /** Null if only the worker can see it. */
  readonly buffer: ArrayBufferLike | null
  /** Position of the block's first byte in the buffer. */
  readonly byteOffset: number
  /** The address of the block's first byte in compiled code. */
  readonly address: number
  readonly byteLength: number
  /** Says that all of it was used. From then on the system counts it as this process's, so using it again costs nothing. */
  wasWritten(): void
  free(): void
}

const PAGE_BYTES = 65536
/** 256 MiB */
const LEAST_MAXIMUM_PAGES = 4096

/**
 * What compiled code needs: the memory that all threads share, or the size of the memory that the running thread has to
 * create.
 */
export type HeapMemory = WebAssembly.Memory | { readonly ownByteLength: number }

/**
 * The process's one WASM memory: it grows and is reused, but never returned. (A memory for each session was tried:
 * opening and dropping 1,000 kept 4 GB resident.) If threads can't share a memory, every worker has its own, and this
 * only records which addresses are in use.
 */
class WasmHeap {
  #shared: WebAssembly.Memory | null = null
  #blocks: { from: number; to: number }[] = []
  /** Memory below this was written to, by existing or former blocks. */
  #writtenTo = PAGE_BYTES

  /** Contains all blocks that are allocated now. */
  get memory(): HeapMemory {
    if (unsharedReason === null) return this.#sharedMemory()
    return { ownByteLength: Math.max(PAGE_BYTES, ...this.#blocks.map(({ to }) => to)) }
  }

  /** The largest block that fits, in bytes. */
  get maxByteLength(): number {
    const ends = [PAGE_BYTES, ...this.#blocks.map(({ to }) => to)]
    const starts = [...this.#blocks.map(({ from }) => from), WASM_MAX_PAGES * PAGE_BYTES]
    return Math.max(...starts.map((from, i) => from - ends[i]!))
  }

  /** How many bytes of a new block the system would have to provide; the rest was written by an earlier block. */
  newBytes(byteLength: number): number {
    const { from, to } = this.#placeFor(byteLength)
    return Math.max(0, to - Math.max(from, this.#writtenTo))
  }

  /** Takes the first gap that is large enough; grows the memory if there is none. Throws ConvmarkError if it can't. */
  allocate(byteLength: number): MemoryBlock {
    const block = this.#placeFor(byteLength)
    const buffer = unsharedReason === null ? grown(this.#sharedMemory(), block.to) : null
    this.#blocks.push(block)
    this.#blocks.sort((a, b) => a.from - b.from)
    return {
      buffer,
      byteOffset: block.from,
      address: block.from,
      byteLength,
      wasWritten: () => {
        // After a gap that was never written, the block counts as new again: too much, but never too little
        if (block.from <= this.#writtenTo) this.#writtenTo = Math.max(this.#writtenTo, block.to)
      },
      free: () => {
        this.#blocks = this.#blocks.filter((other) => other !== block)
      },
    }
  }

  #placeFor(byteLength: number): { from: number; to: number } {
    const size = roundUp(Math.max(byteLength, 1), PAGE_BYTES)
    // Page 0 is left unused, so that no address is 0.
    let from = PAGE_BYTES
    for (const block of this.#blocks) {
      if (from + size <= block.from) break
      from = block.to
    }
    return { from, to: from + size }
  }

  #sharedMemory(): WebAssembly.Memory {
    this.#shared ??= newMemory(true)
    return this.#shared
  }
}

export const wasmHeap = new WasmHeap()

let own: WebAssembly.Memory | null = null

/** The running thread's own memory, if threads can't share one; it is zero where nothing was written. */
export function ownMemory(byteLength: number): WebAssembly.Memory {
  own ??= newMemory(false)
  grown(own, byteLength)
  return own
}

/**
 * Declares the largest maximum that the system accepts: some systems reserve all that a memory may grow to and refuse
 * what they can't reserve. Throws ConvmarkError if even the smallest is refused.
 */
function newMemory(isShared: boolean): WebAssembly.Memory {
  for (let maximum = WASM_MAX_PAGES; ; maximum /= 2) {
    try {
      return new WebAssembly.Memory({ initial: 1, maximum, shared: isShared })
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      if (maximum <= LEAST_MAXIMUM_PAGES)
        throw new ConvmarkError(`there is no room for a WASM memory (${messageOf(error)}); ${MORE_MEMORY}`, {
          cause: error,
        })
    }
  }
}

/** The memory's buffer, grown to at least this many bytes. */
function grown(memory: WebAssembly.Memory, byteLength: number): ArrayBufferLike {
  const missing = byteLength - memory.buffer.byteLength
  try {
    if (missing > 0) memory.grow(Math.ceil(missing / PAGE_BYTES))
  } catch (error) {
    throw memoryRefused(byteLength, error)
  }
  return memory.buffer
}
