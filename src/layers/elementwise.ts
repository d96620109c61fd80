import { eachPixel, pixelAt } from '../tensor.ts'
import { type LayerDefinition, NO_FLOPS } from './layer.ts'

/** A function of one value whose gradient is known from what it made of it. */
export interface Elementwise {
  value(input: number): number
  /** Of the input, given the function's value and that value's gradient. */
  gradient(value: number, valueGradient: number): number
  /** Far from 0 it is nearly constant, and its gradient nearly 0. */
  readonly saturates?: boolean
}

/** A layer that is an activation: it does the same to every value. Any shape. */
export const elementwise = (
  activation: string,
  { value, gradient, saturates = false }: Elementwise,
): LayerDefinition<Readonly<Record<never, never>>> => ({
  activation,
  saturatesInput: saturates,
  rules: {},
  outputShape: (_name, _options, [input]) => input!,
  parameters: () => ({}),
  flops: () => NO_FLOPS,

  forward({ inputs: [input], output }) {
    eachPixel(output, (n, y, x) => {
      const [from, to] = [pixelAt(input!, n, y, x), pixelAt(output, n, y, x)]
      for (let c = 0; c < output.shape[3]; c++) output.values[to + c] = value(input!.values[from + c]!)
    })
  },

  backward({ output, outputGradient, inputGradients: [inputGradient] }) {
    if (!inputGradient) return
    eachPixel(output, (n, y, x) => {
      const [at, from] = [pixelAt(output, n, y, x), pixelAt(outputGradient, n, y, x)]
      const to = pixelAt(inputGradient, n, y, x)
      for (let c = 0; c < output.shape[3]; c++) {
        inputGradient.values[to + c]! += gradient(output.values[at + c]!, outputGradient.values[from + c]!)
      }
    })
  },
})
