import { positiveInteger, type Rules } from '../check-options.ts'
import { ShapeError } from '../errors.ts'
import { type Grid, pixelAt, type Shape } from '../tensor.ts'
import {
  type Activated,
  activate,
  activationGradient,
  activationRules,
  biasesGradient,
} from './activation.ts'
import { type LayerDefinition, type LayerInputs, type LayerOf, makeLayer } from './layer.ts'
import { type Trained, trainedRules } from './trained.ts'
import { type WindowGeometry, type WindowOptions, windowGeometry, windowRules } from './window.ts'

export interface ConvOptions extends WindowOptions, Activated, Trained {
  readonly filters: number
}

export type ConvLayer<Name extends string = string> = LayerOf<'conv', Name, ConvOptions>

/**
 * Convolution with bias (cross-correlation, as networks use the word).
 * input (N, H, W, C), weights (KH, KW, C, F), biases (F) -> (N, OH, OW, F). Padding 'valid' by default.
 * Source: Dumoulin & Visin 2016.
 */
export function conv<const Name extends string>(
  name: Name,
  options: ConvOptions & LayerInputs,
): ConvLayer<Name> {
  return makeLayer('conv', name, options, rules)
}

const rules: Rules<ConvOptions> = {
  ...windowRules,
  filters: positiveInteger,
  ...activationRules,
  ...trainedRules,
}

export function convGeometry(name: string, options: ConvOptions, input: Shape): WindowGeometry {
  if (input.length !== 3) throw new ShapeError(`${name}: its input [${input}] is not an image (H, W, C)`)
  return windowGeometry(name, options, input[0]!, input[1]!)
}

export const convDefinition: LayerDefinition<ConvOptions> = {
  rules,

  outputShape(name, options, [input]) {
    const { outputHeight, outputWidth } = convGeometry(name, options, input!)
    return [outputHeight, outputWidth, options.filters]
  },

  parameters(options, [input]) {
    const { kernelHeight, kernelWidth } = convGeometry('', options, input!)
    return {
      weights: {
        shape: [kernelHeight, kernelWidth, input![2]!, options.filters],
        role: 'weights',
      },
      biases: { shape: [options.filters], role: 'biases' },
    }
  },

  flops(options, [input], output) {
    const { kernelHeight, kernelWidth } = convGeometry('', options, input!)
    const flops = 2 * output[0]! * output[1]! * options.filters * kernelHeight * kernelWidth * input![2]!
    return { forward: flops, parametersGradient: flops, inputGradient: flops }
  },

  forward({ options, inputs: [input], parameters, output }) {
    const [images, height, width, filters] = output.shape
    const geometry = convGeometry('conv', options, input!.shape.slice(1))
    const sums = new Float64Array(filters)
    for (let n = 0; n < images; n++) {
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++) {
          convolvePixel(geometry, input!, parameters.weights!, parameters.biases!, n, y, x, 0, sums)
          const to = pixelAt(output, n, y, x)
          for (let f = 0; f < filters; f++) output.values[to + f] = activate(options, sums[f]!)
        }
      }
    }
  },

  backward({ options, inputs, parameters, output, outputGradient, inputGradients, parameterGradients }) {
    const input = inputs[0]!
    const geometry = convGeometry('conv', options, input.shape.slice(1))
    const gradient = activationGradient(options, output, outputGradient)
    const [images, height, width, channels] = input.shape
    const filters = output.shape[3]

    biasesGradient(gradient, 0, parameterGradients.biases!)
    let row = 0
    for (let ky = 0; ky < geometry.kernelHeight; ky++) {
      for (let kx = 0; kx < geometry.kernelWidth; kx++) {
        for (let c = 0; c < channels; c++, row += filters) {
          const sums = parameterGradients.weights!.subarray(row, row + filters)
          weightsGradientRow(geometry, input, gradient, ky, kx, c, 0, sums)
        }
      }
    }
    const to = inputGradients[0]
    if (!to) return
    const sums = new Float64Array(channels)
    for (let n = 0; n < images; n++) {
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++) {
          inputGradientPixel(geometry, gradient, parameters.weights!, channels, n, y, x, 0, sums)
          const at = pixelAt(to, n, y, x)
          for (let c = 0; c < channels; c++) to.values[at + c]! += sums[c]!
        }
      }
    }
  },
}

