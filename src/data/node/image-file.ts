import { readFile } from 'node:fs/promises'
import { DamagedImageError } from '../../errors.ts'
import { reasonOf } from '../../formats/files.ts'
import type { NamedBytes } from '../dataset.ts'

/** Rejects with DamagedImageError: a file that has gone missing is skipped as one that is damaged. */
export async function readImageFile(path: string): Promise<NamedBytes> {
  const bytes = await readFile(path).catch((error: unknown) => {
    throw new DamagedImageError(path, `can't be read: ${reasonOf(error)}`, { cause: error })
  })
  return { name: path, bytes }
}
