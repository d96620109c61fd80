import { describe, expect, it } from 'vitest'
import { referenceBackward, referenceForward, type Tensors } from '../src/engines/reference-network.ts'
import { referenceUpdate } from '../src/engines/reference-update.ts'
import { parametersOf } from '../src/networks/index.ts'
import { optimizerOf } from '../src/optimizers/index.ts'
import { RATES_TENSOR } from '../src/plan/training.ts'
import { elementCount } from '../src/tensor.ts'
import { followGolden, presentEngines, SMALL } from './support/follow-golden.ts'
import { TRAIN_GOLDENS, trainGolden } from './support/train-goldens.ts'

/** The plain loops make few steps a second; the engines follow all of them. */
const PLAIN_STEPS = {
  lenet: 3,
  'lenet-adam': 2,
  'alexnet-cifar10': 1,
  'alexnet-torchvision': 1,
  'resnet20-cifar': 2,
}

describe('the plain loops train as PyTorch does, in float64', () => {
  it.each(TRAIN_GOLDENS)('%s', (name) => {
    const { network, batch, initialParameters, decays, optimizer, rate, losses, batchOf } = trainGolden(name)
    const parameters = initialParameters()
    const definition = optimizerOf(optimizer)
    const tensors: Tensors = {}
    for (const [parameter, { shape }] of Object.entries(parametersOf(network))) {
      tensors[parameter] = Float64Array.from(parameters[parameter]!)
      for (const state of definition.states)
        tensors[`${parameter}.${state}`] = new Float64Array(elementCount(shape))
    }
    for (let step = 0; step < PLAIN_STEPS[name]; step++) {
      Object.assign(tensors, batchOf(step))
      referenceForward(network, tensors, { batch, pass: 'train' })
      expect(Math.abs(tensors.loss![0]! / losses[step]! - 1), `step ${step}`).toBeLessThan(1e-9)
      if (step === PLAIN_STEPS[name] - 1) break // nothing is read of what backward would make
      referenceBackward(network, tensors, { batch, pass: 'train' })
      tensors[RATES_TENSOR] = Float64Array.from(definition.rates(optimizer, rate, step + 1))
      referenceUpdate(network, { optimizer, decays }, tensors)
    }
  })
})

/** On the fastest that this machine has; the others, and AlexNet, are in test/slow: they take a while. */
describe(`${presentEngines[0]} follows PyTorch`, () => {
  it.each(SMALL)("over 20 steps of %s: losses, and every parameter's norm", (name) =>
    followGolden(presentEngines[0]!, name),
  )
})

describe('a golden run', () => {
  it.each(TRAIN_GOLDENS)(
    '%s: losses fall, every parameter has its norm, and rounding leaves both alone',
    (name) => {
      const { network, losses, norms, float32, perturbed } = trainGolden(name)
      const mean = (values: readonly number[]) =>
        values.reduce((sum, value) => sum + value, 0) / values.length
      expect(losses).toHaveLength(20)
      expect(mean(losses.slice(-5))).toBeLessThan(0.95 * mean(losses.slice(0, 5)))
      expect(Object.keys(norms)).toEqual(Object.keys(parametersOf(network)))
      expect(network.layers.some(({ layer }) => layer.kind === 'dropout')).toBe(false)
      for (const spread of [float32, perturbed]) {
        expect(spread.firstLoss).toBeLessThan(1e-5)
        expect(spread.worstLoss).toBeLessThan(1e-4)
      }
    },
  )
})
