// koffi, which calls machine code, and the only function of it that a compute worker needs.

import type { LibraryHandle } from 'koffi'
import type { KernelFunction } from '../codegen/program.ts'
import { messageOf, UnavailableError } from '../errors.ts'

export type Koffi = typeof import('koffi').default

/** Makes the code at an address callable; its arguments are integers. */
export type FunctionAt = (address: number, parameters: number) => KernelFunction

const CALL_STACK_BYTES = 64 * 1024
const CALL_HEAP_BYTES = 16 * 1024

interface LoadedKoffi {
  readonly koffi: Koffi
  readonly libc: LibraryHandle
}

let loaded: Promise<LoadedKoffi> | null = null

/** koffi, and this process's own symbols. Throws UnavailableError, with the reason, if koffi can't be loaded. */
export function loadKoffi(): Promise<LoadedKoffi> {
  loaded ??= load()
  return loaded
}

async function load(): Promise<LoadedKoffi> {
  const { default: koffi } = await import('koffi').catch((error: unknown) => {
    const isMissing = /MODULE_NOT_FOUND$/.test((error as NodeJS.ErrnoException).code ?? '')
    const remedy = isMissing
      ? 'npm install koffi'
      : "install it again, and keep it out of bundles (esbuild's --external:koffi)"
    throw new UnavailableError(
      `koffi, which calls machine code, can't be loaded (${messageOf(error).split('\n')[0]}); ${remedy}`,
    )
  })
  // Each thread that loads koffi gets a stack and a heap for its calls, by default several megabytes, and koffi 3.3
  // does not free them when the thread ends. convmark's calls pass integers and push a few registers.
  try {
    koffi.config({ sync_stack_size: CALL_STACK_BYTES, sync_heap_size: CALL_HEAP_BYTES })
  } catch {
    // Something else in this process used koffi before, so its sizes stay. That only costs address space.
  }
  // Until it has loaded a library, koffi has no stack for calls and crashes at the first one.
  return { koffi, libc: koffi.load(null) }
}

/** The function of koffi that makes code callable. */
export async function loadFunctionAt(): Promise<FunctionAt> {
  const { koffi } = await loadKoffi()
  const prototypes = new Map<number, ReturnType<Koffi['proto']>>()
  return (address, parameters) => {
    let prototype = prototypes.get(parameters)
    if (!prototype) {
      prototype = koffi.proto('void', new Array(parameters).fill('int64_t'))
      prototypes.set(parameters, prototype)
    }
    return koffi.decode(BigInt(address), prototype) as KernelFunction
  }
}
