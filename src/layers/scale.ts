import { finiteNumber, oneOf, optional, type Rules, trueOrFalse } from '../check-options.ts'
import { asImageShape, eachPixel, type Grid, pixelAt, type Shape } from '../tensor.ts'
import { type LayerDefinition, type LayerInputs, type LayerOf, makeLayer, NO_FLOPS } from './layer.ts'
import { type Decayed, decayedRules } from './trained.ts'

const PER = ['channel', 'pixel', 'value'] as const

/** What has a scale and a shift of its own: each channel, each pixel, or each value of an image. */
export type ScalePer = (typeof PER)[number]

/** The options of `scale`. */
export interface ScaleOptions extends Decayed {
  /**
   * What has a scale and a shift of its own: each channel (by default), each pixel, for all its channels, or each value
   * of an image.
   */
  readonly per?: ScalePer | undefined
  /** The first value of each scale; 1 by default. */
  readonly initial: number
  /** Whether a shift is added, which is 0 at first; true by default. */
  readonly shift?: boolean | undefined
  /** False: scale and shift are constants of the model, which training never changes; true by default. */
  readonly trained?: boolean | undefined
}

/** A layer that `scale` makes. */
export type ScaleLayer<Name extends string = string> = LayerOf<'scale', Name, ScaleOptions>

/**
 * scale * x + shift, with a scale and a shift for each channel, which are trained: batch normalization without
 * statistics. Keeps the shape, (N, H, W, C) or (N, C); parameters scale (C), at first `initial`, and, unless `shift` is
 * false, shift (C), at first 0. With `per: 'pixel'` they are (H, W, 1), with `per: 'value'` (H, W, C), the same for all
 * images, as embeddings of positions are. If `trained` is false, they are constants, without gradients. Sources:
 * Caffe's layer Scale; Touvron et al. 2021, 'Going deeper with Image Transformers', for ConvNeXt's layer scale, which
 * has no shift and begins with 1e-6.
 */
export function scale<const Name extends string>(
  name: Name,
  options: Partial<ScaleOptions> & LayerInputs = {},
): ScaleLayer<Name> {
  return makeLayer('scale', name, options, rules, { initial: 1 })
}

const rules: Rules<ScaleOptions> = {
  per: optional(oneOf(PER)),
  initial: finiteNumber,
  shift: optional(trueOrFalse),
  trained: optional(trueOrFalse),
  ...decayedRules,
}

function shapeOf({ per = 'channel' }: ScaleOptions, input: Shape): Shape {
  const [height, width, channels] = asImageShape(input)
  if (per === 'channel' || input.length < 3) return [per === 'pixel' ? 1 : channels]
  return [height, width, per === 'pixel' ? 1 : channels]
}

/** Where a pixel's scales and shifts begin, and the step from one channel's to the next: 0 if all share one. */
function placeOf(
  { per = 'channel' }: ScaleOptions,
  [, , width, channels]: Grid['shape'],
  y: number,
  x: number,
): readonly [first: number, step: 0 | 1] {
  if (per === 'channel') return [0, 1]
  const pixel = y * width + x
  return per === 'pixel' ? [pixel, 0] : [pixel * channels, 1]
}

export const scaleDefinition: LayerDefinition<ScaleOptions> = {
  rules,
  outputShape: (_name, _options, [input]) => input!,

  parameters(options, [input]) {
    const { initial, shift = true, trained = true } = options
    const shape = shapeOf(options, input!)
    return {
      scale: { shape, role: trained ? 'scale' : 'constant', initial },
      ...(shift && { shift: { shape, role: trained ? 'shift' : 'constant' } }),
    }
  },

  flops: () => NO_FLOPS,

  forward({ options, inputs: [input], parameters, output }) {
    const { scale, shift } = parameters
    const channels = output.shape[3]
    eachPixel(output, (n, y, x) => {
      const [from, to] = [pixelAt(input!, n, y, x), pixelAt(output, n, y, x)]
      const [first, step] = placeOf(options, output.shape, y, x)
      for (let c = 0; c < channels; c++) {
        const at = first + c * step
        output.values[to + c] = input!.values[from + c]! * scale![at]! + (shift?.[at] ?? 0)
      }
    })
  },

  backward({
    options,
    inputs,
    parameters,
    outputGradient,
    inputGradients: [inputGradient],
    parameterGradients,
  }) {
    const input = inputs[0]!
    const { scale, shift } = parameterGradients
    const channels = outputGradient.shape[3]
    eachPixel(outputGradient, (n, y, x) => {
      const [from, at] = [pixelAt(input, n, y, x), pixelAt(outputGradient, n, y, x)]
      const to = inputGradient && pixelAt(inputGradient, n, y, x)
      const [first, step] = placeOf(options, outputGradient.shape, y, x)
      for (let c = 0; c < channels; c++) {
        const given = outputGradient.values[at + c]!
        const own = first + c * step
        if (scale) scale[own]! += given * input.values[from + c]!
        if (shift) shift[own]! += given
        if (to !== null) inputGradient!.values[to + c]! += given * parameters.scale![own]!
      }
    })
  },
}
