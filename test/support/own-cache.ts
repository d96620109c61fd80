import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'

/** A cache of this test file's own: where it looks into it, or wants the same tiles, and so the same bits, in every process. */
export function ownCache(): string {
  const folder = mkdtempSync(join(tmpdir(), 'convmark-cache-'))
  process.env.CONVMARK_CACHE = folder
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}
