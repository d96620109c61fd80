import { describe, expect, it } from 'vitest'
import { parametersOf } from '../src/networks/index.ts'
import { followGolden, presentEngines, SMALL } from './support/follow-golden.ts'
import { TRAIN_GOLDENS, trainGolden } from './support/train-goldens.ts'
import { trainPlainly } from './support/train-plainly.ts'

/** Larger networks, and the other engines, are in test/slow: they take a while. */
describe('the plain loops train as PyTorch does, in float64', () => {
  it.each(SMALL)('%s', (name) => trainPlainly(name))
})

/** On the fastest that this machine has. */
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
