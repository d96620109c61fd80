import { optional, positiveInteger, type Rules, trueOrFalse } from '../check-options.ts'
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
 * Convolution (cross-correlation, as networks use the word), with a bias for each filter unless `biases` is false.
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
    const [images, , , filters] = output.shape
    const blocks = filterBlocks(parameters.weights!, filters)
    const image = new PaddedImage(geometry, input!.shape[3])
    for (let n = 0; n < images; n++) {
      image.take(input!, n)
      for (const [i, block] of blocks.entries()) {
        const first = i * FILTERS_AT_ONCE
        image.convolve(block, (y, x, f, sum) => {
          if (first + f >= filters) return
          const biased = sum + (parameters.biases?.[first + f] ?? 0)
          output.values[pixelAt(output, n, y, x) + first + f] = activate(options, biased)
        })
      }
    }
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

/** The weights of some filters at a time, side by side; zeros where there are no more. */
function filterBlocks(weights: Float32Array | Float64Array, filters: number): Float64Array[] {
  const rows = weights.length / filters
  return Array.from({ length: Math.ceil(filters / FILTERS_AT_ONCE) }, (_, i) => {
    const block = new Float64Array(rows * FILTERS_AT_ONCE)
    const first = i * FILTERS_AT_ONCE
    const count = Math.min(FILTERS_AT_ONCE, filters - first)
    for (let row = 0; row < rows; row++)
      for (let f = 0; f < count; f++) block[row * FILTERS_AT_ONCE + f] = weights[row * filters + first + f]!
    return block
  })
}

/**
 * An image in float64 with its padding around it. The sums of some pixels by some filters stay in registers while the taps go
 * by, and the filters' weights in the cache while the pixels do: one sum after the other, an image of VGG alone takes most of a
 * minute.
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

  /** Calls `visit` with the sum of every pixel and every filter of a block. */
  convolve(block: Float64Array, visit: (y: number, x: number, filter: number, sum: number) => void): void {
    const { outputHeight, outputWidth } = this.#geometry
    const sums = new Float64Array(PIXELS_AT_ONCE * FILTERS_AT_ONCE)
    for (let y = 0; y < outputHeight; y++) {
      for (let x = 0; x < outputWidth; x += PIXELS_AT_ONCE) {
        this.#sums(block, y, x, sums)
        const pixels = Math.min(PIXELS_AT_ONCE, outputWidth - x)
        for (let i = 0; i < pixels * FILTERS_AT_ONCE; i++)
          visit(y, x + Math.floor(i / FILTERS_AT_ONCE), i % FILTERS_AT_ONCE, sums[i]!)
      }
    }
  }

  /** Three pixels by four filters. */
  #sums(block: Float64Array, y: number, x: number, sums: Float64Array): void {
    const { strideHeight, strideWidth, kernelHeight, kernelWidth, dilationHeight, dilationWidth } =
      this.#geometry
    const values = this.#values
    const channels = this.#channels
    const pixel = strideWidth * channels
    // Twelve numbers rather than an array: they stay in registers.
    let a0 = 0
    let a1 = 0
    let a2 = 0
    let a3 = 0
    let b0 = 0
    let b1 = 0
    let b2 = 0
    let b3 = 0
    let c0 = 0
    let c1 = 0
    let c2 = 0
    let c3 = 0
    let w = 0
    for (let ky = 0; ky < kernelHeight; ky++) {
      const row = (y * strideHeight + ky * dilationHeight) * this.#width
      for (let kx = 0; kx < kernelWidth; kx++) {
        const from = (row + x * strideWidth + kx * dilationWidth) * channels
        for (let at = from; at < from + channels; at++, w += FILTERS_AT_ONCE) {
          const a = values[at]!
          const b = values[at + pixel]!
          const c = values[at + 2 * pixel]!
          const w0 = block[w]!
          const w1 = block[w + 1]!
          const w2 = block[w + 2]!
          const w3 = block[w + 3]!
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
    sums[0] = a0
    sums[1] = a1
    sums[2] = a2
    sums[3] = a3
    sums[4] = b0
    sums[5] = b1
    sums[6] = b2
    sums[7] = b3
    sums[8] = c0
    sums[9] = c1
    sums[10] = c2
    sums[11] = c3
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
