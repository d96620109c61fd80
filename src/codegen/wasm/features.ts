import { ProgramBuilder } from '../program.ts'
import { encodeWasm, WASM_LANES, type WasmFeatures } from './encode.ts'

/** What this JavaScript engine accepts, found by validating a module of a few bytes. */
export function wasmFeatures(): WasmFeatures & { readonly simd: boolean } {
  const accepts = (relaxedMadd: boolean): boolean => {
    const builder = new ProgramBuilder('probe', WASM_LANES, [])
    const value = builder.splat(1)
    builder.fma(value, value, value)
    // Not shared: a page that is not isolated may refuse that for itself
    return WebAssembly.validate(encodeWasm(builder.finish(), { relaxedMadd, isMemoryOwn: true }))
  }
  return { simd: accepts(false), relaxedMadd: accepts(true) }
}
