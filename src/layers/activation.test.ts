import { describe, expect, it } from 'vitest'
import { gradientErrors } from '../../test/support/finite-differences.ts'
import { NetworkError } from '../errors.ts'
import { ACTIVATIONS, type Activation, activate, partsOf } from './activation.ts'
import { addDefinition } from './add.ts'
import { batchNormDefinition } from './batch-norm.ts'
import { conv, convDefinition } from './conv.ts'
import { denseDefinition } from './dense.ts'

describe('an activation', () => {
  it('is a name, or an object of a kind and its options', () => {
    expect(partsOf('relu6')).toEqual({ kind: 'clip', options: { min: 0, max: 6 } })
    expect(partsOf('leaky-relu')).toEqual({ kind: 'leaky-relu', options: { slope: 0.01 } })
    expect(partsOf({ kind: 'leaky-relu', slope: undefined } as never)).toEqual(partsOf('leaky-relu'))
    expect(partsOf({ kind: 'elu', alpha: 2 })).toEqual({ kind: 'elu', options: { alpha: 2 } })
    expect(partsOf({ kind: 'gelu' })).toEqual(partsOf('gelu'))
    expect(activate({ activation: { kind: 'leaky-relu', slope: 0.5 } }, -3)).toBe(-1.5)
    expect(activate({}, -3)).toBe(-3)
  })

  it.each<[unknown, string]>([
    ['rleu', "unknown activation 'rleu'; did you mean 'relu'?"],
    ['clip', "unknown activation 'clip'"],
    [7, 'activation is 7; it must be a name (relu, relu6, '],
    [{ kind: 'leaky' }, "unknown activation.kind 'leaky'; did you mean"],
    [{}, 'activation.kind is missing; it must be '],
    [{ kind: 'leaky-relu', slpoe: 1 }, "unknown key of activation 'slpoe'; did you mean 'slope'?"],
    [{ kind: 'leaky-relu', slope: '1' }, "activation.slope is '1'; it must be a finite number from 0"],
    [{ kind: 'clip', min: 0 }, 'activation.max is missing; it must be a finite number'],
    [{ kind: 'clip', min: 3, max: 1 }, 'activation: min 3 and max 1; min must be below max'],
  ])('%o is refused', (activation, message) => {
    const make = () => conv('c', { filters: 1, kernel: 1, activation: activation as Activation })
    expect(make).toThrow(NetworkError)
    expect(make).toThrow(`c: ${message}`)
  })
})

const kinds: readonly Activation[] = [
  ...ACTIVATIONS,
  { kind: 'clip', min: -0.8, max: 0.3 },
  { kind: 'leaky-relu', slope: 0.4 },
  { kind: 'gelu', approximate: 'tanh' },
]

describe.each(kinds)('finite differences of layers of sums with %o', (activation) => {
  const worst = (errors: Readonly<Record<string, number>>) => Math.max(...Object.values(errors))

  it('conv', () => {
    const options = { filters: 3, kernel: 2, activation }
    expect(
      worst(gradientErrors({ definition: convDefinition, options, inputShape: [3, 4, 2] })),
    ).toBeLessThan(1e-7)
  })

  it('dense', () => {
    const options = { units: 4, activation }
    expect(worst(gradientErrors({ definition: denseDefinition, options, inputShape: [2, 3] }))).toBeLessThan(
      1e-7,
    )
  })

  it('add', () => {
    const tried = { definition: addDefinition, options: { activation }, inputShape: [2, 3, 2] }
    expect(worst(gradientErrors({ ...tried, otherShapes: [[2, 3, 2]] }))).toBeLessThan(1e-7)
  })

  it.each([true, false])('batch norm, by the batch: %s', (isOfBatch) => {
    const options = { epsilon: 1e-3, momentum: 0.1, activation }
    const tried = { definition: batchNormDefinition, options, inputShape: [2, 3, 2], isOfBatch }
    expect(worst(gradientErrors(tried))).toBeLessThan(1e-7)
  })
})
