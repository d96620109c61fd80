import { finiteNumber, optional, type Rules, trueOrFalse } from '../check-options.ts'
import { eachPixel, pixelAt } from '../tensor.ts'
import { type LayerDefinition, type LayerInputs, type LayerOf, makeLayer, NO_FLOPS } from './layer.ts'
import { type Decayed, decayedRules } from './trained.ts'

export interface ScaleOptions extends Decayed {
  /** The first value of each scale; 1 by default. */
  readonly initial: number
  /** Whether a shift is added, which is 0 at first; true by default. */
  readonly shift?: boolean | undefined
  /** False: scale and shift are constants of the model, which training never changes; true by default. */
  readonly trained?: boolean | undefined
}

export type ScaleLayer<Name extends string = string> = LayerOf<'scale', Name, ScaleOptions>

/**
 * scale * x + shift, with a scale and a shift for each channel, which are trained: batch normalization without statistics. Keeps the
 * shape, (N, H, W, C) or (N, C); parameters scale (C), at first `initial`, and, unless `shift` is false, shift (C), at
 * first 0. If `trained` is false, they are constants, without gradients. Sources: Caffe's layer Scale; Touvron et al. 2021, 'Going
 * deeper with Image Transformers', for ConvNeXt's layer scale, which has no shift and begins with 1e-6.
 */
export function scale<const Name extends string>(
  name: Name,
  options: Partial<ScaleOptions> & LayerInputs = {},
): ScaleLayer<Name> {
  return makeLayer('scale', name, options, rules, { initial: 1 })
}

const rules: Rules<ScaleOptions> = {
  initial: finiteNumber,
  shift: optional(trueOrFalse),
  trained: optional(trueOrFalse),
  ...decayedRules,
}

export const scaleDefinition: LayerDefinition<ScaleOptions> = {
  rules,
  outputShape: (_name, _options, [input]) => input!,

  parameters({ initial, shift = true, trained = true }, [input]) {
    const shape = [input!.at(-1) ?? 1]
    return {
      scale: { shape, role: trained ? 'scale' : 'constant', initial },
      ...(shift && { shift: { shape, role: trained ? 'shift' : 'constant' } }),
    }
  },

  flops: () => NO_FLOPS,

  forward({ inputs: [input], parameters, output }) {
    const { scale, shift } = parameters
    const channels = output.shape[3]
    eachPixel(output, (n, y, x) => {
      const [from, to] = [pixelAt(input!, n, y, x), pixelAt(output, n, y, x)]
      for (let c = 0; c < channels; c++)
        output.values[to + c] = input!.values[from + c]! * scale![c]! + (shift?.[c] ?? 0)
    })
  },

  backward({ inputs, parameters, outputGradient, inputGradients: [inputGradient], parameterGradients }) {
    const input = inputs[0]!
    const { scale, shift } = parameterGradients
    const channels = outputGradient.shape[3]
    eachPixel(outputGradient, (n, y, x) => {
      const [from, at] = [pixelAt(input, n, y, x), pixelAt(outputGradient, n, y, x)]
      const to = inputGradient && pixelAt(inputGradient, n, y, x)
      for (let c = 0; c < channels; c++) {
        const given = outputGradient.values[at + c]!
        if (scale) scale[c]! += given * input.values[from + c]!
        if (shift) shift[c]! += given
        if (to !== null) inputGradient!.values[to + c]! += given * parameters.scale![c]!
      }
    })
  },
}
