import { optional, type Rules, trueOrFalse } from '../check-options.ts'
import { eachPixel, type Grid, pixelAt } from '../tensor.ts'
import { type LayerDefinition, type LayerInputs, type LayerOf, makeLayer, NO_FLOPS } from './layer.ts'
import { overlap, type PoolOptions, poolGeometry, poolRules, type WindowGeometry } from './window.ts'

/** The options of `averagePool`. */
export interface AveragePoolOptions extends PoolOptions {
  /**
   * The padding's zeros count among a window's values, as by default in PyTorch; here they don't by default, as in ONNX
   * and TensorFlow. What lies beyond the padding, in ceil mode, never counts.
   */
  readonly countPadding?: boolean
}

/** A layer that `averagePool` or `globalAveragePool` makes. */
export type AveragePoolLayer<Name extends string = string> = LayerOf<'average-pool', Name, AveragePoolOptions>

/**
 * The mean of each window's values; windows may overlap. (N, H, W, C) -> (N, OH, OW, C). Padding 'valid' by default.
 * Source: LeCun et al. 1998.
 */
export function averagePool<const Name extends string>(
  name: Name,
  options: AveragePoolOptions & LayerInputs,
): AveragePoolLayer<Name> {
  return makeLayer('average-pool', name, options, rules)
}

/** The mean of each channel of an image. (N, H, W, C) -> (N, 1, 1, C). Source: Lin, Chen & Yan 2013. */
export function globalAveragePool<const Name extends string>(
  name: Name,
  options: LayerInputs = {},
): AveragePoolLayer<Name> {
  return averagePool(name, { ...options, kernel: 'global' })
}

const rules: Rules<AveragePoolOptions> = { ...poolRules, countPadding: optional(trueOrFalse) }

export const averagePoolDefinition: LayerDefinition<AveragePoolOptions> = {
  rules,
  removable: overlap,
  outputShape(name, options, [input]) {
    const { outputHeight, outputWidth } = poolGeometry(name, options, input!)
    return [outputHeight, outputWidth, input![2]!]
  },
  parameters: () => ({}),
  flops: () => NO_FLOPS,

  forward({ name, options, inputs: [input], output }) {
    const geometry = poolGeometry(name, options, input!.shape.slice(1))
    eachPixel(output, (n, y, x) => {
      const to = pixelAt(output, n, y, x)
      const { rows, columns, divisor } = averagedWindow(geometry, options, y, x)
      for (let c = 0; c < output.shape[3]; c++) {
        let sum = 0
        eachOf(rows, columns, input!, n, (from) => {
          sum += input!.values[from + c]!
        })
        output.values[to + c] = sum / divisor
      }
    })
  },

  backward({ name, options, inputs: [input], outputGradient, inputGradients: [inputGradient] }) {
    if (!inputGradient) return
    const geometry = poolGeometry(name, options, input!.shape.slice(1))
    eachPixel(outputGradient, (n, y, x) => {
      const from = pixelAt(outputGradient, n, y, x)
      const { rows, columns, divisor } = averagedWindow(geometry, options, y, x)
      eachOf(rows, columns, inputGradient, n, (to) => {
        for (let c = 0; c < outputGradient.shape[3]; c++)
          inputGradient.values[to + c]! += outputGradient.values[from + c]! / divisor
      })
    })
  },
}

/** From `first` up to, but not including, `end`. */
type Stretch = readonly [first: number, end: number]

/** What a window's values are, and what their sum is divided by. */
export function averagedWindow(
  g: WindowGeometry,
  { countPadding = false }: Pick<AveragePoolOptions, 'countPadding'>,
  y: number,
  x: number,
): { readonly rows: Stretch; readonly columns: Stretch; readonly divisor: number } {
  const along = (first: number, kernel: number, input: number, before: number, after: number) => {
    const inside: Stretch = [Math.max(first, 0), Math.min(first + kernel, input)]
    const counted = countPadding
      ? Math.min(first + kernel, input + after) - Math.max(first, -before)
      : inside[1] - inside[0]
    return { inside, counted }
  }
  const vertical = along(y * g.strideHeight - g.top, g.kernelHeight, g.inputHeight, g.top, g.bottom)
  const horizontal = along(x * g.strideWidth - g.left, g.kernelWidth, g.inputWidth, g.left, g.right)
  return {
    rows: vertical.inside,
    columns: horizontal.inside,
    divisor: vertical.counted * horizontal.counted,
  }
}

function eachOf(
  [firstRow, endRow]: Stretch,
  [firstColumn, endColumn]: Stretch,
  grid: Grid,
  image: number,
  visit: (at: number) => void,
): void {
  for (let y = firstRow; y < endRow; y++) {
    for (let x = firstColumn; x < endColumn; x++) visit(pixelAt(grid, image, y, x))
  }
}
