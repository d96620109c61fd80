import { optional, positiveInteger, type Rules, trueOrFalse } from '../check-options.ts'
import { elementCount, type Grid, pixelAt } from '../tensor.ts'
import {
  type Activated,
  activate,
  activationGradient,
  activationRules,
  biasesGradient,
  outputOrSums,
} from './activation.ts'
import { type LayerDefinition, type LayerInputs, type LayerOf, makeLayer } from './layer.ts'
import { type Trained, trainedRules } from './trained.ts'

/** The options of `dense`. */
export interface DenseOptions extends Activated, Trained {
  /** The number of outputs. */
  readonly units: number
  /** False: no biases are added. True by default. */
  readonly biases?: boolean
}

/** A layer that `dense` makes. */
export type DenseLayer<Name extends string = string> = LayerOf<'dense', Name, DenseOptions>

/**
 * A fully connected layer, with biases unless `biases` is false. input (N, H, W, C) or (N, C), flattened in H, W, C
 * order; weights (in, out), biases (out) -> (N, out). Source: Rumelhart, Hinton & Williams 1986.
 */
export function dense<const Name extends string>(
  name: Name,
  options: DenseOptions & LayerInputs,
): DenseLayer<Name> {
  return makeLayer('dense', name, options, rules)
}

const rules: Rules<DenseOptions> = {
  units: positiveInteger,
  biases: optional(trueOrFalse),
  ...activationRules,
  ...trainedRules,
}

export const denseDefinition: LayerDefinition<DenseOptions> = {
  outputsOption: 'units',
  rules,

  outputShape: (_name, { units }) => [units],

  parameters: ({ units, biases }, [input]) => ({
    weights: { shape: [elementCount(input!), units], role: 'weights' },
    ...(biases !== false && { biases: { shape: [units], role: 'biases' } }),
  }),

  flops({ units }, [input]) {
    const flops = 2 * elementCount(input!) * units
    return { forward: flops, parametersGradient: flops, inputGradient: flops }
  },

  forward({ options, inputs: [input], parameters, output }) {
    const units = output.shape[3]
    const { weights, biases } = parameters
    const sums = new Float64Array(units)
    for (let n = 0; n < output.shape[0]; n++) {
      if (biases) sums.set(biases)
      else sums.fill(0)
      eachInput(input!, n, (from, row) => {
        const value = input!.values[from]!
        for (let u = 0, w = row * units; u < units; u++, w++) sums[u]! += value * weights![w]!
      })
      const to = pixelAt(output, n, 0, 0)
      for (let u = 0; u < units; u++) output.values[to + u] = activate(options, sums[u]!)
    }
  },

  backward(context) {
    const { options, parameters, output, outputGradient, inputGradients, parameterGradients } = context
    const [input] = context.inputs
    const { units } = options
    const gradient = activationGradient(options, outputOrSums(denseDefinition, context), outputGradient)
    const { weights, biases } = parameterGradients
    const to = inputGradients[0]
    if (biases) biasesGradient(gradient, 0, biases)
    for (let n = 0; n < output.shape[0]; n++) {
      const from = pixelAt(gradient, n, 0, 0)
      eachInput(input!, n, (at, row) => {
        const value = input!.values[at]!
        for (let u = 0, w = row * units; u < units; u++, w++)
          weights![w]! += value * gradient.values[from + u]!
      })
      if (!to) continue
      eachInput(to, n, (at, row) => {
        let sum = 0
        for (let u = 0, w = row * units; u < units; u++, w++) {
          sum += gradient.values[from + u]! * parameters.weights![w]!
        }
        to.values[at]! += sum
      })
    }
  },
}

/** Calls `visit` for every value of an image, in H, W, C order, with its position and its row of weights. */
export function eachInput(grid: Grid, image: number, visit: (at: number, row: number) => void): void {
  const [, height, width, channels] = grid.shape
  let row = 0
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = pixelAt(grid, image, y, x)
      for (let c = 0; c < channels; c++) visit(at + c, row++)
    }
  }
}
