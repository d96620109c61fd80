import { interpret } from '../../src/codegen/interpret.ts'
import type { KernelFunction, Program } from '../../src/codegen/program.ts'
import { encodeX64, X64_TARGETS, type X64Target } from '../../src/codegen/x64/encode.ts'
import { missingFor } from '../../src/codegen/x64/processor.ts'
import { readProcessor } from '../../src/engines/x64.ts'
import { messageOf } from '../../src/errors.ts'
import { type Native, openNative } from '../../src/runtime/native.ts'
import type { InlineTarget } from './inline.ts'

/** Null where this machine is another; then `missing` says why. */
const native: Native | string = await openNative().catch(messageOf)

/** Why a target can't be run here; null where it can. */
export function missing(target: X64Target): string | null {
  if (typeof native === 'string') return native
  return missingFor(target, readProcessor(native)).join(', ') || null
}

export const runnable: readonly X64Target[] = (['avx512', 'avx2'] as const).filter((t) => missing(t) === null)

/** A program made callable in this thread. Its code stays mapped as long as the test's process. */
export function compileX64(
  program: Program,
  target: X64Target,
  options: Parameters<typeof encodeX64>[2] = {},
): KernelFunction {
  if (typeof native === 'string') throw new Error(native)
  const { addresses } = native.mapCode([encodeX64(program, target, options)])
  return native.functionAt(addresses[0]!, program.parameters.length)
}

/** Of memory that the machine code may use. */
export const addressOf = (values: ArrayBufferView): number => (native as Native).addressOf(values)

const PAGE_BYTES = 4096
const PROT_NONE = 0
const PROT_READ_WRITE = 3
const MAP_PRIVATE_ANONYMOUS = 0x22

/**
 * Memory that ends (or begins) exactly at a page that nobody may touch: a load or a store beyond it ends the process.
 * It stays mapped as long as the process, like the views of it.
 */
async function openGuarded() {
  const { default: koffi } = await import('koffi')
  const libc = koffi.load(null)
  const mmap = libc.func(
    'int64_t mmap(int64_t address, size_t length, int protection, int flags, int fd, int64_t at)',
  )
  const mprotect = libc.func('int mprotect(int64_t address, size_t length, int protection)')
  return (byteLength: number, isAtEnd: boolean): { address: number; memory: ArrayBuffer } => {
    const inner = Math.ceil(byteLength / PAGE_BYTES) * PAGE_BYTES
    const start = Number(mmap(0, inner + 2 * PAGE_BYTES, PROT_NONE, MAP_PRIVATE_ANONYMOUS, -1, 0))
    if (start < 0) throw new Error('mmap refused guard pages')
    if (mprotect(start + PAGE_BYTES, inner, PROT_READ_WRITE) !== 0) throw new Error('mprotect refused')
    const address = start + PAGE_BYTES + (isAtEnd ? inner - byteLength : 0)
    return { address, memory: koffi.view(BigInt(address), byteLength) }
  }
}

const guarded = runnable.length > 0 ? await openGuarded() : null

/** Runs in the test's own thread, its memory between pages that nobody may touch. */
export const x64Target = (target: X64Target): InlineTarget => {
  const { lanes, vectorRegisters } = X64_TARGETS[target]
  let opened = 0
  return {
    name: `x64:${target}`,
    lanes,
    vectorRegisters,
    open: (byteLength) => {
      const { address, memory } = guarded!(Math.ceil(byteLength / 4) * 4, opened++ % 2 === 0)
      return { memory, address, compile: (program) => compileX64(program, target) }
    },
  }
}

/**
 * Runs a program on the machine and on `interpret`, its pointers at these bytes; returns both memories' bits. Denormals
 * are kept.
 */
export function runOnBoth(
  program: Program,
  target: X64Target,
  values: Float32Array,
  pointers: readonly number[] = [0],
): [Uint32Array, Uint32Array] {
  const shared = new Float32Array(new SharedArrayBuffer(values.byteLength))
  shared.set(values)
  const address = addressOf(shared)
  compileX64(program, target, { flushesDenormals: false })(...pointers.map((at) => address + at))
  const plain = Float32Array.from(values)
  interpret(program, plain.buffer)(...pointers)
  return [new Uint32Array(shared.buffer), new Uint32Array(plain.buffer)]
}
