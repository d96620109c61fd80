import type { FileHandle } from 'node:fs/promises'
import { DamagedImageError, FormatError } from '../../errors.ts'
import { reasonOf } from '../../formats/reason.ts'
import { nodeModule } from '../../runtime/host.ts'
import type { NamedBytes } from '../dataset.ts'

const { open, readFile } = nodeModule('node:fs/promises')
const { basename } = nodeModule('node:path')

/** Rejects with DamagedImageError: a missing file is skipped like a damaged one. */
export async function readImageFile(path: string): Promise<NamedBytes> {
  const bytes = await readFile(path).catch((error: unknown) => {
    throw new DamagedImageError(path, `can't be read: ${reasonOf(error)}`, { cause: error })
  })
  return { name: path, bytes }
}

/** Read at both ends of a file: more than a header, so that pictures from one camera differ. */
const END_BYTES = 4096

/**
 * Errors of the path, which will be the same next time; others depend on the process, the disk or the network at the
 * moment.
 */
const LASTING = new Set(['ENOENT', 'EACCES', 'EPERM', 'EISDIR', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG', 'ENXIO'])

/**
 * Distinguishes a file from any other without reading all of it: by its own name, its size, its beginning and its end.
 * A file that is missing or may not be read counts as an image here; it will be reported when it has to be decoded.
 * Rejects with FormatError, naming the file, if it can't be read this time.
 */
export async function fileStamp(path: string): Promise<Uint8Array> {
  const name = basename(path)
  try {
    await using file = await open(path)
    const { size } = await file.stat()
    const ends = new Uint8Array(Math.min(size, 2 * END_BYTES))
    const first = Math.min(size, END_BYTES)
    await fill(file, ends.subarray(0, first), 0)
    await fill(file, ends.subarray(first), size - (ends.length - first))
    return Buffer.concat([Buffer.from(`${name}, ${size} bytes: `), ends])
  } catch (error) {
    if (LASTING.has((error as NodeJS.ErrnoException).code ?? '')) return Buffer.from(`${name}, not readable;`)
    throw new FormatError(`${path}: can't be read: ${reasonOf(error)}`, { cause: error })
  }
}

async function fill(file: FileHandle, buffer: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < buffer.length; ) {
    const { bytesRead } = await file.read(buffer, done, buffer.length - done, position + done)
    if (bytesRead === 0) throw new Error('it became shorter meanwhile')
    done += bytesRead
  }
}
