// The reference engine's worker: it holds the tensors and runs the plain loops, so that the caller's thread does not.

import { messageOf } from '../errors.ts'
import type { Network } from '../networks/network.ts'
import type { Pass } from '../plan/plan.ts'
import type { Training } from '../plan/training.ts'
import { onMessage, postMessage } from '../runtime/port.ts'
import type { RunOptions } from './engine.ts'
import { referenceBackward, referenceForward, type Tensors } from './reference-network.ts'
import { referenceAccumulation, referenceUpdate } from './reference-update.ts'

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
  | { readonly kind: 'run'; readonly part: RunPart }

export type ReferenceReply = { readonly kind: 'done' } | { readonly kind: 'failed'; readonly message: string }

type Load = Extract<ReferenceRequest, { kind: 'load' }>
type RunPart = NonNullable<RunOptions['part']>

let loaded: Load | null = null

onMessage((request: ReferenceRequest) => {
  try {
    if (request.kind === 'load') loaded = request
    else if (loaded) run(loaded, request.part)
    postMessage({ kind: 'done' } satisfies ReferenceReply)
  } catch (error) {
    postMessage({ kind: 'failed', message: messageOf(error) } satisfies ReferenceReply)
  }
})

function run({ network, tensors, training, batch, pass }: Load, part: RunPart): void {
  if (part !== 'update') {
    referenceForward(network, tensors, { batch, pass })
    if (pass !== 'forward') referenceBackward(network, tensors, { batch, pass })
    if (training) referenceAccumulation(network, training, tensors)
  }
  if (training && part !== 'gradients') referenceUpdate(network, training, tensors)
}
