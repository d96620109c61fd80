// WebP by libwebp, in the build of @jsquash/webp.
import open from '@jsquash/webp/codec/dec/webp_dec.js'
import type { Codec } from './codec.ts'
import { compiledBinary } from './wasm-modules.ts'

export async function openWebp(): Promise<Codec> {
  const module = await compiledBinary(
    '@jsquash/webp/codec/dec/webp_dec.wasm',
    // Bundlers recognise exactly this text
    () => new URL('@jsquash/webp/codec/dec/webp_dec.wasm', import.meta.url),
  )
  let instance: WebAssembly.Instance | null = null
  const { decode } = await open({
    noInitialRun: true,
    printErr: () => {}, // what it would print is in the error too
    // How Emscripten accepts a module that is already compiled
    instantiateWasm: (imports: WebAssembly.Imports, receive: (instance: WebAssembly.Instance) => void) => {
      instance = new WebAssembly.Instance(module, imports)
      receive(instance)
      return instance.exports
    },
  })
  const exported = Object.values((instance as WebAssembly.Instance | null)!.exports)
  return {
    memory: exported.find((each) => each instanceof WebAssembly.Memory)!,
    decode: (bytes) => decode(Uint8Array.from(bytes).buffer),
  }
}
