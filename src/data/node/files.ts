import { FormatError, messageOf } from '../../errors.ts'
import { readBytes } from '../../formats/files.ts'
import { nodeModule } from '../../runtime/host.ts'
import type { NamedBytes } from '../dataset.ts'

const { promisify } = nodeModule('node:util')
const { gunzip } = nodeModule('node:zlib')

const GZIP_MAGIC = [0x1f, 0x8b]

/** A file's bytes, unpacked if it is gzipped. Throws UsageError if it can't be read, FormatError if it is damaged. */
export async function readUnpacked(path: string): Promise<NamedBytes> {
  const bytes = await readBytes(path)
  if (!GZIP_MAGIC.every((byte, i) => bytes[i] === byte)) return { name: path, bytes: plain(bytes) }
  const unpacked = await promisify(gunzip)(bytes).catch((error: unknown) => {
    throw new FormatError(`${path}: can't be unpacked: ${messageOf(error)}`, { cause: error })
  })
  return { name: path, bytes: plain(unpacked) }
}

/** A Buffer's `slice` shares memory while a Uint8Array's copies, so callers get a plain Uint8Array. */
const plain = (buffer: Uint8Array): Uint8Array =>
  new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength)
