import { must, optional, positiveInteger, type Rules, trueOrFalse } from '../check-options.ts'
import { ShapeError } from '../errors.ts'
import { eachPixel, elementCount, pixelAt, type Shape } from '../tensor.ts'
import {
  type Activated,
  activate,
  activationGradient,
  activationRules,
  biasesGradient,
  outputOrSums,
} from './activation.ts'
import { convolvePixel, inputGradientPixel, weightsGradientBlock } from './conv.ts'
import { type LayerDefinition, type LayerInputs, type LayerOf, makeLayer } from './layer.ts'
import { type Trained, trainedRules } from './trained.ts'
import {
  type Extent,
  extent,
  isFromZero,
  kernelReach,
  pair,
  sidesOf,
  sidesOfAxis,
  type WindowGeometry,
  type WindowOptions,
  windowGeometry,
  windowRules,
} from './window.ts'

/** The options of `convTranspose`. */
export interface ConvTransposeOptions extends WindowOptions, Activated, Trained {
  /** The number of filters, which is the number of the output's channels. */
  readonly filters: number
  /** Rows and columns of output that are added at the bottom and at the right; 0 by default. */
  readonly outputPadding?: Extent
  /** From one tap of the kernel to the next, in pixels of the output; 1 by default. */
  readonly dilation?: Extent
  /** False: no biases are added, for example because batch norm follows. True by default. */
  readonly biases?: boolean
}

/** A layer that `convTranspose` makes. */
export type ConvTransposeLayer<Name extends string = string> = LayerOf<
  'conv-transpose',
  Name,
  ConvTransposeOptions
>

/**
 * Transposed convolution: the gradient of a convolution with respect to its input, as a layer. Each value of the input is
 * multiplied by the kernel and the product added to the output, where the next value's product begins `stride` pixels further;
 * then the padding is cut off. A bias for each filter is added unless `biases` is false.
 *
 * Input (N, H, W, C), weights (KH, KW, F, C), biases (F) -> (N, OH, OW, F). The weights' layout is that of the
 * convolution from (OH, OW, F) to (H, W, C), as in TensorFlow. OH = (H - 1) * stride - padding above - padding below +
 * (KH - 1) * dilation + 1 + outputPadding, as in PyTorch and ONNX. With padding 'same' OH = H * stride: if the kernel reaches
 * further than the stride, the rest is cut off, the smaller half above. Padding 'valid' by default. Throws ShapeError.
 * Source: Dumoulin & Visin 2016, chapter 4.
 */
export function convTranspose<const Name extends string>(
  name: Name,
  options: ConvTransposeOptions & LayerInputs,
): ConvTransposeLayer<Name> {
  return makeLayer('conv-transpose', name, options, rules)
}

const extentFromZero = must(
  (value: unknown) =>
    Array.isArray(value) ? value.length === 2 && value.every(isFromZero) : isFromZero(value),
  'an integer from 0 or a pair of them',
)

const rules: Rules<ConvTransposeOptions> = {
  ...windowRules,
  filters: positiveInteger,
  outputPadding: optional(extentFromZero),
  dilation: optional(extent),
  biases: optional(trueOrFalse),
  ...activationRules,
  ...trainedRules,
}

/**
 * The window of the convolution whose gradient the layer is. That convolution's input is the layer's output, and its output
 * is the layer's input. Throws ShapeError.
 */
export function convTransposeGeometry(
  name: string,
  options: ConvTransposeOptions,
  input: Shape,
): WindowGeometry {
  if (input.length !== 3) throw new ShapeError(`${name}: its input [${input}] is not an image (H, W, C)`)
  const [height, width] = [input[0]!, input[1]!]
  const { kernel, stride, padding, dilation } = options
  return {
    ...windowGeometry(
      name,
      { kernel, stride, padding, dilation },
      outputExtent(name, options, 'height', height),
      outputExtent(name, options, 'width', width),
    ),
    // If the output padding is a stride or more, one window more would fit into the output.
    outputHeight: height,
    outputWidth: width,
  }
}

