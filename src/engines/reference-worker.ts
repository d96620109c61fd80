// The reference engine's worker: it runs the plain loops, so that they don't block the caller's thread.

import { messageOf } from '../errors.ts'
import type { Network } from '../networks/network.ts'
import type { Pass } from '../plan/plan.ts'
import type { Training } from '../plan/training.ts'
import { onMessage, postMessage } from '../runtime/port.ts'
import type { RunOptions } from './engine.ts'
import { referenceBackward, referenceForward, type Tensors } from './reference-network.ts'
import { referenceAccumulation, referenceUpdate } from './reference-update.ts'

export interface ReferenceRequest {
  readonly network: Network
  readonly batch: number
  readonly pass: Pass
  readonly training: Training | null
  readonly frozen: ReadonlySet<string>
  readonly part: NonNullable<RunOptions['part']>
  /** Every tensor that the caller writes or reads, in shared memory or as copies. */
  readonly tensors: Tensors
}

export type ReferenceReply =
  | { readonly kind: 'done'; readonly tensors: Tensors }
  | { readonly kind: 'failed'; readonly message: string }

/** The tensors of the plan that this worker serves, including those that nobody else sees. */
const held: Tensors = {}

onMessage((request: ReferenceRequest) => {
  try {
    Object.assign(held, request.tensors)
    run({ ...request, tensors: held })
    const given = Object.keys(request.tensors).map((name) => [name, held[name]!] as const)
    postMessage({ kind: 'done', tensors: Object.fromEntries(given) } satisfies ReferenceReply)
  } catch (error) {
    postMessage({ kind: 'failed', message: messageOf(error) } satisfies ReferenceReply)
  }
})

function run({ network, tensors, training, frozen, batch, pass, part }: ReferenceRequest): void {
  if (part !== 'update') {
    referenceForward(network, tensors, { batch, pass, frozen })
    if (pass !== 'forward') referenceBackward(network, tensors, { batch, pass, frozen })
    if (training) referenceAccumulation(network, training, tensors)
  }
  if (training && part !== 'gradients') referenceUpdate(network, training, tensors)
}
