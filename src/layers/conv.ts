import { optional, positiveInteger, type Rules, trueOrFalse } from '../check-options.ts'
import { ShapeError } from '../errors.ts'
import { type Grid, pixelAt, type Shape } from '../tensor.ts'
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
import {
  type Extent,
  extent,
  kernelReach,
  type WindowGeometry,
  type WindowOptions,
  windowGeometry,
  windowRules,
} from './window.ts'

/** The options of `conv`. */
export interface ConvOptions extends WindowOptions, Activated, Trained {
  /** The number of filters, which is the number of the output's channels. */
  readonly filters: number
  /** From one tap of the kernel to the next, in pixels; 1 by default. */
  readonly dilation?: Extent
  /**
   * How many groups the input channels and the filters are divided into, in order; each filter reads only the channels of
   * its own group. 1 by default. With as many groups as channels it is a depthwise convolution.
   */
  readonly groups?: number
  /** False: no biases are added, for example because batch norm follows. True by default. */
  readonly biases?: boolean
}

/** A layer that `conv` makes. */
export type ConvLayer<Name extends string = string> = LayerOf<'conv', Name, ConvOptions>

/**
 * Convolution (cross-correlation, as networks use the word), with a bias for each filter unless `biases` is false.
 * input (N, H, W, C), weights (KH, KW, C / groups, F), biases (F) -> (N, OH, OW, F). Padding 'valid' by default. Filter f
 * is in group floor(f / (F / groups)). Throws ShapeError if `groups` does not divide C and F.
 * Source: Dumoulin & Visin 2016; groups: Krizhevsky et al. 2012.
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
  groups: optional(positiveInteger),
  biases: optional(trueOrFalse),
  ...activationRules,
  ...trainedRules,
}

export function convGeometry(name: string, options: ConvOptions, input: Shape): WindowGeometry {
  if (input.length !== 3) throw new ShapeError(`${name}: its input [${input}] is not an image (H, W, C)`)
  const { filters, groups = 1 } = options
  if (input[2]! % groups !== 0 || filters % groups !== 0) {
    throw new ShapeError(
      `${name}: groups ${groups} must divide both its ${input[2]} input channels and its ${filters} filters`,
    )
  }
  return windowGeometry(name, options, input[0]!, input[1]!)
}

/** A convolution's window and its number of groups, 1 if left out. A convolution's steps have them in their options. */
export interface Convolution {
  readonly geometry: WindowGeometry
  readonly groups?: number
}

