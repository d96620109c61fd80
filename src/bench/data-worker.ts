// Makes a share of the benchmark's weights and inputs, so that the caller's thread does not block.
import { messageOf } from '../errors.ts'
import { onMessage, postMessage } from '../runtime/port.ts'
import {
  benchmarkTensors,
  type DataRequest,
  fillShare,
  ownBuffers,
  type Share,
  type SharedTensors,
} from './shared-tensors.ts'

export interface FillRequest extends DataRequest {
  readonly tensors: SharedTensors
  readonly share: Share
}

export type DataReply =
  | { readonly kind: 'made'; readonly tensors: SharedTensors }
  | { readonly kind: 'failed'; readonly message: string }

onMessage(({ tensors, share, ...request }: FillRequest) => {
  try {
    fillShare(benchmarkTensors(request), tensors, share)
    postMessage({ kind: 'made', tensors } satisfies DataReply, ownBuffers(tensors))
  } catch (error) {
    postMessage({ kind: 'failed', message: messageOf(error) } satisfies DataReply)
  }
})
