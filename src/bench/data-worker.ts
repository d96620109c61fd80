// Makes the benchmark's weights and images, so that the caller's thread does not.
import { messageOf } from '../errors.ts'
import { initialize, initializeImages } from '../networks/initialize.ts'
import type { Network } from '../networks/network.ts'
import { onMessage, postMessage } from '../runtime/port.ts'

export interface DataRequest {
  readonly network: Network
  readonly batch: number
  readonly seed: number
}

export type DataReply =
  | { readonly kind: 'made'; readonly tensors: Readonly<Record<string, Float32Array>> }
  | { readonly kind: 'failed'; readonly message: string }

onMessage(({ network, batch, seed }: DataRequest) => {
  try {
    const tensors = { ...initialize(network, { seed }), ...initializeImages(network, batch, { seed }) }
    for (const [name, values] of Object.entries(tensors)) {
      const shared = new Float32Array(new SharedArrayBuffer(values.byteLength))
      shared.set(values)
      tensors[name] = shared
    }
    postMessage({ kind: 'made', tensors } satisfies DataReply)
  } catch (error) {
    postMessage({ kind: 'failed', message: messageOf(error) } satisfies DataReply)
  }
})