export const convDefinition: LayerDefinition<ConvOptions> = {
  outputsOption: 'filters',
  rules,

  outputShape(name, options, [input]) {
    const { outputHeight, outputWidth } = convGeometry(name, options, input!)
    return [outputHeight, outputWidth, options.filters]
  },

  parameters(options, [input]) {
    const { kernelHeight, kernelWidth } = convGeometry('', options, input!)
    return {
      weights: {
        shape: [kernelHeight, kernelWidth, input![2]! / (options.groups ?? 1), options.filters],
        role: 'weights',
      },
      ...(options.biases !== false && { biases: { shape: [options.filters], role: 'biases' } }),
    }
  },

  flops(options, [input], output) {
    const { kernelHeight, kernelWidth } = convGeometry('', options, input!)
    const channels = input![2]! / (options.groups ?? 1)
    const flops = 2 * output[0]! * output[1]! * options.filters * kernelHeight * kernelWidth * channels
    return { forward: flops, parametersGradient: flops, inputGradient: flops }
  },

  forward({ options, inputs: [input], parameters, output }) {
    const geometry = convGeometry('conv', options, input!.shape.slice(1))
    const { groups = 1 } = options
    const [images, , , filters] = output.shape
    const [groupChannels, groupFilters] = [input!.shape[3] / groups, filters / groups]
    const weights = parameters.weights!
    const block = new Float64Array((weights.length / filters) * FILTERS_AT_ONCE)
    const image = new PaddedImage(geometry, groupChannels)
    for (let n = 0; n < images; n++) {
      for (let group = 0; group < groups; group++) {
        image.take(input!, n, group * groupChannels)
        const end = (group + 1) * groupFilters
        for (let first = group * groupFilters; first < end; first += FILTERS_AT_ONCE) {
          takeFilters(weights, filters, first, Math.min(FILTERS_AT_ONCE, end - first), block)
          image.convolve(block, (y, x, f, sum) => {
            if (first + f >= end) return
            const biased = sum + (parameters.biases?.[first + f] ?? 0)
            output.values[pixelAt(output, n, y, x) + first + f] = activate(options, biased)
          })
        }
      }
    }
  },

  backward(context) {
    const { options, inputs, parameters, output, outputGradient, inputGradients, parameterGradients } =
      context
    const input = inputs[0]!
    const geometry = convGeometry('conv', options, input.shape.slice(1))
    const gradient = activationGradient(options, outputOrSums(convDefinition, context), outputGradient)
    const { groups = 1 } = options
    const [images, height, width, channels] = input.shape
    const filters = output.shape[3]
    const [groupChannels, groupFilters] = [channels / groups, filters / groups]

    if (parameterGradients.biases) biasesGradient(gradient, 0, parameterGradients.biases)
    let row = 0
    for (let ky = 0; ky < geometry.kernelHeight; ky++) {
      for (let kx = 0; kx < geometry.kernelWidth; kx++) {
        for (let c = 0; c < groupChannels; c++, row += filters) {
          for (let group = 0; group < groups; group++) {
            const [channel, filter] = [group * groupChannels + c, group * groupFilters]
            const sums = parameterGradients.weights!.subarray(row + filter, row + filter + groupFilters)
            weightsGradientBlock(geometry, input, gradient, ky, kx, channel, filter, groupFilters, sums)
          }
        }
      }
    }
    const to = inputGradients[0]
    if (!to) return
    const sums = new Float64Array(channels)
    for (let n = 0; n < images; n++) {
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++) {
          inputGradientPixel({ geometry, groups }, gradient, parameters.weights!, channels, n, y, x, 0, sums)
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
 * Writes the weights of `count` filters from `first` on into `block`, which has room for FILTERS_AT_ONCE, and zeros
 * into the rest.
 */
function takeFilters(
  weights: Float32Array | Float64Array,
  filters: number,
  first: number,
  count: number,
  block: Float64Array,
): void {
  const rows = weights.length / filters
  if (count < FILTERS_AT_ONCE) block.fill(0)
  for (let row = 0; row < rows; row++)
    for (let f = 0; f < count; f++) block[row * FILTERS_AT_ONCE + f] = weights[row * filters + first + f]!
}

/**
 * Some channels of an image in float64, with its padding around them. The sums of some pixels by some filters stay in
 * registers during the loops over taps, and the filters' weights stay in the cache during the loop over pixels: with
 * one sum after the other, a single image of VGG takes most of a minute.
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
      (output - 1) * stride + kernelReach(kernel, dilation)
    // Room for more pixels than there are, since PIXELS_AT_ONCE of them are always summed together.
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

  /** Copies this image's channels from `firstChannel` on, as many as there is room for. */
  take(input: Grid, image: number, firstChannel: number): void {
    const { top, left, inputHeight, inputWidth } = this.#geometry
    for (let y = 0; y < inputHeight; y++) {
      let to = ((y + top) * this.#width + left) * this.#channels
      for (let x = 0; x < inputWidth; x++, to += this.#channels) {
        const from = pixelAt(input, image, y, x) + firstChannel
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
  { geometry, groups = 1 }: Convolution,
  input: Grid,
  weights: Float32Array | Float64Array,
  biases: Float32Array | Float64Array | null,
  image: number,
  y: number,
  x: number,
  firstFilter: number,
  sums: Float64Array,
): void {
  const channels = input.shape[3] / groups
  const filters = weights.length / (geometry.kernelHeight * geometry.kernelWidth * channels)
  const groupFilters = filters / groups
  for (let f = 0; f < sums.length; f++) sums[f] = biases?.[firstFilter + f] ?? 0
  for (let ky = 0; ky < geometry.kernelHeight; ky++) {
    const inputY = y * geometry.strideHeight + ky * geometry.dilationHeight - geometry.top
    if (inputY < 0 || inputY >= geometry.inputHeight) continue
    for (let kx = 0; kx < geometry.kernelWidth; kx++) {
      const inputX = x * geometry.strideWidth + kx * geometry.dilationWidth - geometry.left
      if (inputX < 0 || inputX >= geometry.inputWidth) continue
      const pixel = pixelAt(input, image, inputY, inputX)
      const tap = (ky * geometry.kernelWidth + kx) * channels * filters + firstFilter
      for (let begin = 0, end = 0; begin < sums.length; begin = end) {
        const group = Math.floor((firstFilter + begin) / groupFilters)
        end = Math.min(sums.length, (group + 1) * groupFilters - firstFilter)
        const from = pixel + group * channels
        for (let c = 0, row = tap; c < channels; c++, row += filters) {
          const value = input.values[from + c]!
          for (let f = begin; f < end; f++) sums[f]! += value * weights[row + f]!
        }
      }
    }
  }
}

/**
 * Adds to `sums` the gradient of weights[ky, kx] from `firstChannel` and `firstFilter` on: a row of `filters` values for
 * each of as many channels as `sums` has room for. `firstChannel` is a channel of the input, in the group of the filters.
 */
export function weightsGradientBlock(
  geometry: WindowGeometry,
  input: Grid,
  gradient: Grid,
  ky: number,
  kx: number,
  firstChannel: number,
  firstFilter: number,
  filters: number,
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
      let at = pixelAt(input, n, inputY, first * strideWidth + columnOffset) + firstChannel
      let from = pixelAt(gradient, n, y, first) + firstFilter
      for (let x = first; x < end; x++, at += inputStep, from += gradient.pixelPitch) {
        if (filters === FILTERS_AT_ONCE) addProducts(input.values, at, gradient.values, from, sums)
        else
          for (let c = 0, sum = 0; sum < sums.length; c++) {
            const value = input.values[at + c]!
            for (let f = 0; f < filters; f++, sum++) sums[sum]! += value * gradient.values[from + f]!
          }
      }
    }
  }
}

/** The products of some channels and four filters: the filters' gradients are read once for all channels. */
function addProducts(
  inputs: Grid['values'],
  at: number,
  gradients: Grid['values'],
  from: number,
  sums: Float64Array,
): void {
  const g0 = gradients[from]!
  const g1 = gradients[from + 1]!
  const g2 = gradients[from + 2]!
  const g3 = gradients[from + 3]!
  for (let sum = 0, c = at; sum < sums.length; sum += FILTERS_AT_ONCE, c++) {
    const value = inputs[c]!
    sums[sum]! += value * g0
    sums[sum + 1]! += value * g1
    sums[sum + 2]! += value * g2
    sums[sum + 3]! += value * g3
  }
}

/** Writes the gradient of the input's channels from `firstChannel` on, at one input pixel, into `sums`. */
export function inputGradientPixel(
  { geometry, groups = 1 }: Convolution,
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
  const [groupChannels, groupFilters] = [channels / groups, filters / groups]
  sums.fill(0)
  for (let ky = 0; ky < geometry.kernelHeight; ky++) {
    const outputY = (y + geometry.top - ky * geometry.dilationHeight) / geometry.strideHeight
    if (!Number.isInteger(outputY) || outputY < 0 || outputY >= geometry.outputHeight) continue
    for (let kx = 0; kx < geometry.kernelWidth; kx++) {
      const outputX = (x + geometry.left - kx * geometry.dilationWidth) / geometry.strideWidth
      if (!Number.isInteger(outputX) || outputX < 0 || outputX >= geometry.outputWidth) continue
      const pixel = pixelAt(gradient, image, outputY, outputX)
      const tap = (ky * geometry.kernelWidth + kx) * groupChannels
      for (let c = 0; c < sums.length; c++) {
        const group = Math.floor((firstChannel + c) / groupChannels)
        const filter = group * groupFilters
        const row = (tap + firstChannel + c - group * groupChannels) * filters + filter
        for (let f = 0; f < groupFilters; f++)
          sums[c]! += gradient.values[pixel + filter + f]! * weights[row + f]!
      }
    }
  }
}
