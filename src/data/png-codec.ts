// PNG by Rust's png, in the WASM build of @jsquash/png. convmark uses only the package's binary: its script starts a
// single instance, but one that has failed can't be used again.
import { type Codec, FaultOfData, type Rgba } from './codec.ts'
import { compiledBinary } from './wasm-modules.ts'

/** Addresses and lengths are bytes in `memory`. */
interface PngExports {
  readonly memory: WebAssembly.Memory
  /** Takes ownership of the bytes, and passes the image to an imported function. */
  decode(bytes: number, byteLength: number): void
  __wbindgen_malloc(byteLength: number, alignment: number): number
  __wbindgen_free(address: number, byteLength: number, alignment: number): void
}

export async function openPng(): Promise<Codec> {
  const module = await compiledBinary(
    '@jsquash/png/codec/pkg/squoosh_png_bg.wasm',
    // Bundlers recognise exactly this text
    () => new URL('@jsquash/png/codec/pkg/squoosh_png_bg.wasm', import.meta.url),
  )
  let image: Rgba | null = null
  /** By the beginnings of their names, which end in a digest. */
  const used: Readonly<Record<string, (...values: number[]) => number>> = {
    __wbg_newwithownedu8clampedarray: (address, byteLength, width, height) => {
      image = { width: width!, height: height!, data: bytesAt(address!, byteLength!).slice() }
      png.__wbindgen_free(address!, byteLength!, 1)
      return 0
    },
    __wbindgen_throw: (address, byteLength) => {
      throw new FaultOfData(new TextDecoder().decode(bytesAt(address!, byteLength!)))
    },
  }
  const imports = WebAssembly.Module.imports(module).map(({ name }) => {
    const known = Object.keys(used).find((start) => name.startsWith(start))
    return [name, known ? used[known]! : () => 0] // the others are for decoding to 16 bits
  })
  const instance = await WebAssembly.instantiate(module, { wbg: Object.fromEntries(imports) })
  const png = instance.exports as unknown as PngExports
  const bytesAt = (address: number, byteLength: number): Uint8Array =>
    new Uint8Array(png.memory.buffer, address >>> 0, byteLength >>> 0)
  return {
    memory: png.memory,
    decode: (bytes) => {
      const address = png.__wbindgen_malloc(bytes.length, 1)
      bytesAt(address, bytes.length).set(bytes)
      image = null
      png.decode(address, bytes.length)
      return image
    },
  }
}
