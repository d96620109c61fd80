import { WASM_MAX_PAGES } from '../codegen/wasm/encode.ts'
import { ConvmarkError, messageOf } from '../errors.ts'
import { roundUp } from '../tensor.ts'
import { unsharedReason } from './host.ts'
import { MORE_MEMORY, memoryRefused } from './out-of-memory.ts'

/** A piece of memory that all threads see; or, where they can't, of the one worker's own. */
export interface MemoryBlock {
  /** Null where nobody but the worker sees it. */
  readonly buffer: ArrayBufferLike | null
  /** Of the block's first byte in the buffer. */
  readonly byteOffset: number
  /** What compiled code takes as the address of the block's first byte. */
  readonly address: number
  readonly byteLength: number
  /** All of it was used: from now on the system counts it as this process's, and it may be used again for nothing. */
  wasWritten(): void
  free(): void
}

const PAGE_BYTES = 65536
/** 256 MiB */
const LEAST_MAXIMUM_PAGES = 4096

/** For compiled code: the memory that all threads share, or how large the running thread's own has to be. */
export type HeapMemory = WebAssembly.Memory | { readonly ownByteLength: number }

/**
 * The process's one WASM memory: it grows and is reused, never given back. (A memory for each session was tried: 1,000
 * opened and dropped kept 4 GB resident.) Where threads can't share one, every worker has its own, and here is only kept
 * which addresses are taken.
 */
class WasmHeap {
  #shared: WebAssembly.Memory | null = null
  #blocks: { from: number; to: number }[] = []
  /** All memory before it was written to, by blocks that are there or that were. */
  #writtenTo = PAGE_BYTES

  /** All that is allocated now lies in it. */
  get memory(): HeapMemory {
    if (unsharedReason === null) return this.#sharedMemory()
    return { ownByteLength: Math.max(PAGE_BYTES, ...this.#blocks.map(({ to }) => to)) }
  }

  /** The largest block that there is room for, in bytes. */
  get maxByteLength(): number {
    const ends = [PAGE_BYTES, ...this.#blocks.map(({ to }) => to)]
    const starts = [...this.#blocks.map(({ from }) => from), WASM_MAX_PAGES * PAGE_BYTES]
    return Math.max(...starts.map((from, i) => from - ends[i]!))
  }

  /** How much of a new block of so many bytes the system would have to give: the rest was a block's that is gone. */
  newBytes(byteLength: number): number {
    const { from, to } = this.#placeFor(byteLength)
    return Math.max(0, to - Math.max(from, this.#writtenTo))
  }

  /** The first gap that is large enough; grows the memory where there is none. Throws ConvmarkError if it can't. */
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
        // After a gap that nobody wrote to, the block is counted as new once more: too much, never too little
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

/** The running thread's own memory, where threads can't share one; zeros where nothing was written. */
export function ownMemory(byteLength: number): WebAssembly.Memory {
  own ??= newMemory(false)
  grown(own, byteLength)
  return own
}

/**
 * As large as may be: some systems reserve all that a memory could grow to, and refuse what they can't. Throws ConvmarkError
 * if not even the least can be had.
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

/** The memory's buffer, once it has so many bytes. */
function grown(memory: WebAssembly.Memory, byteLength: number): ArrayBufferLike {
  const missing = byteLength - memory.buffer.byteLength
  try {
    if (missing > 0) memory.grow(Math.ceil(missing / PAGE_BYTES))
  } catch (error) {
    throw memoryRefused(byteLength, error)
  }
  return memory.buffer
}
