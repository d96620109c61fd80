import { oneOf, type Rules } from '../check-options.ts'
import { ShapeError } from '../errors.ts'
import { eachPixel, type Grid, pixelAt } from '../tensor.ts'
import { type LayerDefinition, type LayerInputs, type LayerOf, makeLayer, NO_FLOPS } from './layer.ts'

/** The options of `channelPool`. */
export interface ChannelPoolOptions {
  /** Their mean, their maximum, their sum, or `l2`: the root of the sum of their squares. */
  readonly mode: 'mean' | 'max' | 'sum' | 'l2'
}

/** A layer that `channelPool` makes. */
export type ChannelPoolLayer<Name extends string = string> = LayerOf<'channel-pool', Name, ChannelPoolOptions>

/**
 * One channel for all channels of a pixel. (N, H, W, C) -> (N, H, W, 1), and (N, C) -> (N, 1). A maximum is NaN if one of
 * the values is. The gradient of a maximum goes to the first channel that has it (one that is NaN, if it is NaN); that of
 * `l2` is the channel's share, x / l2, and 0 where l2 is 0, as in PyTorch. Squares or sums of them that overflow float32
 * are infinite here too. An image divided by its `l2` has normalized pixels. Throws ShapeError. Source: Woo et al. 2018,
 * 'CBAM'; ONNX, ReduceMean and others.
 */
export function channelPool<const Name extends string>(
  name: Name,
  options: ChannelPoolOptions & LayerInputs,
): ChannelPoolLayer<Name> {
  return makeLayer('channel-pool', name, options, rules)
}

const rules: Rules<ChannelPoolOptions> = { mode: oneOf(['mean', 'max', 'sum', 'l2']) }

export const channelPoolDefinition: LayerDefinition<ChannelPoolOptions> = {
  rules,
  outputShape(name, _options, [input]) {
    if (input!.length === 0)
      throw new ShapeError(`${name}: its input is one number an image, and has no channels`)
    return input!.with(-1, 1)
  },
  parameters: () => ({}),
  flops: () => NO_FLOPS,

  forward({ options: { mode }, inputs: [input], output }) {
    eachPixel(output, (n, y, x) => {
      output.values[pixelAt(output, n, y, x)] = pools[mode].of(channelsAt(input!, n, y, x))
    })
  },

  backward({ options: { mode }, inputs: [input], output, outputGradient, inputGradients: [inputGradient] }) {
    if (!inputGradient) return
    const channels = inputGradient.shape[3]
    eachPixel(outputGradient, (n, y, x) => {
      const to = pixelAt(inputGradient, n, y, x)
      const given = outputGradient.values[pixelAt(outputGradient, n, y, x)]!
      // Only a maximum and an l2 use these: a step of a mean or a sum does not read them.
      const [values, pool] = [channelsAt(input!, n, y, x), output.values[pixelAt(output, n, y, x)]!]
      const shareOf = pools[mode].shares(channels, values, pool)
      for (let c = 0; c < channels; c++) {
        const share = shareOf(c)
        if (share !== null) inputGradient.values[to + c]! += given * share
      }
    })
  },
}

type Values = Float32Array | Float64Array

const channelsAt = (grid: Grid, n: number, y: number, x: number): Values => {
  const at = pixelAt(grid, n, y, x)
  return grid.values.subarray(at, at + grid.shape[3])
}

/**
 * For each mode what it makes of a pixel's channels, and the derivative by each of them, given also what it made; null if
 * a channel has no part in it, not even of a gradient that is not finite.
 */
const pools: Readonly<
  Record<
    ChannelPoolOptions['mode'],
    {
      readonly of: (values: Values) => number
      readonly shares: (channels: number, values: Values, pool: number) => (channel: number) => number | null
    }
  >
> = {
  mean: {
    of: (values) => sumOf(values) / values.length,
    shares: (channels) => () => 1 / channels,
  },
  sum: { of: sumOf, shares: () => () => 1 },
  max: {
    of: (values) => {
      let most = -Infinity
      for (const value of values) most = Number.isNaN(most) || most >= value ? most : value
      return most
    },
    shares: (_channels, values, pool) => {
      const first = [...values].findIndex((value) => value === pool || Number.isNaN(value))
      return (channel) => (channel === first ? 1 : null)
    },
  },
  l2: {
    of: (values) => {
      let squares = 0
      for (const value of values) squares += value ** 2
      return Math.fround(squares) === Infinity ? Infinity : Math.sqrt(squares)
    },
    shares: (_channels, values, pool) => (channel) => (pool === 0 ? null : values[channel]! / pool),
  },
}

function sumOf(values: Values): number {
  let sum = 0
  for (const value of values) sum += value
  return sum
}
