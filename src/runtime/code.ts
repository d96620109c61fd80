import type { KernelFunction } from '../codegen/program.ts'
import { throwIfToldToEnd } from './gate.ts'
import { type HeapMemory, ownMemory } from './heap.ts'
import { type FunctionAt, loadFunctionAt } from './koffi.ts'

/** A compiled program, in a form that can be sent to a worker. Each target has its own. */
export type Code =
  | {
      readonly target: 'wasm'
      readonly module: WebAssembly.Module
      readonly memory: HeapMemory
    }
  | {
      readonly target: 'x64'
      readonly address: number
      readonly parameters: number
    }

type Loaders = {
  readonly [Target in Code['target']]: (code: Extract<Code, { target: Target }>) => Promise<KernelFunction>
}

const loaders: Loaders = {
  wasm: async ({ module, memory }) => {
    const env = { memory: memory instanceof WebAssembly.Memory ? memory : ownMemory(memory.ownByteLength) }
    return (await WebAssembly.instantiate(module, { env })).exports.run as KernelFunction
  },
  x64: async ({ address, parameters }) => {
    functionAt ??= loadFunctionAt()
    const define = await functionAt
    throwIfToldToEnd()
    return define(address, parameters)
  },
}

let functionAt: Promise<FunctionAt> | null = null

/** Makes programs callable on this thread. Throws EndedError if this worker is told to end meanwhile. */
export function loadCodes(codes: readonly Code[]): Promise<KernelFunction[]> {
  return Promise.all(
    codes.map((code) => (loaders[code.target] as (code: Code) => Promise<KernelFunction>)(code)),
  )
}
