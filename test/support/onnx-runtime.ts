// ONNX Runtime, which is one of the peers.
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { root } from './package.ts'

/** The part of onnxruntime-node that is used here; its own types are with the peers, which need not be installed. */
export interface OnnxRuntime {
  readonly InferenceSession: {
    create(
      model: Uint8Array,
      options?: Readonly<Record<string, unknown>>,
    ): Promise<{
      readonly inputNames: readonly string[]
      readonly outputNames: readonly string[]
      run(
        feeds: Readonly<Record<string, unknown>>,
      ): Promise<Readonly<Record<string, { readonly data: Float32Array; readonly dims: readonly number[] }>>>
    }>
  }
  readonly Tensor: new (
    type: 'float32' | 'uint8',
    data: Float32Array | Uint8Array,
    dims: readonly number[],
  ) => unknown
}

const peers = join(root, 'peers')

export const hasOnnxRuntime = existsSync(join(peers, 'node_modules/onnxruntime-node'))

export const onnxRuntime = (): OnnxRuntime => createRequire(join(peers, 'package.json'))('onnxruntime-node')
