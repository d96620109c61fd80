import { optional, positiveInteger, type Rules, trueOrFalse } from '../check-options.ts'
import { ShapeError } from '../errors.ts'
import { eachPixel, type Grid, pixelAt, type Shape } from '../tensor.ts'
import {
  type Activated,
  activate,
  activationGradient,
  activationRules,
  biasesGradient,
} from './activation.ts'
import { type LayerDefinition, type LayerInputs, type LayerOf, makeLayer } from './layer.ts'
import { type Trained, trainedRules } from './trained.ts'
import {
  type Extent,
  extent,
  type WindowGeometry,
  type WindowOptions,
  windowGeometry,
  windowRules,
} from './window.ts'

export interface ConvOptions extends WindowOptions, Activated, Trained {
  readonly filters: number
  /** From one tap of the kernel to the next, in pixels; 1 by default. */
  readonly dilation?: Extent
  /** False: the sums are all, as where batch norm follows. True by default. */
  readonly biases?: boolean
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
  dilation: optional(extent),
  biases: optional(trueOrFalse),
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
      ...(options.biases !== false && { biases: { shape: [options.filters], role: 'biases' } }),
    }
  },

  flops(options, [input], output) {
    const { kernelHeight, kernelWidth } = convGeometry('', options, input!)
    const flops = 2 * output[0]! * output[1]! * options.filters * kernelHeight * kernelWidth * input![2]!
    return { forward: flops, parametersGradient: flops, inputGradient: flops }
  },

  forward({ options, inputs: [input], parameters, output }) {
    const geometry = convGeometry('conv', options, input!.shape.slice(1))
    const weights = Float64Array.from(parameters.weights!)
    const image = new PaddedImage(geometry, input!.shape[3])
    eachPixel(output, (n, y, x) => {
      if (y === 0 && x === 0) image.take(input!, n)
      const to = pixelAt(output, n, y, x)
      const pixels = Math.min(PIXELS_AT_ONCE, output.shape[2] - x)
      if (x % PIXELS_AT_ONCE === 0) {
        image.convolve(weights, y, x, pixels, (pixel, filter, sum) => {
          const biased = sum + (parameters.biases?.[filter] ?? 0)
          output.values[to + pixel * output.pixelPitch + filter] = activate(options, biased)
        })
      }
    })
  },

  backward({ options, inputs, parameters, output, outputGradient, inputGradients, parameterGradients }) {
    const input = inputs[0]!
    const geometry = convGeometry('conv', options, input.shape.slice(1))
    const gradient = activationGradient(options, output, outputGradient)
    const [images, height, width, channels] = input.shape
    const filters = output.shape[3]

    if (parameterGradients.biases) biasesGradient(gradient, 0, parameterGradients.biases)
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

const PIXELS_AT_ONCE = 3
const FILTERS_AT_ONCE = 4

/**
 * An image in float64 with its padding around it. The sums of some pixels by some filters stay in registers while the taps go
 * by: six times as fast as one after the other, which a network's own check would take minutes for.
 */
class PaddedImage {
  readonly #geometry: WindowGeometry
  readonly #channels: number
  readonly #width: number
  readonly #values: Float64Array

  constructor(geometry: WindowGeometry, channels: number) {
    const g = geometry
    this.#geometry = g
    this.#channels = channels
    const reach = (output: number, stride: number, kernel: number, dilation: number) =>
      (output - 1) * stride + (kernel - 1) * dilation + 1
    // Some pixels more than there are, so that there are always as many as are summed at once.
    const pixels = g.outputWidth + PIXELS_AT_ONCE
    this.#width = Math.max(
      g.left + g.inputWidth,
      reach(pixels, g.strideWidth, g.kernelWidth, g.dilationWidth),
    )
    const height = Math.max(
      g.top + g.inputHeight,
      reach(g.outputHeight, g.strideHeight, g.kernelHeight, g.dilationHeight),
    )
    this.#values = new Float64Array(height * this.#width * channels)
  }

  take(input: Grid, image: number): void {
    const { top, left, inputHeight, inputWidth } = this.#geometry
    for (let y = 0; y < inputHeight; y++) {
      let to = ((y + top) * this.#width + left) * this.#channels
      for (let x = 0; x < inputWidth; x++, to += this.#channels) {
        const from = pixelAt(input, image, y, x)
        for (let c = 0; c < this.#channels; c++) this.#values[to + c] = input.values[from + c]!
      }
    }
  }

  /** Three pixels by four filters. */
  #block(
    weights: Float64Array,
    filters: number,
    y: number,
    x: number,
    first: number,
    sums: Float64Array,
  ): void {
    const g = this.#geometry
    const values = this.#values
    const channels = this.#channels
    const pixel = g.strideWidth * channels
    let [a0, a1, a2, a3, b0, b1, b2, b3, c0, c1, c2, c3] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    let w = first
    for (let ky = 0; ky < g.kernelHeight; ky++) {
      const row = (y * g.strideHeight + ky * g.dilationHeight) * this.#width
      for (let kx = 0; kx < g.kernelWidth; kx++) {
        const from = (row + x * g.strideWidth + kx * g.dilationWidth) * channels
        for (let at = from; at < from + channels; at++, w += filters) {
          const [a, b, c] = [values[at]!, values[at + pixel]!, values[at + 2 * pixel]!]
          const [w0, w1, w2, w3] = [weights[w]!, weights[w + 1]!, weights[w + 2]!, weights[w + 3]!]
          a0 += a * w0
          a1 += a * w1
          a2 += a * w2
          a3 += a * w3
          b0 += b * w0
          b1 += b * w1
          b2 += b * w2
          b3 += b * w3
          c0 += c * w0
          c1 += c * w1
          c2 += c * w2
          c3 += c * w3
        }
      }
    }
    sums.set([a0, a1, a2, a3, b0, b1, b2, b3, c0, c1, c2, c3])
  }

  /** Three pixels by one filter, which goes to column `column` of the sums. */
  #column(
    weights: Float64Array,
    filters: number,
    y: number,
    x: number,
    filter: number,
    column: number,
    sums: Float64Array,
  ): void {
    const g = this.#geometry
    const values = this.#values
    const channels = this.#channels
    const pixel = g.strideWidth * channels
    let [a, b, c] = [0, 0, 0]
    let w = filter
    for (let ky = 0; ky < g.kernelHeight; ky++) {
      const row = (y * g.strideHeight + ky * g.dilationHeight) * this.#width
      for (let kx = 0; kx < g.kernelWidth; kx++) {
        const from = (row + x * g.strideWidth + kx * g.dilationWidth) * channels
        for (let at = from; at < from + channels; at++, w += filters) {
          const weight = weights[w]!
          a += values[at]! * weight
          b += values[at + pixel]! * weight
          c += values[at + 2 * pixel]! * weight
        }
      }
    }
    sums[column] = a
    sums[FILTERS_AT_ONCE + column] = b
    sums[2 * FILTERS_AT_ONCE + column] = c
  }

  /** Calls `visit` with every filter's sum for `pixels` outputs from (y, x) on. */
  convolve(
    weights: Float64Array,
    y: number,
    x: number,
    pixels: number,
    visit: (pixel: number, filter: number, sum: number) => void,
  ): void {
    const g = this.#geometry
    const filters = weights.length / (g.kernelHeight * g.kernelWidth * this.#channels)
    const sums = new Float64Array(PIXELS_AT_ONCE * FILTERS_AT_ONCE)
    for (let first = 0; first < filters; first += FILTERS_AT_ONCE) {
      const count = Math.min(FILTERS_AT_ONCE, filters - first)
      if (count === FILTERS_AT_ONCE) this.#block(weights, filters, y, x, first, sums)
      else for (let f = 0; f < count; f++) this.#column(weights, filters, y, x, first + f, f, sums)
      for (let p = 0; p < pixels; p++) {
        for (let f = 0; f < count; f++) visit(p, first + f, sums[p * FILTERS_AT_ONCE + f]!)
      }
    }
  }
}

/** The sums (before activation) of `sums.length` filters, from `firstFilter` on, at one output pixel. */
export function convolvePixel(
  geometry: WindowGeometry,
  input: Grid,
  weights: Float32Array | Float64Array,
  biases: Float32Array | Float64Array | null,
  image: number,
  y: number,
  x: number,
  firstFilter: number,
  sums: Float64Array,
): void {
  const channels = input.shape[3]
  const filters = weights.length / (geometry.kernelHeight * geometry.kernelWidth * channels)
  for (let f = 0; f < sums.length; f++) sums[f] = biases?.[firstFilter + f] ?? 0
  for (let ky = 0; ky < geometry.kernelHeight; ky++) {
    const inputY = y * geometry.strideHeight + ky * geometry.dilationHeight - geometry.top
    if (inputY < 0 || inputY >= geometry.inputHeight) continue
    for (let kx = 0; kx < geometry.kernelWidth; kx++) {
      const inputX = x * geometry.strideWidth + kx * geometry.dilationWidth - geometry.left
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
  const { strideHeight, strideWidth, outputWidth } = geometry
  const [rowOffset, columnOffset] = [
    ky * geometry.dilationHeight - geometry.top,
    kx * geometry.dilationWidth - geometry.left,
  ]
  // The outputs whose tap is inside the image
  const first = Math.max(0, Math.ceil(-columnOffset / strideWidth))
  const end = Math.min(outputWidth, Math.ceil((geometry.inputWidth - columnOffset) / strideWidth))
  const inputStep = strideWidth * input.pixelPitch
  for (let n = 0; n < input.shape[0]; n++) {
    for (let y = 0; y < geometry.outputHeight; y++) {
      const inputY = y * strideHeight + rowOffset
      if (inputY < 0 || inputY >= geometry.inputHeight) continue
      let at = pixelAt(input, n, inputY, first * strideWidth + columnOffset) + c
      let from = pixelAt(gradient, n, y, first) + firstFilter
      for (let x = first; x < end; x++, at += inputStep, from += gradient.pixelPitch) {
        const value = input.values[at]!
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
    const outputY = (y + geometry.top - ky * geometry.dilationHeight) / geometry.strideHeight
    if (!Number.isInteger(outputY) || outputY < 0 || outputY >= geometry.outputHeight) continue
    for (let kx = 0; kx < geometry.kernelWidth; kx++) {
      const outputX = (x + geometry.left - kx * geometry.dilationWidth) / geometry.strideWidth
      if (!Number.isInteger(outputX) || outputX < 0 || outputX >= geometry.outputWidth) continue
      const from = pixelAt(gradient, image, outputY, outputX)
      let row = ((ky * geometry.kernelWidth + kx) * channels + firstChannel) * filters
      for (let c = 0; c < sums.length; c++, row += filters) {
        for (let f = 0; f < filters; f++) sums[c]! += gradient.values[from + f]! * weights[row + f]!
      }
    }
  }
}
