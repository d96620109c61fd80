import { afterEach, expect, it, vi } from 'vitest'
import { UnavailableError } from '../errors.ts'
import { openWasm } from './wasm.ts'

afterEach(() => vi.unstubAllGlobals())

const refusal = (): Promise<Error> =>
  openWasm('').then(
    () => expect.unreachable(),
    (error: Error) => error,
  )

it('is unavailable where there is no WebAssembly', async () => {
  vi.stubGlobal('WebAssembly', undefined)
  const error = await refusal()
  expect(error).toBeInstanceOf(UnavailableError)
  expect(error.message).toMatch(/^wasm: there is no WebAssembly here, or it is switched off/)
})

it('has no revectorizer in a browser: no page can set flags', async () => {
  vi.resetModules()
  vi.doMock('../runtime/host.ts', async (original) => ({ ...(await original<object>()), isNode: false }))
  const { openWasm: openInBrowser } = await import('./wasm.ts')
  vi.doUnmock('../runtime/host.ts')
  vi.resetModules()
  await expect(openInBrowser('revectorized')).rejects.toThrow('wasm:revectorized is unavailable in a browser')
})

it('is unavailable where WebAssembly may not be compiled', async () => {
  const compile = async () => {
    throw new WebAssembly.CompileError("blocked by the page's policy: 'wasm-unsafe-eval'")
  }
  const { CompileError, validate } = WebAssembly
  vi.stubGlobal('WebAssembly', { CompileError, validate, compile })
  const error = await refusal()
  expect(error).toBeInstanceOf(UnavailableError)
  expect(error.message).toBe(
    "wasm: WebAssembly can't be compiled here (blocked by the page's policy: 'wasm-unsafe-eval')",
  )
})
