import { encodeWasm, WASM_LANES } from '../codegen/wasm/encode.ts'
import { probe, wasmFeatures } from '../codegen/wasm/features.ts'
import { messageOf, UnavailableError, UsageError, unknownName } from '../errors.ts'
import { wasmHeap } from '../runtime/heap.ts'
import { isNode, nodeModule, unsharedReason } from '../runtime/host.ts'
import { availableCores, processorName } from '../runtime/machine.ts'
import { engineText, runtime, v8Number } from '../runtime/runtime.ts'
import { CompiledEngine, type CompiledEngineDependencies } from './compiled.ts'
import type { EngineInfo, EngineOptions } from './engine.ts'
import type { CodeTarget } from './target.ts'

const TARGETS = ['', 'revectorized'] as const

/** V8 can use 16 SSE or AVX registers (on Arm it has 32), whatever the module says. */
const VECTOR_REGISTERS = 16
/** Revectorizing, which turns two 128-bit operations into one of 256, came with V8 13.6. */
const REVECTORIZE_SINCE = 13.6
/** From this version on, relaxed SIMD needs no flag. */
const RELAXED_SIMD_SINCE = 11.4

/**
 * Opens the WASM engine: fixed-width SIMD always, relaxed FMA if the JavaScript engine has it. Throws UnavailableError
 * if WebAssembly, its SIMD or (for `revectorized`) the version of V8 is missing. Uses one thread if threads can't share
 * memory.
 */
export async function openWasm(
  target: string,
  options: EngineOptions & { readonly reason?: string } = {},
  dependencies: CompiledEngineDependencies = {},
): Promise<CompiledEngine> {
  if (!(TARGETS as readonly string[]).includes(target)) {
    throw new UsageError(unknownName('target of wasm', target, TARGETS.slice(1)))
  }
  if (typeof WebAssembly === 'undefined') {
    const what = isNode ? 'node --jitless does so' : 'a lockdown mode does so'
    throw new UnavailableError(`wasm: there is no WebAssembly here, or it is switched off (${what})`)
  }
  const isRevectorized = target === 'revectorized'
  if (isRevectorized && !isNode)
    throw new UnavailableError(
      "wasm:revectorized is unavailable in a browser, where no page can set V8's flags",
      { advice: 'use wasm' },
    )
  const v8Flags = options.experimentalV8Flags || isRevectorized ? await setV8Flags(isRevectorized) : []
  const { simd, relaxedMadd } = wasmFeatures()
  if (!simd) {
    const where = isNode ? 'Node 20.19 has' : 'Chrome 91, Firefox 89 and Safari 16.4 have'
    throw new UnavailableError(
      `wasm: this JavaScript engine has no WASM SIMD, or it is switched off; ${where}`,
    )
  }
  await requireCompiling(relaxedMadd)
  const fma = relaxedMadd ? 'relaxed FMA' : 'no FMA'
  const reasons = [options.reason ?? 'asked for', `128-bit SIMD, ${fma}`]
  if (!relaxedMadd && isNode && runtime.v8 !== null)
    reasons.push('this V8 has relaxed SIMD behind a flag: pass experimentalV8Flags')
  if (unsharedReason !== null) reasons.push(`1 thread, since ${unsharedReason}`)
  if (isRevectorized) reasons.push("pairs joined to 256 bits by V8's experimental revectorizer")
  const name = isRevectorized ? 'wasm:revectorized' : 'wasm'
  const info: EngineInfo = {
    name: 'wasm',
    target: isRevectorized ? 'revectorized' : 'simd128',
    threads: unsharedReason === null ? (options.threads ?? (await availableCores())) : 1,
    reason: reasons.join('; '),
    v8Flags,
  }
  // Modules are shared by all plans of this engine: one that was optimised stays optimised.
  const modules = new Map<string, Promise<WebAssembly.Module>>()
  const moduleOf = (bytes: Uint8Array<ArrayBuffer>): Promise<WebAssembly.Module> => {
    const key = new TextDecoder('latin1').decode(bytes)
    const module = modules.get(key) ?? WebAssembly.compile(bytes)
    modules.set(key, module)
    return module
  }
  const codeTarget: CodeTarget = {
    traits: { name, lanes: WASM_LANES, vectorRegisters: VECTOR_REGISTERS },
    version: `${name} ${relaxedMadd ? 'fma' : 'mul-add'} ${engineText(runtime)}`,
    tiersUp: true,
    get maxByteLength() {
      return wasmHeap.maxByteLength
    },
    maxReason: 'a WASM memory holds at most',
    allocate: (byteLength) => wasmHeap.allocate(byteLength),
    newBytes: (byteLength) => wasmHeap.newBytes(byteLength),
    encode: (program) => encodeWasm(program, { relaxedMadd, isMemoryOwn: unsharedReason !== null }),
    compile: async (programs) => {
      const modules = await Promise.all(programs.map(({ bytes }) => moduleOf(bytes)))
      const codes = modules.map((module) => ({ target: 'wasm', module, memory: wasmHeap.memory }) as const)
      return { codes, free: () => {} } // modules are garbage-collected
    },
  }
  return new CompiledEngine({ info, target: codeTarget, processor: await processorName(), ...dependencies })
}

/** A page's Content-Security-Policy may forbid what the engine could do. Throws UnavailableError. */
async function requireCompiling(relaxedMadd: boolean): Promise<void> {
  try {
    await WebAssembly.compile(probe(relaxedMadd))
  } catch (error) {
    throw new UnavailableError(`wasm: WebAssembly can't be compiled here (${messageOf(error)})`, {
      cause: error,
    })
  }
}

/** V8's flags apply to the whole process and to code compiled from now on. */
async function setV8Flags(isRevectorized: boolean): Promise<string[]> {
  const version = v8Number(runtime)
  if (isRevectorized && (version === null || version < REVECTORIZE_SINCE)) {
    throw new UnavailableError(
      `wasm:revectorized needs V8 ${REVECTORIZE_SINCE} or later (Node 24); this is ${engineText(runtime)}`,
      { advice: 'use wasm' },
    )
  }
  if (!isNode || version === null) return []
  const flags: string[] = []
  if (version < RELAXED_SIMD_SINCE) flags.push('--experimental-wasm-relaxed-simd')
  if (isRevectorized) flags.push('--experimental-wasm-revectorize')
  const v8 = nodeModule('node:v8')
  for (const flag of flags) v8.setFlagsFromString(flag)
  return flags
}
