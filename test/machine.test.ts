// The command on machines that lack something: a home folder, WebAssembly, threads, memory.
import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { commandsIn } from './support/command.ts'

const folder = mkdtempSync(join(tmpdir(), 'convmark-machine-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const start = commandsIn(folder)
const BENCH = [
  'bench',
  'lenet',
  '--batch',
  '1',
  '--batches',
  '2',
  '--burn-in',
  '0',
  '--pass',
  'forward',
  '--no-check',
]

// Only root can become a user whom the system does not list
describe.runIf(process.getuid?.() === 0)('a user without a home folder', () => {
  it.each([
    ['no HOME', { CONVMARK_CACHE: undefined, XDG_CACHE_HOME: undefined, HOME: undefined }],
    ['paths that are relative or empty', { CONVMARK_CACHE: '', XDG_CACHE_HOME: 'caches', HOME: '' }],
  ])('has no cache and no error: %s', async (_, env) => {
    chmodSync(folder, 0o777)
    expect(await start(BENCH, env, { uid: 12345, gid: 12345 }).ended).toMatchObject({ code: 0, stderr: '' })
    expect(readdirSync(folder)).toEqual([])
  })
})
