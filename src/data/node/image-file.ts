import { DamagedImageError } from '../../errors.ts'
import { reasonOf } from '../../formats/files.ts'
import { nodeModule } from '../../runtime/host.ts'
import type { NamedBytes } from '../dataset.ts'

const { readFile } = nodeModule('node:fs/promises')

/** Rejects with DamagedImageError: a file that has gone missing is skipped as one that is damaged. */
export async function readImageFile(path: string): Promise<NamedBytes> {
  const bytes = await readFile(path).catch((error: unknown) => {
    throw new DamagedImageError(path, `can't be read: ${reasonOf(error)}`, { cause: error })
  })
  return { name: path, bytes }
}
