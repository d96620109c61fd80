import { convTransposeGeometry } from '../../layers/conv-transpose.ts'
import type { ResolvedLayer } from '../../networks/network.ts'
import { convolutionHalo, inputGradientHalo } from '../geometry.ts'
import type { ConvStep } from './conv.ts'
import type { LayerPlanner, LayerStep, PlanContext } from './layer-planner.ts'
import { biasesOf, forwardSums, sumsGradient } from './weighted-sums.ts'

type Options = PlanContext<'conv-transpose'>['options']

const geometryOf = (layer: ResolvedLayer, options: Options) =>
  convTransposeGeometry(layer.layer.name, options, layer.inputShapes[0]!)

/**
 * Its steps are those of the convolution whose gradient it is. Its forward is that convolution's input gradient, with
 * biases and the activation. Its input gradient is that convolution's forward over the gradient of the sums, and in its
 * weights gradient the input and the gradient of the sums change places.
 */
export const convTransposePlanner: LayerPlanner<'conv-transpose'> = {
  inputHalo: (layer, options) => inputGradientHalo(geometryOf(layer, options)),
  gradientHalo: (layer, options) => convolutionHalo(geometryOf(layer, options)),

  // Its filters are the channels of the convolution whose gradient it is: weights can't be scaled by columns.
  fuses: (does) => does === 'activates',

  forward(context) {
    const { sums, activation, following } = forwardSums(context)
    const step: ConvStep = {
      kind: 'conv-input-gradient',
      layer: context.name,
      pass: 'forward',
      reads: { gradient: context.input, weights: context.parameter('weights'), ...biasesOf(context) },
      writes: { inputGradient: sums },
      options: { geometry: geometryOf(context.layer, context.options), activation },
    }
    return [step, ...following]
  },

  backward(context) {
    const { name: layer, input, isTrained } = context
    const geometry = geometryOf(context.layer, context.options)
    const inputGradient = context.inputGradient()
    if (!isTrained && !inputGradient) return []
    const { gradient, steps } = sumsGradient(context, convolutionHalo(geometry))
    const own: ConvStep[] = []
    if (isTrained)
      own.push({
        kind: 'conv-weights-gradient',
        layer,
        pass: 'backward',
        reads: { input: gradient, gradient: input },
        writes: { weightsGradient: context.parameterGradient('weights') },
        options: { geometry },
      })
    if (inputGradient)
      own.push({
        kind: 'conv-forward',
        layer,
        pass: 'backward',
        reads: { input: gradient, weights: context.parameter('weights') },
        writes: { output: inputGradient },
        options: { geometry },
      })
    return [...steps, ...own] satisfies LayerStep[]
  },
}
