// The decoders' WASM binaries, each in a package of its own.
import { messageOf, UnavailableError } from '../errors.ts'
import { isNode, nodeModule } from '../runtime/host.ts'
import { MORE_MEMORY } from '../runtime/out-of-memory.ts'
import { ownFile } from '../runtime/worker-file.ts'

/** Starts a decoder once in each thread. Throws UnavailableError, which names the decoder and says why it can't start. */
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

/**
 * V8 also says `Out of memory` about address space, of which a WASM memory takes some GB. Messages of other errors
 * contain paths.
 */
const isOutOfMemory = (error: unknown): boolean =>
  error instanceof RangeError && /memory|allocat/i.test(error.message)

const remedyFor = (error: unknown): string =>
  isOutOfMemory(error) ? MORE_MEMORY : 'install convmark and what it depends on again'

/** Node's fetch can't read files. */
async function compiledInNode(path: string): Promise<WebAssembly.Module> {
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

const compiled = new Map<string, Promise<WebAssembly.Module>>()

/** A package's binary, compiled once in each thread. In a browser it is fetched from where the bundler has put it. */
export function compiledBinary(path: string, url: () => URL): Promise<WebAssembly.Module> {
  let module = compiled.get(path)
  if (!module) {
    module = isNode ? compiledInNode(path) : compiledInBrowser(url())
    compiled.set(path, module)
    module.catch(() => compiled.delete(path))
  }
  return module
}

async function compiledInBrowser(url: URL): Promise<WebAssembly.Module> {
  const answer = await fetch(url)
  return WebAssembly.compile(await answer.arrayBuffer())
}
