import { type Grid, pixelAt } from '../tensor.ts'
import { type LayerDefinition, type LayerInputs, type LayerOf, makeLayer, NO_FLOPS } from './layer.ts'
import { type MaxPoolOptions, maxPoolRules, overlap, poolGeometry, type WindowGeometry } from './window.ts'

export type { MaxPoolOptions } from './window.ts'

/** A layer that `maxPool` or `globalMaxPool` makes. */
export type MaxPoolLayer<Name extends string = string> = LayerOf<'max-pool', Name, MaxPoolOptions>

/**
 * Max-pooling; windows may overlap, and be dilated; what is padded is ignored, and the maximum of a window with a NaN
 * is NaN. (N, H, W, C) -> (N, OH, OW, C). The gradient goes to the first maximum in row-major window order. Padding
 * 'valid' by default.
 * Source: Krizhevsky 2012, section 3.4.
 */
export function maxPool<const Name extends string>(
  name: Name,
  options: MaxPoolOptions & LayerInputs,
): MaxPoolLayer<Name> {
  return makeLayer('max-pool', name, options, maxPoolRules)
}

/** The maximum of each channel of an image. (N, H, W, C) -> (N, 1, 1, C). */
export function globalMaxPool<const Name extends string>(
  name: Name,
  options: LayerInputs = {},
): MaxPoolLayer<Name> {
  return maxPool(name, { ...options, kernel: 'global' })
}

export const maxPoolDefinition: LayerDefinition<MaxPoolOptions> = {
  rules: maxPoolRules,
  removable: overlap,
  outputShape(name, options, [input]) {
    const { outputHeight, outputWidth } = poolGeometry(name, options, input!)
    return [outputHeight, outputWidth, input![2]!]
  },
  parameters: () => ({}),
  flops: () => NO_FLOPS,

  forward({ options, inputs: [input], output }) {
    const geometry = poolGeometry('max-pool', options, input!.shape.slice(1))
    eachWindow(geometry, output, (n, y, x, channel) => {
      const at = firstMaximum(geometry, input!, n, y, x, channel)
      output.values[pixelAt(output, n, y, x) + channel] = input!.values[at.position]!
    })
  },

  backward({ options, inputs: [input], output, outputGradient, inputGradients: [inputGradient] }) {
    if (!inputGradient) return
    const geometry = poolGeometry('max-pool', options, input!.shape.slice(1))
    eachWindow(geometry, output, (n, y, x, channel) => {
      const at = firstMaximum(geometry, input!, n, y, x, channel)
      const gradient = outputGradient.values[pixelAt(outputGradient, n, y, x) + channel]!
      inputGradient.values[pixelAt(inputGradient, n, at.y, at.x) + channel]! += gradient
    })
  },
}

function eachWindow(
  geometry: WindowGeometry,
  output: Grid,
  visit: (image: number, y: number, x: number, channel: number) => void,
): void {
  const [images, , , channels] = output.shape
  for (let n = 0; n < images; n++) {
    for (let y = 0; y < geometry.outputHeight; y++) {
      for (let x = 0; x < geometry.outputWidth; x++) {
        for (let c = 0; c < channels; c++) visit(n, y, x, c)
      }
    }
  }
}

const found = { position: 0, y: 0, x: 0 }

/** The first maximum in row-major order, or the first NaN. One object, reused. */
function firstMaximum(
  geometry: WindowGeometry,
  input: Grid,
  image: number,
  y: number,
  x: number,
  channel: number,
): typeof found {
  const firstY = y * geometry.strideHeight - geometry.top
  const firstX = x * geometry.strideWidth - geometry.left
  found.position = -1
  for (let row = 0; row < geometry.kernelHeight; row++) {
    const inputY = firstY + row * geometry.dilationHeight
    if (inputY < 0 || inputY >= geometry.inputHeight) continue
    for (let column = 0; column < geometry.kernelWidth; column++) {
      const inputX = firstX + column * geometry.dilationWidth
      if (inputX < 0 || inputX >= geometry.inputWidth) continue
      const position = pixelAt(input, image, inputY, inputX) + channel
      const value = input.values[position]!
      if (found.position >= 0) {
        const maximum = input.values[found.position]!
        if (Number.isNaN(maximum) || value <= maximum) continue
      }
      found.position = position
      found.y = inputY
      found.x = inputX
    }
  }
  return found
}
