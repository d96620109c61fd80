import type { MemoryBlock } from '../runtime/heap.ts'

/** Memory that several pieces of work share: one that needs more than is left waits for the others. */
export class MemoryShare {
  readonly totalBytes: number
  #freeBytes: number
  readonly #waiting: { readonly bytes: number; begin(): void }[] = []

  constructor(totalBytes: number) {
    this.totalBytes = totalBytes
    this.#freeBytes = totalBytes
  }

  /** Resolves when this many bytes are free, first come, first served. They must not exceed the total. */
  async take(bytes: number): Promise<void> {
    if (this.#waiting.length === 0 && bytes <= this.#freeBytes) this.#freeBytes -= bytes
    else await new Promise<void>((begin) => this.#waiting.push({ bytes, begin }))
  }

  /** Whether somebody waits for memory that others have. */
  get isAwaited(): boolean {
    return this.#waiting.length > 0
  }

  giveBack(bytes: number): void {
    this.#freeBytes += bytes
    for (let next = this.#waiting[0]; next && next.bytes <= this.#freeBytes; next = this.#waiting[0]) {
      this.#waiting.shift()
      this.#freeBytes -= next.bytes
      next.begin()
    }
  }
}

/**
 * A block of shared memory for one piece of work after another: it is kept while it is large enough and nobody waits
 * for it, since the system takes long to provide pages that are new to a process.
 */
export class KeptBlock {
  readonly #share: MemoryShare
  readonly #allocate: (byteLength: number) => MemoryBlock
  #block: MemoryBlock | null = null

  constructor(share: MemoryShare, allocate: (byteLength: number) => MemoryBlock) {
    this.#share = share
    this.#allocate = allocate
  }

  /** A block of at least this many bytes, with any values in it, for `use`. They must not exceed the share's total. */
  async with<Result>(byteLength: number, use: (block: MemoryBlock) => Promise<Result>): Promise<Result> {
    if (this.#block === null || this.#block.byteLength < byteLength) {
      this.free()
      await this.#share.take(byteLength)
      try {
        this.#block = this.#allocate(byteLength)
        // Pages that were never written are all the same one, which stays in the cache.
        const { buffer, byteOffset } = this.#block
        if (buffer !== null) new Uint8Array(buffer, byteOffset, byteLength).fill(0)
      } catch (error) {
        this.#share.giveBack(byteLength)
        throw error
      }
    }
    try {
      return await use(this.#block)
    } finally {
      if (this.#share.isAwaited) this.free()
    }
  }

  free(): void {
    const block = this.#block
    this.#block = null
    if (block === null) return
    block.free()
    this.#share.giveBack(block.byteLength)
  }
}
