// Tensors that several workers fill, each a part of every one: 61 million weights take one thread three seconds. Where
// threads share no memory one worker fills them, and they are sent there and back.

import { type InitialTensor, initialInputs, initialParameters } from '../networks/initialize.ts'
import type { Network } from '../networks/network.ts'
import { unsharedReason } from '../runtime/host.ts'

/** Dense values by tensor name, in memory that all threads see; where there is none, of one thread after the other. */
export type SharedTensors = Readonly<Record<string, Float32Array>>

/** One of several workers, and how many there are. */
export interface Share {
  readonly index: number
  readonly count: number
}

export interface DataRequest {
  readonly network: Network
  readonly batch: number
  readonly seed: number
}

/** All that the benchmark writes into a session. */
export const benchmarkTensors = ({ network, batch, seed }: DataRequest): InitialTensor[] => [
  ...initialParameters(network, { seed }),
  ...initialInputs(network, batch, { seed }),
]

export function allocateShared(tensors: readonly InitialTensor[]): SharedTensors {
  const arrays = tensors.map(({ name, length }) => {
    const byteLength = length * Float32Array.BYTES_PER_ELEMENT
    const bytes = unsharedReason === null ? new SharedArrayBuffer(byteLength) : new ArrayBuffer(byteLength)
    return [name, new Float32Array(bytes)] as const
  })
  return Object.fromEntries(arrays)
}

/** What has to change hands for another thread to see the tensors. */
export function ownBuffers(tensors: SharedTensors): ArrayBuffer[] {
  return Object.values(tensors)
    .map(({ buffer }) => buffer)
    .filter((buffer) => buffer instanceof ArrayBuffer)
}

/** As many workers as wanted, if they can fill the same tensors. */
export const workersOf = (wanted: number): number => (unsharedReason === null ? wanted : 1)

/** Fills this share of each tensor. The values are the same for any number of shares. */
export function fillShare(
  tensors: readonly InitialTensor[],
  to: SharedTensors,
  { index, count }: Share,
): void {
  for (const { name, length, fill } of tensors) {
    const at = (share: number) => Math.floor((length * share) / count)
    fill(to[name]!.subarray(at(index), at(index + 1)), at(index))
  }
}
