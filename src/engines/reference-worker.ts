// The reference engine's worker: it holds the tensors and runs the plain loops, so that the caller's thread does not.

import { messageOf } from '../errors.ts'
import type { Network } from '../networks/network.ts'
import type { Pass } from '../plan/plan.ts'
import type { Training } from '../plan/training.ts'
import { onMessage, postMessage } from '../runtime/port.ts'
import { referenceBackward, referenceForward, type Tensors } from './reference-network.ts'
import { referenceUpdate } from './reference-update.ts'

export type ReferenceRequest =
  | {
      readonly kind: 'load'
      readonly network: Network
      readonly batch: number
      readonly pass: Pass
      readonly training: Training | null
      /** Every tensor that the caller writes or reads. */
      readonly tensors: Tensors
    }
  | { readonly kind: 'run'; readonly isUpdate: boolean }

export type ReferenceReply = { readonly kind: 'done' } | { readonly kind: 'failed'; readonly message: string }

let loaded: Extract<ReferenceRequest, { kind: 'load' }> | null = null

onMessage((request: ReferenceRequest) => {
  try {
    if (request.kind === 'load') loaded = request
    else if (loaded) {
      referenceForward(loaded.network, loaded.tensors, loaded)
      if (loaded.pass !== 'forward') referenceBackward(loaded.network, loaded.tensors, loaded)
      if (loaded.training) referenceUpdate(loaded.network, loaded.training, loaded.tensors, request.isUpdate)
    }
    postMessage({ kind: 'done' } satisfies ReferenceReply)
  } catch (error) {
    postMessage({ kind: 'failed', message: messageOf(error) } satisfies ReferenceReply)
  }
})
