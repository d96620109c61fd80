import { referenceBackward, referenceForward, type Tensors } from '../../src/engines/reference-network.ts'
import type { Network } from '../../src/networks/index.ts'
import type { Pass } from '../../src/plan/plan.ts'

type Values = Float32Array | Float64Array

/** Runs a pass of a network in this thread by the layers' plain loops; every tensor by its name. */
export function runPlainly(
  network: Network,
  batch: number,
  inputs: Readonly<Record<string, Values>>,
  parameters: Readonly<Record<string, Values>>,
  pass: Pass = 'forward-backward',
): Tensors {
  const given = Object.entries({ ...inputs, ...parameters })
  const tensors: Tensors = Object.fromEntries(
    given.map(([name, values]) => [name, Float64Array.from(values)]),
  )
  referenceForward(network, tensors, { batch, pass })
  if (pass === 'forward-backward') referenceBackward(network, tensors, { batch, pass })
  return tensors
}
