import { FormatError, messageOf } from '../../errors.ts'
import { readBytes } from '../../formats/files.ts'
import { nodeModule } from '../../runtime/host.ts'
import type { NamedBytes } from '../dataset.ts'

const { promisify } = nodeModule('node:util')
const { gunzip } = nodeModule('node:zlib')

const GZIP_MAGIC = [0x1f, 0x8b]

/** A file's bytes, unpacked where it is gzip's. Throws UsageError where it can't be read, FormatError where it is damaged. */
export async function readUnpacked(path: string): Promise<NamedBytes> {
  const bytes = await readBytes(path)
  if (!GZIP_MAGIC.every((byte, i) => bytes[i] === byte)) return { name: path, bytes: plain(bytes) }
  const unpacked = await promisify(gunzip)(bytes).catch((error: unknown) => {
    throw new FormatError(`${path}: can't be unpacked: ${messageOf(error)}`, { cause: error })
  })
  return { name: path, bytes: plain(unpacked) }
}

/** A Buffer's `slice` shares memory where a Uint8Array's copies: nobody is to take the one for the other. */
const plain = (buffer: Uint8Array): Uint8Array =>
  new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength)
