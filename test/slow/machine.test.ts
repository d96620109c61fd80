// The command on machines that lack something: a home folder, WebAssembly, threads, memory.
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { encodeSafetensors } from '../../src/formats/safetensors.ts'
import { commandsIn } from '../support/command.ts'
import { root } from '../support/package.ts'

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

const NOBODY = { uid: 12345, gid: 12345 }
// Only root can become a user whom the system does not list, and who may be kept out of the clone's folder
const canBeNobody =
  process.getuid?.() === 0 && spawnSync('test', ['-r', join(root, 'dist/cli/main.js')], NOBODY).status === 0
describe.runIf(canBeNobody)('a user without a home folder (skipped without root)', () => {
  it.each([
    ['no HOME', { CONVMARK_CACHE: undefined, XDG_CACHE_HOME: undefined, HOME: undefined }],
    ['paths that are relative or empty', { CONVMARK_CACHE: '', XDG_CACHE_HOME: 'caches', HOME: '' }],
  ])('has no cache and no error: %s', async (_, env) => {
    chmodSync(folder, 0o777)
    // Without a cache all tiles would be measured
    const words = [...BENCH, '--engine', 'wasm@1', '--algorithm', 'direct']
    expect(await start(words, env, NOBODY).ended).toMatchObject({ code: 0, stderr: '' })
    expect(readdirSync(folder)).toEqual([])
  })
})

describe.runIf(canBeNobody)('a network that the user may not read (skipped without root)', () => {
  it.each([
    ['info', []],
    ['bench', ['--batch', '1', '--batches', '1', '--burn-in', '0']],
    ['run', ['--input', 'x.safetensors', '--output', 'y.safetensors']],
  ])('%s: one line, exit code 2', async (command, words) => {
    chmodSync(folder, 0o777)
    const x = { shape: [1, 1, 1, 1], data: Float32Array.of(1) }
    writeFileSync(join(folder, 'x.safetensors'), encodeSafetensors({ x }))
    writeFileSync(join(folder, 'mine.onnx'), 'never read', { mode: 0o600 })
    try {
      expect(await start([command, 'mine.onnx', ...words], {}, NOBODY).ended).toEqual({
        code: 2,
        stdout: '',
        stderr: "convmark: mine.onnx: can't be read: permission denied\n",
      })
      expect(readdirSync(folder).sort()).toEqual(['mine.onnx', 'x.safetensors'])
    } finally {
      for (const file of ['mine.onnx', 'x.safetensors']) rmSync(join(folder, file))
    }
  })
})

describe('a Node without WebAssembly', () => {
  const nodeFlags = ['--jitless']
  const lines = (text: string): string[] => text.trimEnd().split('\n')
  // V8 has a line of its own to say about the flag
  const ownLines = (text: string): string[] =>
    lines(text).filter((line) => !line.startsWith('Warning: disabling'))

  it('has no engine wasm: exit code 4, one line', async () => {
    const { code, stdout, stderr } = await start([...BENCH, '--engine', 'wasm'], {}, { nodeFlags }).ended
    expect({ code, stdout }).toEqual({ code: 4, stdout: '' })
    expect(ownLines(stderr)).toEqual([
      'convmark: wasm: there is no WebAssembly here, or it is switched off (node --jitless does so)',
    ])
  })

  it('has no engine auto where x64 does not run either, and says why of both', async () => {
    const elsewhere = `data:text/javascript,Object.defineProperty(process, 'platform', { value: 'aix' })`
    const flags = [...nodeFlags, '--import', elsewhere]
    const { code, stdout, stderr } = await start(BENCH, {}, { nodeFlags: flags }).ended
    expect({ code, stdout }).toEqual({ code: 4, stdout: '' })
    expect(ownLines(stderr)).toEqual([
      'convmark: wasm: there is no WebAssembly here, or it is switched off (node --jitless does so); ' +
        `x64 is unavailable here: it is written for Linux x86-64; this is aix ${process.arch}`,
    ])
  })

  it('has an `info` that goes on', async () => {
    const { code, stdout } = await start(['info'], {}, { nodeFlags }).ended
    expect(code).toBe(0)
    expect(stdout).toMatch(/^wasm {2,}unavailable {2}wasm: there is no WebAssembly here/m)
    expect(stdout).toMatch(/^reference {2,}available/m)
  })
})
