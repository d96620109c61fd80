import { type FileHandle, open } from 'node:fs/promises'
import { readBytes } from '../../formats/files.ts'

/** Begins what is appended to an existing log: a command that was killed may have left an unfinished line. */
const LINE_BREAK = '\n'

/**
 * A training's log: lines are appended, and all of them are complete afterwards. A full disk does not end a training:
 * lines that can't be written are kept and tried again with the next one.
 */
export class LogFile {
  readonly path: string
  readonly #onFault: (error: unknown) => void
  #file: FileHandle | null = null
  /** The length of the lines of earlier commands. */
  #lengthBefore = 0
  /** In order; the first may be the rest of a line that was only partly written. */
  #unwritten: Uint8Array[] = []
  #hasFault = false
  #isClosedWhole = true

  /** `onFault` is called the first time that a line can't be written. */
  constructor(path: string, onFault: (error: unknown) => void) {
    this.path = path
    this.#onFault = onFault
  }

  get isWhole(): boolean {
    return this.#unwritten.length === 0 && this.#isClosedWhole
  }

  async append(text: string): Promise<void> {
    this.#unwritten.push(new TextEncoder().encode(text))
    try {
      this.#file ??= await this.#open()
      await this.#writeAll(this.#file)
    } catch (error) {
      this.#report(error)
    }
  }

  /** What is in the file before this command's lines. */
  async textBefore(): Promise<string> {
    if (this.#lengthBefore === 0) return ''
    const text = new TextDecoder().decode((await readBytes(this.path)).subarray(0, this.#lengthBefore))
    return `${text}${LINE_BREAK}`
  }

  async close(): Promise<void> {
    // Some disks report only now that nothing was written
    await this.#file?.close().catch((error: unknown) => {
      this.#isClosedWhole = false
      this.#report(error)
    })
  }

  async #open(): Promise<FileHandle> {
    const file = await open(this.path, 'a')
    const status = await file.stat()
    this.#lengthBefore = status.isFile() ? status.size : 0
    if (this.#lengthBefore > 0) this.#unwritten.unshift(new TextEncoder().encode(LINE_BREAK))
    return file
  }

  async #writeAll(file: FileHandle): Promise<void> {
    for (let next = this.#unwritten[0]; next; next = this.#unwritten[0]) {
      const { bytesWritten } = await file.write(next)
      if (bytesWritten < next.byteLength) this.#unwritten[0] = next.subarray(bytesWritten)
      else this.#unwritten.shift()
    }
  }

  #report(error: unknown): void {
    if (!this.#hasFault) this.#onFault(error)
    this.#hasFault = true
  }
}
