import { ProgramBuilder } from '../program.ts'
import { encodeWasm, WASM_LANES, type WasmFeatures } from './encode.ts'

/** What this JavaScript engine accepts, found by validating a module of a few bytes. */
export function wasmFeatures(): WasmFeatures & { readonly simd: boolean } {
  const accepts = (relaxedMadd: boolean): boolean =>
    typeof WebAssembly !== 'undefined' && WebAssembly.validate(probe(relaxedMadd))
  return { simd: accepts(false), relaxedMadd: accepts(true) }
}

/** A module of a few bytes with SIMD, to see whether it may be compiled. */
export function probe(relaxedMadd: boolean): Uint8Array<ArrayBuffer> {
  const builder = new ProgramBuilder('probe', WASM_LANES, [])
  const value = builder.splat(1)
  builder.fma(value, value, value)
  // Not shared: a page that is not isolated may refuse shared memory as such
  return encodeWasm(builder.finish(), { relaxedMadd, isMemoryOwn: true })
}
