// What the layers share that only move values: each output is a value of the input, or a constant.
import type { Grid, Shape } from '../tensor.ts'
import { asImageShape, eachPixel, pixelAt } from '../tensor.ts'
import { type LayerDefinition, NO_FLOPS } from './layer.ts'

/** The place of a value in an image. */
export interface Place {
  readonly y: number
  readonly x: number
  readonly c: number
}

/** For an input's shape (H, W, C), the place in the input that each output is taken from; null if the output is a constant. */
export type SourceOf<Options> = (
  options: Options,
  input: readonly [height: number, width: number, channels: number],
) => (y: number, x: number, c: number) => Place | null

/**
 * The loops of a layer that only moves values. Forward, each output takes its value from the input, or is `otherwise`.
 * Backward, each output adds its gradient to the gradient of the value that it took; several outputs may have taken the same.
 */
export function movedValues<Options>(
  sourceOf: SourceOf<Options>,
  otherwise: (options: Options) => number = () => 0,
): Pick<LayerDefinition<Options>, 'parameters' | 'flops' | 'forward' | 'backward'> {
  return {
    parameters: () => ({}),
    flops: () => NO_FLOPS,

    forward({ options, inputs: [input], output }) {
      const source = sourceOf(options, imageOf(input!))
      eachPixel(output, (n, y, x) => {
        const to = pixelAt(output, n, y, x)
        for (let c = 0; c < output.shape[3]; c++) {
          const from = source(y, x, c)
          output.values[to + c] = from ? input!.values[at(input!, n, from)]! : otherwise(options)
        }
      })
    },

    backward({ options, outputGradient, inputGradients: [inputGradient] }) {
      if (!inputGradient) return
      const source = sourceOf(options, imageOf(inputGradient))
      eachPixel(outputGradient, (n, y, x) => {
        const from = pixelAt(outputGradient, n, y, x)
        for (let c = 0; c < outputGradient.shape[3]; c++) {
          const to = source(y, x, c)
          if (to) inputGradient.values[at(inputGradient, n, to)]! += outputGradient.values[from + c]!
        }
      })
    },
  }
}

const at = (grid: Grid, image: number, { y, x, c }: Place): number => pixelAt(grid, image, y, x) + c

const imageOf = ({ shape: [, ...image] }: Grid) => asImageShape(image as Shape)
