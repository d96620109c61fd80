import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Tiles are measured once for all test files, and not in the user's own cache. Tests that need an empty one name another. */
export default function shareCache(): () => void {
  const folder = mkdtempSync(join(tmpdir(), 'convmark-cache-'))
  process.env.CONVMARK_CACHE = folder
  return () => rmSync(folder, { recursive: true, force: true })
}
