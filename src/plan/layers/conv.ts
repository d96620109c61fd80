import { convGeometry } from '../../layers/conv.ts'
import type { WindowGeometry } from '../../layers/index.ts'
import { convolutionHalo, inputGradientHalo } from '../geometry.ts'
import type { StepOf } from '../step.ts'
import { NO_HALO, type View } from '../views.ts'
import type { LayerPlanner, LayerStep, PlanContext } from './layer-planner.ts'
import {
  type Addend,
  type Finished,
  type FoldStep,
  forwardSums,
  forwardWeights,
  sumsGradient,
} from './weighted-sums.ts'

type Window = { readonly geometry: WindowGeometry }

type Biased = { readonly reads: { readonly biases?: View } }

/** With more than one group the steps have kinds, and kernels, of their own. */
type Grouped = Window & { readonly groups: number }

/** As the forward of a transposed convolution, the input gradient adds biases and activates. */
export type ConvStep =
  | FoldStep
  | (StepOf<'conv-forward', 'input' | 'weights', 'output', Window & Finished> & Biased & Addend)
  | StepOf<'conv-weights-gradient', 'input' | 'gradient', 'weightsGradient', Window>
  | (StepOf<'conv-input-gradient', 'gradient' | 'weights', 'inputGradient', Window & Finished> & Biased)
  | (StepOf<'grouped-conv-forward', 'input' | 'weights', 'output', Grouped & Finished> & Biased)
  | StepOf<'grouped-conv-weights-gradient', 'input' | 'gradient', 'weightsGradient', Grouped>
  | StepOf<'grouped-conv-input-gradient', 'gradient' | 'weights', 'inputGradient', Grouped>

const geometryOf = ({ layer, options }: PlanContext<'conv'>) =>
  convGeometry(layer.layer.name, options, layer.inputShapes[0]!)

export const convPlanner: LayerPlanner<'conv'> = {
  readsAnyPitch: true,
  inputHalo: (layer, options) =>
    convolutionHalo(convGeometry(layer.layer.name, options, layer.inputShapes[0]!)),
  gradientHalo: (layer, options) =>
    inputGradientHalo(convGeometry(layer.layer.name, options, layer.inputShapes[0]!)),

  // Of a convolution in groups no sum follows in the networks that people run.
  fuses: (does, { groups = 1 }) => does !== 'adds' || groups === 1,

  forward(context) {
    const { sums, activation, addend, following } = forwardSums(context)
    const { weights, biases, before } = forwardWeights(context)
    const { groups = 1 } = context.options
    const geometry = geometryOf(context)
    const step = {
      layer: context.name,
      pass: 'forward',
      reads: { input: context.input, weights, ...biases, ...addend },
      writes: { output: sums },
    } as const
    const own: ConvStep =
      groups > 1
        ? { kind: 'grouped-conv-forward', ...step, options: { geometry, groups, activation } }
        : { kind: 'conv-forward', ...step, options: { geometry, activation } }
    return [...before, own, ...following]
  },

  backward(context) {
    const { name: layer, input, isTrained } = context
    const { groups = 1 } = context.options
    const geometry = geometryOf(context)
    const inputGradient = context.inputGradient()
    if (!isTrained && !inputGradient) return []
    const halo = inputGradient ? inputGradientHalo(geometry) : NO_HALO
    const { gradient, steps } = sumsGradient(context, halo)
    const own: ConvStep[] = []
    if (isTrained) {
      const step = {
        layer,
        pass: 'backward',
        reads: { input, gradient },
        writes: { weightsGradient: context.parameterGradient('weights') },
      } as const
      own.push(
        groups > 1
          ? { kind: 'grouped-conv-weights-gradient', ...step, options: { geometry, groups } }
          : { kind: 'conv-weights-gradient', ...step, options: { geometry } },
      )
    }
    if (inputGradient) {
      const step = {
        layer,
        pass: 'backward',
        reads: { gradient, weights: context.parameter('weights') },
        writes: { inputGradient },
      } as const
      own.push(
        groups > 1
          ? { kind: 'grouped-conv-input-gradient', ...step, options: { geometry, groups } }
          : { kind: 'conv-input-gradient', ...step, options: { geometry } },
      )
    }
    return [...steps, ...own] satisfies LayerStep[]
  },
}
