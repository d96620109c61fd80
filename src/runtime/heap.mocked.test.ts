import { afterEach, expect, it, vi } from 'vitest'
import { wasmHeap } from './heap.ts'

const PAGE = 65536

afterEach(() => vi.unstubAllGlobals())

it('counts as used before only what lies below a block that was written, with no gap between', () => {
  expect(wasmHeap.newBytes(4 * PAGE)).toBe(4 * PAGE)
  const first = wasmHeap.allocate(PAGE)
  const second = wasmHeap.allocate(3 * PAGE)
  second.wasWritten()
  first.free()
  second.free()
  expect(wasmHeap.newBytes(4 * PAGE)).toBe(4 * PAGE)
  const again = wasmHeap.allocate(PAGE)
  again.wasWritten()
  again.free()
  expect(wasmHeap.newBytes(4 * PAGE)).toBe(3 * PAGE)
})

it('says what to do where there is no room for a memory', async () => {
  class Memory {
    constructor() {
      throw new RangeError('WebAssembly.Memory(): could not allocate memory')
    }
  }
  vi.stubGlobal('WebAssembly', { Memory })
  vi.resetModules()
  const { wasmHeap } = await import('./heap.ts')
  const allocating = () => wasmHeap.allocate(PAGE)
  expect(allocating).toThrow(
    'there is no room for a WASM memory (WebAssembly.Memory(): could not allocate memory); ' +
      'let the process have more memory and address space (ulimit -v)',
  )
})
