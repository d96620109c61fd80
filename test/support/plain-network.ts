import { referenceBackward, referenceForward, type Tensors } from '../../src/engines/reference-network.ts'
import type { Network } from '../../src/networks/index.ts'

type Values = Float32Array | Float64Array

/** Runs a network forward and backward in this thread by the layers' plain loops; every tensor by its name. */
export function runPlainly(
  network: Network,
  batch: number,
  inputs: Readonly<Record<string, Values>>,
  parameters: Readonly<Record<string, Values>>,
): Tensors {
  const given = Object.entries({ ...inputs, ...parameters })
  const tensors: Tensors = Object.fromEntries(
    given.map(([name, values]) => [name, Float64Array.from(values)]),
  )
  referenceForward(network, tensors, { batch })
  referenceBackward(network, tensors, { batch })
  return tensors
}
