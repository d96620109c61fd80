import { Assembler, GPR } from './assembler.ts'
import type { X64Target } from './encode.ts'

/** What CPUID and XCR0 say, as far as targets need it. */
export interface ProcessorRegisters {
  readonly leaf1: { readonly ecx: number }
  readonly leaf7: { readonly ebx: number }
  /** Which registers the system saves when it switches threads; 0 if it does not say. */
  readonly xcr0: number
}

/** void cpuid(leaf, subleaf, uint32_t out[4]): eax, ebx, ecx, edx. */
export function cpuidCode(): Uint8Array<ArrayBuffer> {
  const a = new Assembler(256)
  a.push(GPR.rbx)
  a.move(GPR.r8, GPR.rdx) // cpuid writes to rdx
  a.move(GPR.rax, GPR.rdi)
  a.move(GPR.rcx, GPR.rsi)
  a.cpuid()
  for (const [i, register] of [GPR.rax, GPR.rbx, GPR.rcx, GPR.rdx].entries()) {
    a.storeRegister32({ base: GPR.r8, displacement: 4 * i }, register)
  }
  a.pop(GPR.rbx)
  a.ret()
  return a.finish()
}

/** void xgetbv(index, uint32_t out[2]). Illegal unless CPUID says OSXSAVE. */
export function xgetbvCode(): Uint8Array<ArrayBuffer> {
  const a = new Assembler(256)
  a.move(GPR.rcx, GPR.rdi)
  a.xgetbv()
  a.storeRegister32({ base: GPR.rsi, displacement: 0 }, GPR.rax)
  a.storeRegister32({ base: GPR.rsi, displacement: 4 }, GPR.rdx)
  a.ret()
  return a.finish()
}

const bit = (word: number, index: number): boolean => ((word >>> index) & 1) === 1

export const hasOsxsave = (leaf1Ecx: number): boolean => bit(leaf1Ecx, 27)

/** SSE and AVX; for AVX-512 also its masks, the upper halves and the upper sixteen registers. */
const SAVED = { avx2: 0b0000_0110, avx512: 0b1110_0110 } as const

/**
 * What this machine lacks for a target, in words; empty if the target can be used. The processor may have registers
 * that the system does not save: a switch of threads would then lose them. Source: Intel SDM, volume 1, 14.3 and 15.2.
 */
export function missingFor(target: X64Target, { leaf1, leaf7, xcr0 }: ProcessorRegisters): string[] {
  const needed: readonly (readonly [string, boolean])[] = [
    ['FMA', bit(leaf1.ecx, 12)],
    ['AVX', bit(leaf1.ecx, 28)],
    ['AVX2', bit(leaf7.ebx, 5)],
    ...(target === 'avx512' ? [['AVX-512F', bit(leaf7.ebx, 16)] as const] : []),
  ]
  const lacking = needed.filter(([, has]) => !has).map(([name]) => `the processor has no ${name}`)
  const saved = SAVED[target]
  if (lacking.length === 0 && (xcr0 & saved) !== saved) {
    const what = (xcr0 & SAVED.avx2) === SAVED.avx2 ? 'AVX-512' : 'AVX'
    lacking.push(`the system does not save the ${what} registers (XCR0 is 0x${xcr0.toString(16)})`)
  }
  return lacking
}
