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

  giveBack(bytes: number): void {
    this.#freeBytes += bytes
    for (let next = this.#waiting[0]; next && next.bytes <= this.#freeBytes; next = this.#waiting[0]) {
      this.#waiting.shift()
      this.#freeBytes -= next.bytes
      next.begin()
    }
  }
}
