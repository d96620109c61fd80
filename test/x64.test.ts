import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { CachedChoice } from '../src/engines/tuning-cache.ts'
import { lenet } from '../src/networks/index.ts'
import type { Native } from '../src/runtime/native.ts'
import { built } from './support/built.ts'
import { ownCache } from './support/own-cache.ts'
import { runnable } from './support/x64.ts'

const ownFolder = ownCache()

const { openEngine } = await built<typeof import('../src/engines/index.ts')>('engines/index.js')
const { openX64 } = await built<typeof import('../src/engines/x64.ts')>('engines/x64.js')
const { openSession } = await built<typeof import('../src/session.ts')>('session.js')
const { openNative } = await built<typeof import('../src/runtime/native.ts')>('runtime/native.js')
const { UnavailableError, UsageError } = await built<typeof import('../src/errors.ts')>('errors.js')

const OLD = { leaf1: { ecx: 0 }, leaf7: { ebx: 0 }, xcr0: 0 }

/** A machine on which something of the real one is missing. */
const without = (part: Partial<Native>) => ({
  openNative: async () => ({ ...(await openNative()), ...part }),
})

const rejection = (opening: Promise<unknown>) =>
  opening.then(
    () => expect.unreachable(),
    (error: Error) => error,
  )

describe.runIf(runnable.length > 0)('x64 (skipped without AVX2)', () => {
  it('without a target takes one that the machine has, and auto takes x64', async () => {
    for (const spec of ['x64', 'auto']) {
      const { info } = await openEngine(spec)
      expect(info.name).toBe('x64')
      expect(runnable).toContain(info.target)
      expect(info.reason).toMatch(spec === 'auto' ? /^the fastest engine here; AVX/ : /^asked for; AVX/)
    }
  })

  it.runIf(runnable.length > 1)(
    'measures its targets once a processor, and keeps which is faster (skipped without AVX-512)',
    async () => {
      await openEngine('x64')
      const path = join(ownFolder, 'tuning.json')
      const entries = JSON.parse(readFileSync(path, 'utf8')) as Record<string, CachedChoice>
      const [key, kept] = Object.entries(entries).find(([name]) => name.endsWith('| x64 | target'))!
      expect(runnable).toContain(kept.choice)
      writeFileSync(path, JSON.stringify({ ...entries, [key]: { choice: 'avx2', ms: null } }))
      const { info } = await openEngine('x64')
      expect(info.target).toBe('avx2')
      expect(info.reason).toContain('AVX-512 was measured and is slower here')
      const parts = { peakOf: async (target: string) => (target === 'avx512' ? 100 : 99) }
      expect((await openX64('', { retune: true }, parts)).info.target).toBe('avx512')
      expect((await openEngine('x64')).info.target).toBe('avx512')
      writeFileSync(path, JSON.stringify(entries))
    },
  )

  it('without the tuning cache reads nothing from it and writes nothing', async () => {
    const cache = join(ownFolder, 'of a pipe')
    mkdirSync(cache)
    const path = join(cache, 'tuning.json')
    execFileSync('mkfifo', [path]) // whoever reads it waits for ever
    process.env.CONVMARK_CACHE = cache
    try {
      for (const engine of ['x64', 'auto']) {
        const session = await openSession(lenet(), { batch: 1, engine, tuningCache: false })
        await session.dispose()
      }
      expect(readdirSync(cache)).toEqual(['tuning.json'])
      expect(statSync(path).isFIFO()).toBe(true)
    } finally {
      process.env.CONVMARK_CACHE = ownFolder
    }
  })

  it.runIf(runnable.length > 1)(
    'measures again that the wider target loses: noise decides nothing (skipped without AVX-512)',
    async () => {
      const opened = async (avx512: readonly number[]) => {
        const rest = [...avx512]
        const peakOf = async (target: string) => (target === 'avx512' ? (rest.shift() ?? 0) : 100)
        return (await openX64('', { retune: true }, { peakOf })).info.target
      }
      expect(await opened([60, 70, 110])).toBe('avx512')
      expect(await opened([60, 70, 65])).toBe('avx2')
      expect(await opened([110])).toBe('avx512')
    },
  )

  it.runIf(runnable.length > 1)(
    'measures no more targets once its signal aborted (skipped without AVX-512)',
    async () => {
      const controller = new AbortController()
      const measured: string[] = []
      const peakOf = async (target: string) => {
        measured.push(target)
        controller.abort(new Error('not any more'))
        return 100
      }
      const opening = openX64('', { retune: true, signal: controller.signal }, { peakOf })
      expect((await rejection(opening)).message).toBe('not any more')
      expect(measured).toEqual(['avx512'])
    },
  )

  it('an unknown target is a usage error that names those there are', async () => {
    const error = await rejection(openEngine('x64:avx'))
    expect(error).toBeInstanceOf(UsageError)
    expect(error.message).toBe("unknown target of x64 'avx'; did you mean 'avx2'? (avx512, avx2)")
  })

  it('a processor without it: unavailable, naming what is missing', async () => {
    const parts = { readProcessor: () => OLD }
    const error = await rejection(openX64('avx2', {}, parts))
    expect(error).toBeInstanceOf(UnavailableError)
    expect(error.message).toBe(
      'x64:avx2 is unavailable here: the processor has no FMA, the processor has no AVX, the processor has no AVX2; use wasm',
    )
    expect((await rejection(openX64('', {}, parts))).message).toMatch(/^x64 is unavailable here: /)
  })

  it('a system that refuses memory for code: unavailable, with its reason', async () => {
    const refusal = new UnavailableError('the system refuses memory for machine code (mprotect: EACCES)')
    const parts = without({
      mapCode: () => {
        throw refusal
      },
    })
    const error = await rejection(openX64('', {}, parts))
    expect(error).toBeInstanceOf(UnavailableError)
    expect(error.message).toBe(
      'x64 is unavailable here: the system refuses memory for machine code (mprotect: EACCES); use wasm',
    )
  })

  it('code is executable and not writable, and gone when it is freed', async () => {
    const native = await openNative()
    const { addresses, free } = native.mapCode([Uint8Array.of(0xc3), Uint8Array.of(0xc3)])
    expect(addresses[1]! - addresses[0]!).toBe(64)
    native.functionAt(addresses[0]!, 0)()
    const page = addresses[0]!.toString(16)
    const mapping = () =>
      readFileSync('/proc/self/maps', 'utf8')
        .split('\n')
        .find((line) => line.startsWith(`${page}-`))
    expect(mapping()).toMatch(/ r-xp /)
    free()
    expect(mapping() ?? '').not.toMatch(/ r-xp /)
  })

  it('memory is aligned, begins as zeros, and a view of what was freed reads zeros', async () => {
    const native = await openNative()
    const byteLength = 8 * 2 ** 20 + 4
    const block = native.allocate(byteLength)
    expect(block.address % (2 * 2 ** 20)).toBe(0)
    const values = new Float32Array(block.buffer!, block.byteOffset, byteLength / 4)
    expect(native.addressOf(values)).toBe(block.address)
    expect(values.every((value) => value === 0)).toBe(true)
    values.fill(1)
    block.free()
    expect(values[5]).toBe(0)
    expect(native.allocate(100).address % 64).toBe(0)
  })
})

it('what it needs is optional: koffi is no plain dependency', () => {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8')
  const { dependencies, optionalDependencies } = JSON.parse(text)
  expect(Object.keys(optionalDependencies)).toEqual(['koffi'])
  expect(dependencies.koffi).toBeUndefined()
})
