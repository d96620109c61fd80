import { WASM_MAX_PAGES } from '../codegen/wasm/encode.ts'
import { roundUp } from '../tensor.ts'

/** A piece of memory that all threads see. */
export interface MemoryBlock {
  readonly buffer: ArrayBufferLike
  /** Of the block's first byte in the buffer. */
  readonly byteOffset: number
  /** What compiled code takes as the address of the block's first byte. */
  readonly address: number
  readonly byteLength: number
  free(): void
}

const PAGE_BYTES = 65536

/** The largest block that there can be: all of a memory but its first page. */
export const WASM_MAX_BYTES = PAGE_BYTES * (WASM_MAX_PAGES - 1)

/**
 * The process's one WASM memory: it grows and is reused, never given back. (A memory for each session was tried: 1,000
 * opened and dropped kept 4 GB resident.)
 */
class WasmHeap {
  #memory: WebAssembly.Memory | null = null
  #blocks: { from: number; to: number }[] = []

  get memory(): WebAssembly.Memory {
    // Page 0 is left unused, so that no address is 0.
    this.#memory ??= new WebAssembly.Memory({ initial: 1, maximum: WASM_MAX_PAGES, shared: true })
    return this.#memory
  }

  /** The first gap that is large enough; grows the memory where there is none. Throws RangeError if it can't. */
  allocate(byteLength: number): MemoryBlock {
    const size = roundUp(Math.max(byteLength, 1), PAGE_BYTES)
    let from = PAGE_BYTES
    for (const block of this.#blocks) {
      if (from + size <= block.from) break
      from = block.to
    }
    const missing = from + size - this.memory.buffer.byteLength
    if (missing > 0) this.memory.grow(Math.ceil(missing / PAGE_BYTES))
    const block = { from, to: from + size }
    this.#blocks.push(block)
    this.#blocks.sort((a, b) => a.from - b.from)
    return {
      buffer: this.memory.buffer,
      byteOffset: from,
      address: from,
      byteLength,
      free: () => {
        this.#blocks = this.#blocks.filter((other) => other !== block)
      },
    }
  }
}

export const wasmHeap = new WasmHeap()
