import { describe, expect, it } from 'vitest'
import { UsageError } from '../errors.ts'
import { denseGrid, type Grid } from '../tensor.ts'
import { adam, type Optimizer, optimizerOf, optimizerRule, requireFiniteRates, sgd } from './index.ts'

const grid = (...values: number[]): Grid => denseGrid(Float64Array.from(values), 1, [1, 1, values.length])

/** How a parameter changes under these consecutive gradients. */
function followed(
  optimizer: Optimizer,
  gradients: readonly number[],
  { rate = 0.1, decay = 0, factor = 1, from = 1, rateFactor = 1 } = {},
): number[] {
  const definition = optimizerOf(optimizer)
  const parameter = grid(from)
  const states = definition.states.map(() => grid(0))
  return gradients.map((gradient, i) => {
    const rates = definition.rates(optimizer, rate, i + 1)
    definition.update({
      options: { ...optimizer, decay, rateFactor },
      rates,
      factor,
      gradient: grid(gradient),
      parameter,
      states,
    })
    return parameter.values[0]!
  })
}

const near = (values: readonly number[]) => values.map((value) => expect.closeTo(value, 12) as number)

describe('SGD, by hand', () => {
  it('without momentum goes down the gradient', () => {
    expect(followed(sgd({ momentum: 0 }), [1, 2, -4])).toEqual(near([0.9, 0.7, 1.1]))
  })

  it('keeps a share of its velocity', () => {
    // Velocities 1, 0.5 + 2, 1.25 - 4
    expect(followed(sgd({ momentum: 0.5 }), [1, 2, -4])).toEqual(near([0.9, 0.65, 0.925]))
  })

  it('has the decay of the parameter in its velocity, and the clipped gradient', () => {
    // 0.5 * 4 + 0.2 * 1 = 2.2; then 0.5 * 2.2 + 0.5 * 4 + 0.2 * 0.78
    expect(followed(sgd({ momentum: 0.5 }), [4, 4], { decay: 0.2, factor: 0.5 })).toEqual(
      near([0.78, 0.78 - 0.1 * (1.1 + 2 + 0.156)]),
    )
  })
})

it.each([sgd(), adam()])('a factor of the rate is as good as another rate: $kind', (optimizer) => {
  const [gradients, others] = [[1, 2, -4], { decay: 0.2, factor: 0.5 }]
  expect(followed(optimizer, gradients, { ...others, rate: 0.1, rateFactor: 3 })).toEqual(
    near(followed(optimizer, gradients, { ...others, rate: 0.3 })),
  )
})

describe('Adam, by hand', () => {
  const options = { beta1: 0.5, beta2: 0.75, epsilon: 0.25 }
  /** The article's algorithm, with its own names. */
  function article(gradients: readonly number[], rate: number): number[] {
    let [theta, m, v] = [1, 0, 0]
    return gradients.map((g, i) => {
      const t = i + 1
      m = 0.5 * m + 0.5 * g
      v = 0.75 * v + 0.25 * g ** 2
      const [mHat, vHat] = [m / (1 - 0.5 ** t), v / (1 - 0.75 ** t)]
      theta -= (rate * mHat) / (Math.sqrt(vHat) + 0.25)
      return theta
    })
  }

  it("its first step is the rate's, less what epsilon takes", () => {
    expect(followed(adam(options), [3])).toEqual(near([1 - (0.1 * 3) / 3.25]))
  })

  it('is what the article says, step by step', () => {
    const gradients = [3, -1, 0.5, 2]
    expect(followed(adam(options), gradients)).toEqual(near(article(gradients, 0.1)))
    expect(followed(adam(options), gradients, { factor: 0.5 })).toEqual(
      near(
        article(
          gradients.map((g) => g / 2),
          0.1,
        ),
      ),
    )
  })

  it('adds the decay to the gradient', () => {
    expect(followed(adam(options), [1], { decay: 2 })).toEqual(near([1 - (0.1 * 3) / 3.25]))
    // In proportion to the parameter: 1 + 2 * 3
    expect(followed(adam(options), [1], { decay: 2, from: 3 })).toEqual(near([3 - (0.1 * 7) / 7.25]))
  })
})

it('has defaults, which options replace one by one', () => {
  expect(sgd()).toEqual({ kind: 'sgd', momentum: 0.9 })
  expect(sgd({ momentum: 0 })).toEqual({ kind: 'sgd', momentum: 0 })
  expect(adam()).toEqual({ kind: 'adam', beta1: 0.9, beta2: 0.999, epsilon: 1e-8 })
  expect(adam({ beta1: 0.5 })).toEqual({ kind: 'adam', beta1: 0.5, beta2: 0.999, epsilon: 1e-8 })
  expect(adam({ beta2: 0.5, epsilon: 1 })).toEqual({ kind: 'adam', beta1: 0.9, beta2: 0.5, epsilon: 1 })
})

it('changes every value of every row, and those alone', () => {
  const rows = (first: number): Grid => ({
    ...denseGrid(
      Float64Array.from({ length: 8 }, (_, i) => first + i),
      1,
      [1, 2, 3],
    ),
    pixelPitch: 4, // a padded column
  })
  const parameter = rows(0)
  const { update } = optimizerOf(sgd({ momentum: 0 }))
  const options = { ...sgd({ momentum: 0 }), decay: 0 }
  update({ options, rates: [1, 1], factor: 1, gradient: rows(10), parameter, states: [rows(0)] })
  expect([...parameter.values]).toEqual([-10, -10, -10, 3, -10, -10, -10, 7])
})

it('a rate whose first step is infinite in float32 is refused: that is the largest', () => {
  expect(() => requireFiniteRates(sgd(), 3e38)).not.toThrow()
  expect(() => requireFiniteRates(sgd(), 4e38)).toThrow(UsageError)
  // Adam divides its first rate by 1 - beta1
  expect(() => requireFiniteRates(adam(), 3e37)).not.toThrow()
  expect(() => requireFiniteRates(adam(), 4e37)).toThrow(
    /^rate is 4e\+37; in its first step adam multiplies by /,
  )
})

describe('an optimizer as data', () => {
  const faultOf = (value: unknown) => optimizerRule.fault(value, 'optimizer')

  it('is a kind that there is, with its options', () => {
    expect(faultOf(sgd())).toBeNull()
    expect(faultOf(adam())).toBeNull()
  })

  it.each([
    ['nothing', null],
    ['a name', 'sgd'],
    ['another kind', { kind: 'adagrad' }],
    ['what every object has', { kind: 'toString' }],
    ['no kind', { momentum: 0.9 }],
    ['an option too few', { kind: 'adam', beta1: 0.9, beta2: 0.999 }],
    ["another kind's option", { ...sgd(), epsilon: 1 }],
    ['a momentum of 1', { kind: 'sgd', momentum: 1 }],
  ])('is not %s', (_, value) => {
    expect(faultOf(value)).toEqual(expect.any(String))
  })

  it('has no definition if there is no such kind', () => {
    expect(() => optimizerOf({ kind: 'adagrad' } as unknown as Optimizer)).toThrow(UsageError)
  })
})
