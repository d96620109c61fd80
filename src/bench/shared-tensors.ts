// Tensors that several workers fill together, each its share of every one: one thread takes three seconds for 61 million weights.
// Where threads share no memory one worker fills them, and they are sent there and back.

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
  /** The parameters are given by the caller, and only inputs are made. */
  readonly hasParameters: boolean
}

/** All that the benchmark writes into a session, apart from parameters that are given. */
export const benchmarkTensors = ({ network, batch, seed, hasParameters }: DataRequest): InitialTensor[] => [
  ...(hasParameters ? [] : initialParameters(network, { seed })),
  ...initialInputs(network, batch, { seed }),
]

export function allocateShared(tensors: readonly InitialTensor[]): SharedTensors {
  const arrays = tensors.map(({ name, length }) => {
    return [name, new Float32Array(sharedBytes(length * Float32Array.BYTES_PER_ELEMENT))] as const
  })
  return Object.fromEntries(arrays)
}

/** The same values in memory that all threads see; where there is none, as they are. */
export function seenByAll(tensors: SharedTensors): SharedTensors {
  if (unsharedReason !== null) return tensors
  const copies = Object.entries(tensors).map(([name, values]) => {
    if (values.buffer instanceof SharedArrayBuffer) return [name, values] as const
    const copy = new Float32Array(sharedBytes(values.byteLength))
    copy.set(values)
    return [name, copy] as const
  })
  return Object.fromEntries(copies)
}

/** Memory that all threads see, where there is such; zeroed. */
export const sharedBytes = (byteLength: number): SharedArrayBuffer | ArrayBuffer =>
  unsharedReason === null ? new SharedArrayBuffer(byteLength) : new ArrayBuffer(byteLength)

/** What has to change hands for another thread to see the tensors. */
export function ownBuffers(tensors: Readonly<Record<string, Float32Array | Float64Array>>): ArrayBuffer[] {
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