function outputExtent(
  name: string,
  options: ConvTransposeOptions,
  axis: 'height' | 'width',
  input: number,
): number {
  const own = (extent: Extent): number => pair(extent)[axis === 'height' ? 0 : 1]
  const { padding = 'valid' } = options
  const stride = own(options.stride ?? 1)
  const dilation = own(options.dilation ?? 1)
  const added = own(options.outputPadding ?? 0)
  if (padding === 'same') {
    if (added > 0)
      throw new ShapeError(
        `${name}: outputPadding ${added} (${axis}) does not go with padding 'same', whose output is input x stride; ` +
          'give the padding in numbers, or leave outputPadding out',
      )
    return input * stride
  }
  if (added >= Math.max(stride, dilation))
    throw new ShapeError(
      `${name}: outputPadding ${added} (${axis}) must be smaller than the larger of stride ${stride} and dilation ${dilation}`,
    )
  const { before, after } = sidesOfAxis(axis, sidesOf(padding))
  const whole = (input - 1) * stride + kernelReach(own(options.kernel), dilation) + added
  const output = whole - before - after
  if (output < 1)
    throw new ShapeError(
      `${name}: its padding ${before} and ${after} cuts off all of its output, whose ${axis} is ${whole}; make the padding smaller`,
    )
  return output
}

export const convTransposeDefinition: LayerDefinition<ConvTransposeOptions> = {
  outputsOption: 'filters',
  rules,

  outputShape(name, options, [input]) {
    const { inputHeight, inputWidth } = convTransposeGeometry(name, options, input!)
    return [inputHeight, inputWidth, options.filters]
  },

  parameters(options, [input]) {
    const { kernelHeight, kernelWidth } = convTransposeGeometry('', options, input!)
    return {
      weights: {
        shape: [kernelHeight, kernelWidth, options.filters, input![2]!],
        role: 'weights',
        outputAxis: 2,
      },
      ...(options.biases !== false && { biases: { shape: [options.filters], role: 'biases' } }),
    }
  },

  flops(options, [input]) {
    const { kernelHeight, kernelWidth } = convTransposeGeometry('', options, input!)
    const flops = 2 * elementCount(input!) * options.filters * kernelHeight * kernelWidth
    return { forward: flops, parametersGradient: flops, inputGradient: flops }
  },

  forward({ options, inputs: [input], parameters, output }) {
    const geometry = convTransposeGeometry('conv-transpose', options, input!.shape.slice(1))
    const filters = output.shape[3]
    const sums = new Float64Array(filters)
    eachPixel(output, (n, y, x) => {
      inputGradientPixel({ geometry }, input!, parameters.weights!, filters, n, y, x, 0, sums)
      const at = pixelAt(output, n, y, x)
      for (let f = 0; f < filters; f++)
        output.values[at + f] = activate(options, sums[f]! + (parameters.biases?.[f] ?? 0))
    })
  },

  backward(context) {
    const { options, inputs, parameters, output, outputGradient, inputGradients, parameterGradients } =
      context
    const input = inputs[0]!
    const geometry = convTransposeGeometry('conv-transpose', options, input.shape.slice(1))
    const gradient = activationGradient(
      options,
      outputOrSums(convTransposeDefinition, context),
      outputGradient,
    )
    const [filters, channels] = [output.shape[3], input.shape[3]]

    if (parameterGradients.biases) biasesGradient(gradient, 0, parameterGradients.biases)
    let row = 0
    for (let ky = 0; ky < geometry.kernelHeight; ky++) {
      for (let kx = 0; kx < geometry.kernelWidth; kx++) {
        for (let f = 0; f < filters; f++, row += channels) {
          const sums = parameterGradients.weights!.subarray(row, row + channels)
          weightsGradientBlock(geometry, gradient, input, ky, kx, f, 0, channels, sums)
        }
      }
    }
    const to = inputGradients[0]
    if (!to) return
    const sums = new Float64Array(channels)
    eachPixel(to, (n, y, x) => {
      convolvePixel({ geometry }, gradient, parameters.weights!, null, n, y, x, 0, sums)
      const at = pixelAt(to, n, y, x)
      for (let c = 0; c < channels; c++) to.values[at + c]! += sums[c]!
    })
  },
}
