// The decoders' WASM binaries, each in a package of its own.
import { messageOf, UnavailableError } from '../errors.ts'
import { isNode, nodeModule } from '../runtime/host.ts'
import { MORE_MEMORY } from '../runtime/out-of-memory.ts'
import { ownFile } from '../runtime/worker-file.ts'

/** Once for each decoder and thread. Throws UnavailableError, which names the decoder and says why it can't start. */
export async function startDecoder<Decoder>(name: string, start: () => Promise<Decoder>): Promise<Decoder> {
  try {
    return await start()
  } catch (error) {
    const [reason] = messageOf(error).split('\n')
    throw new UnavailableError(`the decoder ${name} can't start: ${reason}; ${remedyFor(error)}`, {
      cause: error,
    })
  }
}

/** V8 says `Out of memory` of address space too, of which a WASM memory takes some GB; the message is all that tells. */
export const isOutOfMemory = (error: unknown): boolean =>
  /memory|allocat/i.test(messageOf(error)) && !(error instanceof WebAssembly.CompileError)

const remedyFor = (error: unknown): string =>
  isOutOfMemory(error) ? MORE_MEMORY : 'install convmark and what it depends on again'

/** A package's binary, compiled. Node's fetch reads no files, so it is read here. */
export async function compiledInNode(path: string): Promise<WebAssembly.Module> {
  const { readFile } = nodeModule('node:fs/promises')
  const { createRequire } = nodeModule('node:module')
  const file = createRequire(ownFile(import.meta.url)).resolve(path)
  const bytes = await readFile(file)
  try {
    return await WebAssembly.compile(Uint8Array.from(bytes))
  } catch (error) {
    if (isOutOfMemory(error)) throw error
    throw new Error(`${file} is ${bytes.length === 0 ? 'empty' : 'damaged'}`, { cause: error })
  }
}

/** A decoder whose own script finds its binary, in a browser; in Node it is given. */
export const compiledIfNode = async (path: string): Promise<WebAssembly.Module | undefined> =>
  isNode ? compiledInNode(path) : undefined
