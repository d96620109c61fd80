import { expect } from 'vitest'
import { referenceBackward, referenceForward, type Tensors } from '../../src/engines/reference-network.ts'
import { referenceUpdate } from '../../src/engines/reference-update.ts'
import { parametersOf } from '../../src/networks/index.ts'
import { optimizerOf } from '../../src/optimizers/index.ts'
import { RATES_TENSOR } from '../../src/plan/training.ts'
import { elementCount } from '../../src/tensor.ts'
import { type TrainGoldenName, trainGolden } from './train-goldens.ts'

/** The plain loops make few steps a second; the engines follow all of them. */
const STEPS: Readonly<Record<TrainGoldenName, number>> = {
  lenet: 3,
  'lenet-adam': 2,
  'alexnet-cifar10': 1,
  'alexnet-torchvision': 1,
  'resnet20-cifar': 2,
  'mobilenet-v2': 2,
}

/** Trains for some steps by the layers' own loops, in float64, and compares every loss with PyTorch's. */
export function trainPlainly(name: TrainGoldenName): void {
  const { network, batch, initialParameters, decays, optimizer, rate, losses, batchOf } = trainGolden(name)
  const parameters = initialParameters()
  const definition = optimizerOf(optimizer)
  const tensors: Tensors = {}
  for (const [parameter, { shape }] of Object.entries(parametersOf(network))) {
    tensors[parameter] = Float64Array.from(parameters[parameter]!)
    for (const state of definition.states)
      tensors[`${parameter}.${state}`] = new Float64Array(elementCount(shape))
  }
  for (let step = 0; step < STEPS[name]; step++) {
    Object.assign(tensors, batchOf(step))
    referenceForward(network, tensors, { batch, pass: 'train' })
    expect(Math.abs(tensors.loss![0]! / losses[step]! - 1), `step ${step}`).toBeLessThan(1e-9)
    if (step === STEPS[name] - 1) break // nothing is read of what backward would make
    referenceBackward(network, tensors, { batch, pass: 'train' })
    tensors[RATES_TENSOR] = Float64Array.from(definition.rates(optimizer, rate, step + 1))
    referenceUpdate(network, { optimizer, decays }, tensors)
  }
}
