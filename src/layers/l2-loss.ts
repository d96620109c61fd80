import { eachPixel, pixelAt } from '../tensor.ts'
import { type LayerDefinition, type LayerInputs, type LayerOf, makeLayer, NO_FLOPS } from './layer.ts'

/** `l2Loss` has no options of its own. */
export type L2LossOptions = Readonly<Record<never, never>>

/** A layer that `l2Loss` makes. */
export type L2LossLayer<Name extends string = string> = LayerOf<'l2-loss', Name, L2LossOptions>

/** sum(x^2) / 2 over the whole batch (not its mean), as TensorFlow's l2_loss. (N, H, W, C) -> (). */
export function l2Loss<const Name extends string>(name: Name, options: LayerInputs = {}): L2LossLayer<Name> {
  return makeLayer('l2-loss', name, options, {})
}

export const l2LossDefinition: LayerDefinition<L2LossOptions> = {
  isLoss: true,
  rules: {},
  outputShape: () => [],
  parameters: () => ({}),
  flops: () => NO_FLOPS,

  forward({ inputs: [input], output }) {
    let sum = 0
    eachPixel(input!, (n, y, x) => {
      const from = pixelAt(input!, n, y, x)
      for (let c = 0; c < input!.shape[3]; c++) sum += input!.values[from + c]! ** 2
    })
    output.values[output.offset] = sum / 2
  },

  backward({ inputs: [input], outputGradient, inputGradients: [inputGradient] }) {
    if (!inputGradient) return
    const factor = outputGradient.values[outputGradient.offset]!
    eachPixel(input!, (n, y, x) => {
      const [from, to] = [pixelAt(input!, n, y, x), pixelAt(inputGradient, n, y, x)]
      for (let c = 0; c < input!.shape[3]; c++)
        inputGradient.values[to + c]! += factor * input!.values[from + c]!
    })
  },
}
