import type { KernelFunction } from '../codegen/program.ts'

/** A compiled program, in a form that can be sent to a worker. Each target has its own. */
export type Code = {
  readonly target: 'wasm'
  readonly module: WebAssembly.Module
  readonly memory: WebAssembly.Memory
}

const loaders: {
  readonly [Target in Code['target']]: (code: Extract<Code, { target: Target }>) => KernelFunction
} = {
  wasm: ({ module, memory }) =>
    new WebAssembly.Instance(module, { env: { memory } }).exports.run as KernelFunction,
}

/** Makes a program callable on this thread. */
export function loadCode(code: Code): KernelFunction {
  return loaders[code.target](code)
}
