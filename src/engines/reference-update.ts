import { frozenLayers, trainedParametersOf } from '../networks/freeze.ts'
import { type Network, parametersOf } from '../networks/network.ts'
import { optimizerOf } from '../optimizers/index.ts'
import { NORM_TENSOR, RATES_TENSOR, type Training, totalOf } from '../plan/training.ts'
import { denseGrid, elementCount, type Grid } from '../tensor.ts'
import type { Tensors } from './reference-network.ts'

type Values = Tensors[string]

const gradientOf = ({ microBatches = 1 }: Training, tensors: Tensors, parameter: string): Values =>
  tensors[microBatches > 1 ? totalOf(parameter) : `${parameter}.gradient`]!

/** After `referenceBackward`, if an update takes several runs: averages their gradients. */
export function referenceAccumulation(network: Network, training: Training, tensors: Tensors): void {
  const { microBatches = 1 } = training
  if (microBatches === 1) return
  for (const parameter of trainedParametersOf(network, frozenLayers(network, training.freeze))) {
    const total = gradientOf(training, tensors, parameter)
    tensors[`${parameter}.gradient`]!.forEach((value, i) => {
      total[i]! += value / microBatches
    })
  }
}

/** Updates the parameters and the optimizer's states by the gradients. */
export function referenceUpdate(network: Network, training: Training, tensors: Tensors): void {
  const { optimizer, decays = {}, rateFactors = {}, clipNorm, microBatches = 1 } = training
  const shapes = parametersOf(network)
  const trained = trainedParametersOf(network, frozenLayers(network, training.freeze))
  const parameters = trained.map((name) => [name, shapes[name]!] as const)
  let factor = 1
  if (clipNorm !== undefined) {
    let squares = 0
    for (const [name] of parameters)
      for (const value of gradientOf(training, tensors, name)) squares += value * value
    const norm = Math.sqrt(squares)
    tensors[NORM_TENSOR]![0] = norm
    if (norm > clipNorm) factor = clipNorm / norm
  }
  for (const [name, { shape }] of parameters) {
    const columns = shape.at(-1)!
    const grid = (values: Float32Array | Float64Array): Grid =>
      denseGrid(values, 1, [1, elementCount(shape) / columns, columns])
    const definition = optimizerOf(optimizer)
    definition.update({
      options: { ...optimizer, decay: decays[name] ?? 0, rateFactor: rateFactors[name] ?? 1 },
      rates: tensors[RATES_TENSOR]!,
      factor,
      gradient: grid(gradientOf(training, tensors, name)),
      parameter: grid(tensors[name]!),
      states: definition.states.map((state) => grid(tensors[`${name}.${state}`]!)),
    })
    if (microBatches > 1) gradientOf(training, tensors, name).fill(0)
  }
}
