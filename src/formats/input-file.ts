// Reading files of any size, and pipes and the like.
// So that projects for browsers need not know the types of `await using`.
/// <reference lib="esnext.disposable" preserve="true" />
import type { FileHandle } from 'node:fs/promises'
import { UsageError } from '../errors.ts'
import { nodeModule } from '../runtime/host.ts'
import { leastMemory } from '../runtime/memory.ts'
import { reasonOf } from './reason.ts'

/** A file that is read from its beginning to its end. Every error names it. */
export class InputFile {
  readonly path: string
  /** The size when it was opened; null for what has no size, such as a pipe. */
  readonly byteLength: number | null
  readonly #handle: FileHandle
  readonly #pieceBytes: number

  private constructor(path: string, handle: FileHandle, byteLength: number | null, pieceBytes: number) {
    this.path = path
    this.#handle = handle
    this.byteLength = byteLength
    this.#pieceBytes = pieceBytes
  }

  /** Throws UsageError if it can't be opened. `pieceBytes`: how much is read at a time. */
  static async open(path: string, pieceBytes: number = PIECE_BYTES): Promise<InputFile> {
    const { open } = nodeModule('node:fs/promises')
    if (path === '') throw new UsageError("'': can't be read: its name is empty")
    const handle = await open(path).catch((error: unknown) => {
      throw unreadable(path, error)
    })
    const stat = await handle.stat()
    // The system's own files, in /proc, have no size either
    const byteLength = stat.isFile() && stat.size > 0 ? stat.size : null
    return new InputFile(path, handle, byteLength, pieceBytes)
  }

  /**
   * Fills the array with the next bytes, or those from `position` on, and returns how many there were: fewer only at the end of
   * the file.
   */
  async fill(target: Uint8Array, position: number | null = null): Promise<number> {
    let filled = 0
    while (filled < target.length) {
      const piece = target.subarray(filled, filled + this.#pieceBytes)
      const from = position === null ? null : position + filled
      const { bytesRead } = await this.#handle.read(piece, 0, piece.length, from).catch((error: unknown) => {
        throw unreadable(this.path, error)
      })
      if (bytesRead === 0) break
      filled += bytesRead
    }
    return filled
  }

  /**
   * The whole content; of a file, as much as it had when it was opened. Throws UsageError if that does not fit into
   * memory, and the error from `tooMany` if it is more than `maxBytes`.
   */
  async readAll(
    maxBytes: number = Infinity,
    tooMany: (path: string, byteLength: number) => Error = notOneArray,
  ): Promise<Uint8Array> {
    const requireFewer = (byteLength: number): void => {
      if (byteLength > maxBytes) throw tooMany(this.path, byteLength)
    }
    if (this.byteLength !== null) {
      requireFewer(this.byteLength)
      const bytes = await newBytes(this.path, this.byteLength)
      return bytes.subarray(0, await this.fill(bytes))
    }
    let bytes = new Uint8Array(FIRST_BYTES)
    let length = await this.fill(bytes)
    while (length === bytes.length) {
      requireFewer(length)
      const longer = await newBytes(this.path, 2 * length)
      longer.set(bytes)
      bytes = longer
      length += await this.fill(bytes.subarray(length))
    }
    requireFewer(length)
    return bytes.subarray(0, length)
  }

  /** `length` bytes from `offset` on, or all up to the end; fewer if the file ends before. Throws as `readAll`. */
  async readRange(offset: number, length: number = Infinity): Promise<Uint8Array> {
    const bytes = await newBytes(this.path, Math.max(0, Math.min(length, (this.byteLength ?? 0) - offset)))
    return bytes.subarray(0, await this.fill(bytes, offset))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close()
  }
}

/** Well below 2 GiB, the most that a system reads at a time. */
const PIECE_BYTES = 2 ** 26
const FIRST_BYTES = 2 ** 16

/** Memory for this many bytes of the file, all zeros. Throws UsageError if there is not enough. */
async function newBytes(path: string, byteLength: number): Promise<Uint8Array<ArrayBuffer>> {
  await requireMemory(path, byteLength)
  try {
    return new Uint8Array(byteLength)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw notOneArray(path, byteLength)
  }
}

const notOneArray = (path: string, byteLength: number): UsageError =>
  new UsageError(`${path}: its ${byteLength} bytes are more than one array can have here`)

/** Throws UsageError if this many bytes of the file would not fit into the memory that this process may have. */
export async function requireMemory(path: string, byteLength: number): Promise<void> {
  const memory = await leastMemory()
  if (memory === null || byteLength <= memory.freeBytes) return
  const { limitBytes, freeBytes } = memory
  throw new UsageError(
    `${path}: its ${byteLength} bytes do not fit into memory: this process may have ${limitBytes} bytes, of which ${freeBytes} are free`,
  )
}

const unreadable = (path: string, error: unknown): UsageError =>
  new UsageError(`${path}: can't be read: ${reasonOf(error)}`, { cause: error })
