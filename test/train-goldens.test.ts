import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { referenceBackward, referenceForward, type Tensors } from '../src/engines/reference-network.ts'
import { referenceUpdate } from '../src/engines/reference-update.ts'
import { parametersOf } from '../src/networks/index.ts'
import { optimizerOf } from '../src/optimizers/index.ts'
import { RATES_TENSOR } from '../src/plan/training.ts'
import { elementCount } from '../src/tensor.ts'
import { built } from './support/built.ts'
import { TRAIN_GOLDENS, trainGolden } from './support/train-goldens.ts'
import { missing } from './support/x64.ts'

process.env.CONVMARK_CACHE = mkdtempSync(join(tmpdir(), 'convmark-'))

const { train } = await built<typeof import('../src/train/index.ts')>('train/index.js')

/** The plain loops make few steps a second; the engines follow all of them. */
const PLAIN_STEPS = { lenet: 3, 'lenet-adam': 2, 'alexnet-cifar10': 1, 'alexnet-torchvision': 1 }
const STEPS = 20

describe('the plain loops train as PyTorch does, in float64', () => {
  it.each(TRAIN_GOLDENS)('%s', (name) => {
    const { network, batch, initialParameters, decays, optimizer, losses, batchOf } = trainGolden(name)
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
      tensors[RATES_TENSOR] = Float64Array.from(definition.rates(optimizer, optimizer.rate, step + 1))
      referenceUpdate(network, { optimizer, decays }, tensors)
    }
  })
})

/** The larger networks on the first that this machine has: they take a while. */
const engines = ['x64:avx512@2', 'x64:avx2@2', 'wasm@2']
const SMALL = TRAIN_GOLDENS.filter((name) => name.startsWith('lenet'))
const missingFor = (engine: string): string | null =>
  engine.startsWith('x64') ? missing(engine.includes('avx512') ? 'avx512' : 'avx2') : null

const present = engines.filter((engine) => missingFor(engine) === null)

describe.each(present)('%s follows PyTorch', (engine) => {
  it.each(engine === present[0] ? TRAIN_GOLDENS : SMALL)(
    "over 20 steps of %s: losses, and every parameter's norm",
    async (name) => {
      const { network, batch, initialParameters, optimizer, losses, norms, batchOf } = trainGolden(name)
      const differences: number[] = []
      for await (const event of train(network, {
        batches: function* () {
          for (let step = 0; step < STEPS; step++) yield batchOf(step)
        },
        batchesPerEpoch: STEPS,
        epochs: 1,
        batch,
        engine,
        parameters: initialParameters(),
        optimizer,
        rate: optimizer.rate,
        decay: optimizer.decay,
      })) {
        if (event.kind === 'step') differences.push(Math.abs(event.loss / losses[event.step - 1]! - 1))
        if (event.kind !== 'end') continue
        for (const [parameter, values] of Object.entries(event.state().parameters)) {
          const norm = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0))
          expect(Math.abs(norm / norms[parameter]! - 1), parameter).toBeLessThan(1e-3)
        }
      }
      expect(differences).toHaveLength(STEPS)
      expect(differences[0]).toBeLessThan(1e-5)
      expect(Math.max(...differences)).toBeLessThan(1e-3)
    },
  )
})

describe('a golden run', () => {
  it.each(TRAIN_GOLDENS)(
    '%s: losses fall, every parameter has its norm, and rounding leaves both alone',
    (name) => {
      const { network, losses, norms, float32, perturbed } = trainGolden(name)
      const mean = (values: readonly number[]) =>
        values.reduce((sum, value) => sum + value, 0) / values.length
      expect(losses).toHaveLength(STEPS)
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
