import { integerFromZero, type Rules, shareBelowOne } from '../check-options.ts'
import { hashAt, keyOf, keyOfTurn, type RandomKey } from '../random.ts'
import { type Grid, pixelAt } from '../tensor.ts'
import { type LayerDefinition, type LayerInputs, type LayerOf, makeLayer, NO_FLOPS } from './layer.ts'

/** The options of `dropout`. */
export interface DropoutOptions {
  /** The share of values that become 0; 0.5 by default. */
  readonly rate: number
  /**
   * An integer from 0 to 2^53 - 1; 0 by default. Layers with the same seed drop different values, since their names
   * differ.
   */
  readonly seed: number
}

/** A layer that `dropout` makes. */
export type DropoutLayer<Name extends string = string> = LayerOf<'dropout', Name, DropoutOptions>

/**
 * Dropout, inverted: each value becomes 0 or is divided by 1 - rate. Any shape. Off in the pass forward, where its
 * output is the same tensor as its input. Which values are kept is a function of the seed, the layer's name, the
 * value's index in the batch and the tensor `dropout.turn`, the number of the run: every run drops the same values
 * until another number is written. Rate 0.5 by default. Source: Srivastava et al. 2014.
 */
export function dropout<const Name extends string>(
  name: Name,
  options: Partial<DropoutOptions> & LayerInputs = {},
): DropoutLayer<Name> {
  return makeLayer('dropout', name, options, rules, { rate: 0.5, seed: 0 })
}

const rules: Rules<DropoutOptions> = { rate: shareBelowOne, seed: integerFromZero }

export const dropoutDefinition: LayerDefinition<DropoutOptions> = {
  isOffInForward: true,
  usesTurns: true,
  removable: { part: 'dropout', has: () => true, without: () => null },
  rules,
  outputShape: (_name, _options, [input]) => input!,
  parameters: () => ({}),
  flops: () => NO_FLOPS,

  forward({ name, options, turn, inputs: [input], output }) {
    eachKept(dropoutDecision(name, options, turn), input!, output, (from, to, factor) => {
      output.values[to] = factor === 0 ? 0 : input!.values[from]! * factor
    })
  },

  backward({ name, options, turn, outputGradient, inputGradients: [inputGradient] }) {
    if (!inputGradient) return
    eachKept(dropoutDecision(name, options, turn), outputGradient, inputGradient, (from, to, factor) => {
      if (factor !== 0) inputGradient.values[to]! += outputGradient.values[from]! * factor
    })
  },
}

/** What decides which values a layer keeps. A kernel does the same with vectors. */
export interface DropoutDecision {
  readonly key: RandomKey
  /** A value is kept if the upper 24 bits of its hash are at least this: integers that float32 holds exactly. */
  readonly threshold: number
  /** What kept values are multiplied by. */
  readonly scale: number
}

export function dropoutDecision(name: string, { rate, seed }: DropoutOptions, turn = 0): DropoutDecision {
  return {
    key: keyOfTurn(keyOf(seed, name), turn),
    threshold: Math.round(rate * 2 ** 24),
    scale: 1 / (1 - rate),
  }
}

/** Calls `visit` for every value, with its position in both grids and its factor, which is 0 if it is dropped. */
function eachKept(
  { key, threshold, scale }: DropoutDecision,
  from: Grid,
  to: Grid,
  visit: (from: number, to: number, factor: number) => void,
): void {
  const [images, height, width, channels] = from.shape
  let index = 0
  for (let n = 0; n < images; n++) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const [at, where] = [pixelAt(from, n, y, x), pixelAt(to, n, y, x)]
        for (let c = 0; c < channels; c++) {
          const isKept = hashAt(key, index++) >>> 8 >= threshold
          visit(at + c, where + c, isKept ? scale : 0)
        }
      }
    }
  }
}
