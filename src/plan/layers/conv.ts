import { convGeometry } from '../../layers/conv.ts'
import type { WindowGeometry } from '../../layers/index.ts'
import { convolutionHalo, inputGradientHalo } from '../geometry.ts'
import type { StepOf } from '../step.ts'
import { NO_HALO, type View } from '../views.ts'
import type { LayerPlanner, LayerStep, PlanContext } from './layer-planner.ts'
import { biasesOf, forwardSums, type Rectified, sumsGradient } from './weighted-sums.ts'

type Window = { readonly geometry: WindowGeometry }

export type ConvStep =
  | (StepOf<'conv-forward', 'input' | 'weights', 'output', Window & Rectified> & {
      readonly reads: { readonly biases?: View }
    })
  | StepOf<'conv-weights-gradient', 'input' | 'gradient', 'weightsGradient', Window>
  | StepOf<'conv-input-gradient', 'gradient' | 'weights', 'inputGradient', Window>

const geometryOf = ({ layer, options }: PlanContext<'conv'>) =>
  convGeometry(layer.layer.name, options, layer.inputShapes[0]!)

export const convPlanner: LayerPlanner<'conv'> = {
  readsAnyPitch: true,
  inputHalo: (layer, options) =>
    convolutionHalo(convGeometry(layer.layer.name, options, layer.inputShapes[0]!)),
  gradientHalo: (layer, options) =>
    inputGradientHalo(convGeometry(layer.layer.name, options, layer.inputShapes[0]!)),

  forward(context) {
    const { sums, activation, behind } = forwardSums(context)
    const step: ConvStep = {
      kind: 'conv-forward',
      layer: context.name,
      pass: 'forward',
      reads: { input: context.input, weights: context.parameter('weights'), ...biasesOf(context) },
      writes: { output: sums },
      options: { geometry: geometryOf(context), activation },
    }
    return [step, ...behind]
  },

  backward(context) {
    const { name: layer, input, isTrained } = context
    const options = { geometry: geometryOf(context) }
    const inputGradient = context.inputGradient()
    if (!isTrained && !inputGradient) return []
    const halo = inputGradient ? inputGradientHalo(options.geometry) : NO_HALO
    const { gradient, steps } = sumsGradient(context, halo)
    const own: ConvStep[] = []
    if (isTrained)
      own.push({
        kind: 'conv-weights-gradient',
        layer,
        pass: 'backward',
        reads: { input, gradient },
        writes: { weightsGradient: context.parameterGradient('weights') },
        options,
      })
    if (inputGradient)
      own.push({
        kind: 'conv-input-gradient',
        layer,
        pass: 'backward',
        reads: { gradient, weights: context.parameter('weights') },
        writes: { inputGradient },
        options,
      })
    return [...steps, ...own] satisfies LayerStep[]
  },
}
