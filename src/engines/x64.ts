import { encodeX64, X64_TARGETS, type X64Target } from '../codegen/x64/encode.ts'
import {
  cpuidCode,
  hasOsxsave,
  missingFor,
  type ProcessorRegisters,
  xgetbvCode,
} from '../codegen/x64/processor.ts'
import { UnavailableError, UsageError, unknownName } from '../errors.ts'
import { availableCores, processorName } from '../runtime/machine.ts'
import { type Native, openNative } from '../runtime/native.ts'
import { CompiledEngine, type CompiledEngineDependencies } from './compiled.ts'
import type { EngineInfo, EngineOptions } from './engine.ts'
import { measurePeaks } from './peak.ts'
import type { CodeTarget } from './target.ts'
import { openTuningCache } from './tuning-cache.ts'

/** The widest first: it is used unless it turns out to be slower. */
const TARGETS: readonly X64Target[] = ['avx512', 'avx2']

const DESCRIPTIONS: Readonly<Record<X64Target, string>> = {
  avx512: 'AVX-512, 512-bit FMA',
  avx2: 'AVX2, 256-bit FMA',
}

/** Wider vectors that multiply no faster still need fewer instructions; below this ratio they lose. */
const MIN_PEAK_RATIO = 0.95
/** How often it must be measured that the wider one loses, which is unexpected: another process may have disturbed it. */
const CONFIRMING_TIMES = 3

/** Replaced only in tests. */
export interface X64EngineDependencies extends CompiledEngineDependencies {
  readonly openNative?: () => Promise<Native>
  readonly readProcessor?: (native: Native) => ProcessorRegisters
  readonly peakOf?: PeakOf
}

/**
 * Opens the x64 engine: machine code for Linux on x86-64. Without a target it takes the fastest of those that the
 * machine has. Throws UnavailableError, naming what is missing: system, koffi, processor, or the right to run code.
 */
export async function openX64(
  target: string,
  options: EngineOptions & { readonly reason?: string } = {},
  dependencies: X64EngineDependencies = {},
): Promise<CompiledEngine> {
  if (target !== '' && !(TARGETS as readonly string[]).includes(target)) {
    throw new UsageError(unknownName('target of x64', target, TARGETS))
  }
  const name = target ? `x64:${target}` : 'x64'
  try {
    const native = await (dependencies.openNative ?? openNative)()
    const registers = (dependencies.readProcessor ?? readProcessor)(native)
    const { chosen, reason } = target
      ? requireTarget(target as X64Target, registers)
      : await fastestTarget(native, registers, options, dependencies.peakOf)
    const info: EngineInfo = {
      name: 'x64',
      target: chosen,
      threads: options.threads ?? (await availableCores()),
      reason: [options.reason ?? 'asked for', DESCRIPTIONS[chosen], ...reason].join('; '),
      v8Flags: [],
    }
    return new CompiledEngine({
      info,
      target: codeTarget(native, chosen),
      processor: await processorName(),
      ...dependencies,
    })
  } catch (error) {
    if (!(error instanceof UnavailableError)) throw error
    throw new UnavailableError(`${name} is unavailable here: ${error.message}`, {
      advice: 'use wasm',
      cause: error,
    })
  }
}

function codeTarget(native: Native, target: X64Target): CodeTarget {
  const { lanes, vectorRegisters } = X64_TARGETS[target]
  const name = `x64:${target}`
  return {
    traits: { name, lanes, vectorRegisters, prefetches: true },
    version: name,
    tiersUp: false,
    maxByteLength: native.maxByteLength,
    maxReason: 'a session of x64 holds at most',
    allocate: (byteLength) => native.allocate(byteLength),
    newBytes: (byteLength) => byteLength,
    encode: (program) => encodeX64(program, target),
    compile: async (programs) => {
      const { addresses, free } = native.mapCode(programs.map(({ bytes }) => bytes))
      const codes = programs.map(
        ({ parameters }, i) => ({ target: 'x64', address: addresses[i]!, parameters }) as const,
      )
      return { codes, free }
    },
  }
}

/** Asks the processor by code from the same assembler, which also shows whether the system lets code be made at all. */
export function readProcessor(native: Native): ProcessorRegisters {
  const { addresses, free } = native.mapCode([cpuidCode(), xgetbvCode()])
  try {
    const [cpuid, xgetbv] = [native.functionAt(addresses[0]!, 3), native.functionAt(addresses[1]!, 2)]
    const out = new Uint32Array(new SharedArrayBuffer(16))
    const leaf = (number: number) => {
      cpuid(number, 0, native.addressOf(out))
      const [eax = 0, ebx = 0, ecx = 0] = out
      return { eax, ebx, ecx }
    }
    const none = { eax: 0, ebx: 0, ecx: 0 }
    const { eax: highest } = leaf(0)
    const leaf1 = leaf(1)
    const leaf7 = highest >= 7 ? leaf(7) : none
    if (!hasOsxsave(leaf1.ecx)) return { leaf1, leaf7, xcr0: 0 }
    xgetbv(0, native.addressOf(out))
    return { leaf1, leaf7, xcr0: out[0]! }
  } finally {
    free()
  }
}

interface Choice {
  readonly chosen: X64Target
  readonly reason: readonly string[]
}

function requireTarget(target: X64Target, registers: ProcessorRegisters): Choice {
  const missing = missingFor(target, registers)
  if (missing.length > 0) throw new UnavailableError(missing.join(', '))
  return { chosen: target, reason: [] }
}

type PeakOf = (target: X64Target) => Promise<number>

/** The widest target that the machine has, unless it multiplies more slowly than the next; measured once for each processor. */
async function fastestTarget(
  native: Native,
  registers: ProcessorRegisters,
  { retune = false, tuningCache = true, signal }: EngineOptions,
  peakOf: PeakOf = async (target) =>
    (await measurePeaks(codeTarget(native, target), 1, { rounds: 2 })).gflopsPerSecond,
): Promise<Choice> {
  const available = TARGETS.filter((target) => missingFor(target, registers).length === 0)
  const [widest, narrower] = available
  if (!widest) throw new UnavailableError(missingFor('avx2', registers).join(', '))
  if (!narrower) return { chosen: widest, reason: missingFor('avx512', registers) }
  const cache = tuningCache ? await openTuningCache(await processorName(), 'x64') : null
  const known = retune ? undefined : cache?.get(CHOICE_KEY)?.choice
  if (known !== undefined && (available as string[]).includes(known)) {
    return { chosen: known as X64Target, reason: known === widest ? [] : [SLOWER] }
  }
  let [wide, narrow] = [0, 0]
  const isWidestSlower = () => wide < MIN_PEAK_RATIO * narrow
  for (let time = 0; time === 0 || (time < CONFIRMING_TIMES && isWidestSlower()); time++) {
    signal?.throwIfAborted()
    wide = Math.max(wide, await peakOf(widest))
    signal?.throwIfAborted()
    narrow = Math.max(narrow, await peakOf(narrower))
  }
  const chosen = isWidestSlower() ? narrower : widest
  await cache?.change({ [CHOICE_KEY]: { choice: chosen, ms: null } })
  return { chosen, reason: chosen === widest ? [] : [SLOWER] }
}

const CHOICE_KEY = 'target'
const SLOWER = 'AVX-512 was measured and is slower here'
