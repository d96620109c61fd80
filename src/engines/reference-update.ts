import { type Network, parametersOf } from '../networks/network.ts'
import { optimizerOf } from '../optimizers/index.ts'
import { NORM_TENSOR, RATES_TENSOR, type Training, totalOf } from '../plan/training.ts'
import { denseGrid, elementCount, type Grid } from '../tensor.ts'
import type { Tensors } from './reference-network.ts'

/** What follows `referenceBackward` in training; `isUpdate` false only adds to the gradients of the runs before. */
export function referenceUpdate(
  network: Network,
  training: Training,
  tensors: Tensors,
  isUpdate: boolean,
): void {
  const { optimizer, decays = {}, clipNorm, microBatches = 1 } = training
  const parameters = Object.entries(parametersOf(network))
  const gradientOf = (name: string) => tensors[microBatches > 1 ? totalOf(name) : `${name}.gradient`]!
  if (microBatches > 1) {
    for (const [name] of parameters) {
      const total = gradientOf(name)
      tensors[`${name}.gradient`]!.forEach((value, i) => {
        total[i]! += value / microBatches
      })
    }
  }
  if (!isUpdate) return
  let factor = 1
  if (clipNorm !== undefined) {
    let squares = 0
    for (const [name] of parameters) for (const value of gradientOf(name)) squares += value * value
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
      options: { ...optimizer, decay: decays[name] ?? 0 },
      rates: tensors[RATES_TENSOR]!,
      factor,
      gradient: grid(gradientOf(name)),
      parameter: grid(tensors[name]!),
      states: definition.states.map((state) => grid(tensors[`${name}.${state}`]!)),
    })
    if (microBatches > 1) gradientOf(name).fill(0)
  }
}
