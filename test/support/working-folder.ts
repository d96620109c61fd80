import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll } from 'vitest'

/** A folder that the tests of a file work in, as a command's user does; it is removed in the end. */
export function workingFolder(): string {
  const before = process.cwd()
  const folder = mkdtempSync(join(tmpdir(), 'convmark-test-'))
  beforeAll(() => process.chdir(folder))
  afterAll(() => {
    process.chdir(before)
    rmSync(folder, { recursive: true, force: true })
  })
  return folder
}
