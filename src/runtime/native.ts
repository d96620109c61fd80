// This process's memory, machine code and calls on Linux, through koffi.

import type { LibraryHandle } from 'koffi'
import { releaseCode } from '../codegen/x64/release.ts'
import { UnavailableError } from '../errors.ts'
import { roundUp } from '../tensor.ts'
import type { MemoryBlock } from './heap.ts'
import { isNode, nodeModule } from './host.ts'
import { type FunctionAt, type Koffi, loadFunctionAt, loadKoffi } from './koffi.ts'
import { memoryRefused } from './out-of-memory.ts'

export interface Native {
  /**
   * Puts code into memory of its own that is never writable and executable at once. At the latest it is freed with this
   * thread, in case that is a worker which somebody terminates. Throws UnavailableError.
   */
  mapCode(codes: readonly Uint8Array[]): { readonly addresses: readonly number[]; free(): void }
  readonly functionAt: FunctionAt
  /** Throws ConvmarkError if the system does not give this much. */
  allocate(byteLength: number): MemoryBlock
  /** The largest block for `allocate`. */
  readonly maxByteLength: number
  addressOf(values: ArrayBufferView): number
}

const PROT_READ = 1
const PROT_WRITE = 2
const PROT_EXEC = 4
const MAP_PRIVATE_ANONYMOUS = 0x22
const MADV_DONTNEED = 4
const MADV_HUGEPAGE = 14
const PAGE_BYTES = 4096
const HUGE_PAGE_BYTES = 2 * 1024 * 1024
/** The alignment that encoded programs require. */
const CODE_ALIGNMENT_BYTES = 64

let opened: Promise<Native> | null = null

/** Throws UnavailableError with the reason if the system or koffi is not suitable. */
export function openNative(): Promise<Native> {
  opened ??= open()
  return opened
}

async function open(): Promise<Native> {
  if (!isNode || process.platform !== 'linux' || process.arch !== 'x64') {
    const here = isNode ? `${process.platform} ${process.arch}` : 'a browser'
    throw new UnavailableError(`it is written for Linux x86-64; this is ${here}`)
  }
  const { koffi, libc } = await loadKoffi()
  const { getSystemErrorName } = nodeModule('node:util')
  const mmap = libc.func(
    'int64_t mmap(int64_t address, size_t length, int protection, int flags, int fd, int64_t offset)',
  )
  const mprotect = libc.func('int mprotect(int64_t address, size_t length, int protection)')
  const munmap = libc.func('int munmap(int64_t address, size_t length)')
  const madvise = libc.func('int madvise(int64_t address, size_t length, int advice)')
  const memcpy = libc.func('int64_t memcpy(int64_t to, const uint8_t *from, size_t length)')
  const munmapAddress = Number(koffi.address(libc.symbol('munmap')))
  const atEndOfThread = cleanupHooks(koffi, libc)
  const refused = (call: string): UnavailableError => {
    const reason = getSystemErrorName(-koffi.errno())
    return new UnavailableError(`the system refuses memory for machine code (${call}: ${reason})`)
  }
  const addressOf = (values: ArrayBufferView): number => Number(koffi.address(values))

  return {
    addressOf,
    maxByteLength: largestBlock(),

    mapCode(codes) {
      const offsets: number[] = []
      let releaseOffset = 0
      for (const code of codes) {
        offsets.push(releaseOffset)
        releaseOffset += roundUp(code.length, CODE_ALIGNMENT_BYTES)
      }
      const byteLength = roundUp(releaseOffset + CODE_ALIGNMENT_BYTES, PAGE_BYTES)
      const address = Number(mmap(0, byteLength, PROT_READ | PROT_WRITE, MAP_PRIVATE_ANONYMOUS, -1, 0))
      if (address === -1) throw refused('mmap')
      codes.forEach((code, i) => {
        memcpy(address + offsets[i]!, code, code.length)
      })
      const release = releaseCode(byteLength, munmapAddress)
      memcpy(address + releaseOffset, release, release.length)
      if (mprotect(address, byteLength, PROT_READ | PROT_EXEC) !== 0) {
        const error = refused('mprotect')
        munmap(address, byteLength)
        throw error
      }
      const cancel = atEndOfThread(address + releaseOffset, address)
      return {
        addresses: offsets.map((offset) => address + offset),
        free: () => {
          cancel()
          munmap(address, byteLength)
        },
      }
    },

    functionAt: await loadFunctionAt(),

    // JavaScript's own shared memory, not mmap's. Every thread can use it as such, and a view that is still used after
    // its session is gone reads zeros, whereas an unmapped page would crash the process.
    allocate(byteLength) {
      const alignment = byteLength >= HUGE_PAGE_BYTES ? HUGE_PAGE_BYTES : CODE_ALIGNMENT_BYTES
      const buffer = newBuffer(roundUp(byteLength, alignment) + alignment)
      const start = addressOf(new Uint8Array(buffer, 0, 1))
      const address = roundUp(start, alignment)
      const pages = byteLength - (byteLength % PAGE_BYTES)
      const isLarge = alignment === HUGE_PAGE_BYTES
      // Huge pages are optional: a system without them uses more small ones.
      if (isLarge) madvise(address, pages, MADV_HUGEPAGE)
      return {
        buffer,
        byteOffset: address - start,
        byteLength,
        address,
        wasWritten: () => {}, // freed memory goes back to the system
        free: () => {
          // The addresses stay reserved until nobody holds the buffer; the memory itself is freed now.
          if (isLarge) madvise(address, pages, MADV_DONTNEED)
        },
      }
    },
  }
}

/** Makes a thread call `code(argument)` at its end, even if it is terminated; returns a function that cancels this. */
type AtEndOfThread = (code: number, argument: number) => () => void

/**
 * By Node-API's cleanup hooks: a terminated worker runs no more JavaScript, but it does run these, after its own
 * workers have ended.
 */
function cleanupHooks(koffi: Koffi, libc: LibraryHandle): AtEndOfThread {
  try {
    const [add, remove] = ['add', 'remove'].map((what) =>
      libc.func(`int napi_${what}_env_cleanup_hook(void *env, int64_t hook, int64_t argument)`),
    )
    const { env } = koffi.node
    return (code, argument) => {
      add!(env, code, argument)
      return () => remove!(env, code, argument)
    }
  } catch {
    // A runtime without these hooks frees a thread's code only when it is disposed.
    return () => () => {}
  }
}

function newBuffer(byteLength: number): SharedArrayBuffer {
  try {
    return new SharedArrayBuffer(byteLength)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw memoryRefused(byteLength, error)
  }
}

/** The most that V8's float arrays can span: 16 GiB on Node 20. */
function largestBlock(): number {
  const { constants } = nodeModule('node:buffer')
  return Float32Array.BYTES_PER_ELEMENT * (constants.MAX_LENGTH - 1) - 2 * HUGE_PAGE_BYTES
}