/** The sums (before activation) of `sums.length` filters, from `firstFilter` on, at one output pixel. */
export function convolvePixel(
  geometry: WindowGeometry,
  input: Grid,
  weights: Float32Array | Float64Array,
  biases: Float32Array | Float64Array,
  image: number,
  y: number,
  x: number,
  firstFilter: number,
  sums: Float64Array,
): void {
  const [channels, filters] = [input.shape[3], biases.length]
  for (let f = 0; f < sums.length; f++) sums[f] = biases[firstFilter + f]!
  for (let ky = 0; ky < geometry.kernelHeight; ky++) {
    const inputY = y * geometry.strideHeight + ky - geometry.top
    if (inputY < 0 || inputY >= geometry.inputHeight) continue
    for (let kx = 0; kx < geometry.kernelWidth; kx++) {
      const inputX = x * geometry.strideWidth + kx - geometry.left
      if (inputX < 0 || inputX >= geometry.inputWidth) continue
      const from = pixelAt(input, image, inputY, inputX)
      let row = (ky * geometry.kernelWidth + kx) * channels * filters + firstFilter
      for (let c = 0; c < channels; c++, row += filters) {
        const value = input.values[from + c]!
        for (let f = 0; f < sums.length; f++) sums[f]! += value * weights[row + f]!
      }
    }
  }
}

/** Adds to `sums` the gradient of weights[ky, kx, c, firstFilter and on]. */
export function weightsGradientRow(
  geometry: WindowGeometry,
  input: Grid,
  gradient: Grid,
  ky: number,
  kx: number,
  c: number,
  firstFilter: number,
  sums: Float64Array,
): void {
  for (let n = 0; n < input.shape[0]; n++) {
    for (let y = 0; y < geometry.outputHeight; y++) {
      const inputY = y * geometry.strideHeight + ky - geometry.top
      if (inputY < 0 || inputY >= geometry.inputHeight) continue
      for (let x = 0; x < geometry.outputWidth; x++) {
        const inputX = x * geometry.strideWidth + kx - geometry.left
        if (inputX < 0 || inputX >= geometry.inputWidth) continue
        const value = input.values[pixelAt(input, n, inputY, inputX) + c]!
        const from = pixelAt(gradient, n, y, x) + firstFilter
        for (let f = 0; f < sums.length; f++) sums[f]! += value * gradient.values[from + f]!
      }
    }
  }
}

/** The gradient of input channels `firstChannel` and on at one input pixel, into `sums`. */
export function inputGradientPixel(
  geometry: WindowGeometry,
  gradient: Grid,
  weights: Float32Array | Float64Array,
  channels: number,
  image: number,
  y: number,
  x: number,
  firstChannel: number,
  sums: Float64Array,
): void {
  const filters = gradient.shape[3]
  sums.fill(0)
  for (let ky = 0; ky < geometry.kernelHeight; ky++) {
    const outputY = (y + geometry.top - ky) / geometry.strideHeight
    if (!Number.isInteger(outputY) || outputY < 0 || outputY >= geometry.outputHeight) continue
    for (let kx = 0; kx < geometry.kernelWidth; kx++) {
      const outputX = (x + geometry.left - kx) / geometry.strideWidth
      if (!Number.isInteger(outputX) || outputX < 0 || outputX >= geometry.outputWidth) continue
      const from = pixelAt(gradient, image, outputY, outputX)
      let row = ((ky * geometry.kernelWidth + kx) * channels + firstChannel) * filters
      for (let c = 0; c < sums.length; c++, row += filters) {
        for (let f = 0; f < filters; f++) sums[c]! += gradient.values[from + f]! * weights[row + f]!
      }
    }
  }
}
