import { convGeometry } from '../layers/conv.ts'
import type { Activation, LayerKind, LayerOptions } from '../layers/index.ts'
import { maxPoolGeometry } from '../layers/max-pool.ts'
import type { ResolvedLayer } from '../networks/network.ts'
import { convolutionHalo, inputGradientHalo } from './geometry.ts'
import type { Step, StepOfKind } from './steps.ts'
import { type Halo, NO_HALO, type View } from './views.ts'

/** What a layer's rule may ask while its steps are planned. */
export interface PlanContext<Kind extends LayerKind> {
  readonly layer: ResolvedLayer
  readonly name: string
  readonly options: LayerOptions<Kind>
  /** The first of them, and all that the layer reads. */
  readonly input: View
  readonly inputs: readonly View[]
  readonly output: View
  parameter(part: string): View
  /** Which draw of random numbers it is; left out where all are the first. */
  readonly turn?: View
  /** Backward alone: */
  outputGradient(): View
  parameterGradient(part: string): View
  /** A new tensor for this layer's part of its first input's gradient; null where nobody asks for it. */
  inputGradient(): View | null
  /** A tensor between two steps of this layer, of the output's shape. */
  between(part: string, halo: Halo): View
}

/** How a layer kind becomes steps. */
interface LayerPlanner<Kind extends LayerKind> {
  /** The zeros that it reads around its input. */
  readonly inputHalo?: (layer: ResolvedLayer, options: LayerOptions<Kind>) => Halo
  /** Reads its input value by value, so that the input needs no channels rounded up to the vector. */
  readonly readsAnyPitch?: boolean
  forward(context: PlanContext<Kind>): Step[]
  backward(context: PlanContext<Kind>): Step[]
}

const geometryOf = ({ layer, options }: PlanContext<'conv'>) =>
  convGeometry(layer.layer.name, options, layer.inputShapes[0]!)

const poolGeometryOf = ({ layer, options }: PlanContext<'max-pool'>) =>
  maxPoolGeometry(layer.layer.name, options, layer.inputShapes[0]!)

/**
 * Where a layer of weighted sums puts them, what of its activation is done there, and the step behind them where that is
 * not all.
 */
function forwardSums(context: PlanContext<'conv'> | PlanContext<'dense'>): {
  sums: View
  activation: 'relu' | undefined
  behind: Step[]
} {
  const { name: layer, options, output } = context
  const { activation } = options
  if (activation === undefined || activation === 'relu') return { sums: output, activation, behind: [] }
  const sums = context.between('sums', NO_HALO)
  return { sums, activation: undefined, behind: [applied(activation, layer, sums, output)] }
}

const applied = (activation: Activation, layer: string, input: View, output: View): Step => ({
  kind: 'activation-forward',
  layer,
  pass: 'forward',
  reads: { input },
  writes: { output },
  options: { activation },
})

/** A layer that is an activation alone. */
const activationPlanner = <Kind extends Activation>(activation: Kind): LayerPlanner<Kind> => ({
  forward: ({ name, input, output }) => [applied(activation, name, input, output)],
  backward: (context) => {
    const inputGradient = context.inputGradient()
    if (!inputGradient) return []
    const reads = { output: context.output, outputGradient: context.outputGradient() }
    return [
      {
        kind: 'activation-backward',
        layer: context.name,
        pass: 'backward',
        reads,
        writes: { inputGradient },
        options: { activation },
      },
    ]
  },
})

/** The first step backward of a layer of weighted sums: what of the gradient goes through its activation. */
function sumsGradient(
  context: PlanContext<'conv'> | PlanContext<'dense'>,
  halo: Halo,
): StepOfKind<'output-gradient'> {
  return {
    kind: 'output-gradient',
    layer: context.name,
    pass: 'backward',
    reads: { output: context.output, outputGradient: context.outputGradient() },
    writes: {
      gradient: context.between('sums.gradient', halo),
      biasesGradient: context.parameterGradient('biases'),
    },
    options: { activation: context.options.activation },
  }
}

/** The table kind -> rule. A kind without one does not compile. */
export const layerPlanners: { readonly [Kind in LayerKind]: LayerPlanner<Kind> } = {
  conv: {
    readsAnyPitch: true,
    inputHalo: (layer, options) =>
      convolutionHalo(convGeometry(layer.layer.name, options, layer.inputShapes[0]!)),
    forward: (context) => {
      const { sums, activation, behind } = forwardSums(context)
      return [
        {
          kind: 'conv-forward',
          layer: context.name,
          pass: 'forward',
          reads: {
            input: context.input,
            weights: context.parameter('weights'),
            biases: context.parameter('biases'),
          },
          writes: { output: sums },
          options: { geometry: geometryOf(context), activation },
        },
        ...behind,
      ]
    },
    backward: (context) => {
      const { name: layer, input } = context
      const geometry = geometryOf(context)
      const inputGradient = context.inputGradient()
      const sums = sumsGradient(context, inputGradient ? inputGradientHalo(geometry) : NO_HALO)
      const { gradient } = sums.writes
      const steps: Step[] = [
        sums,
        {
          kind: 'conv-weights-gradient',
          layer,
          pass: 'backward',
          reads: { input, gradient },
          writes: { weightsGradient: context.parameterGradient('weights') },
          options: { geometry },
        },
      ]
      if (inputGradient) {
        steps.push({
          kind: 'conv-input-gradient',
          layer,
          pass: 'backward',
          reads: { gradient, weights: context.parameter('weights') },
          writes: { inputGradient },
          options: { geometry },
        })
      }
      return steps
    },
  },

  dense: {
    readsAnyPitch: true,
    forward: (context) => {
      const { name: layer, input, parameter } = context
      const { sums, activation, behind } = forwardSums(context)
      return [
        {
          kind: 'dense-forward',
          layer,
          pass: 'forward',
          reads: { input, weights: parameter('weights'), biases: parameter('biases') },
          writes: { output: sums },
          options: { activation },
        },
        ...behind,
      ]
    },
    backward: (context) => {
      const { name: layer, input } = context
      const inputGradient = context.inputGradient()
      const sums = sumsGradient(context, NO_HALO)
      const { gradient } = sums.writes
      const steps: Step[] = [
        sums,
        {
          kind: 'dense-weights-gradient',
          layer,
          pass: 'backward',
          reads: { input, gradient },
          writes: { weightsGradient: context.parameterGradient('weights') },
          options: {},
        },
      ]
      if (inputGradient) {
        steps.push({
          kind: 'dense-input-gradient',
          layer,
          pass: 'backward',
          reads: { gradient, weights: context.parameter('weights') },
          writes: { inputGradient },
          options: {},
        })
      }
      return steps
    },
  },

  relu: activationPlanner('relu'),
  sigmoid: activationPlanner('sigmoid'),
  tanh: activationPlanner('tanh'),

  lrn: {
    forward: ({ name: layer, input, output, options }) => [
      { kind: 'lrn-forward', layer, pass: 'forward', reads: { input }, writes: { output }, options },
    ],
    backward: (context) => {
      const inputGradient = context.inputGradient()
      if (!inputGradient) return []
      const { name: layer, input, options } = context
      const reads = { input, outputGradient: context.outputGradient() }
      return [{ kind: 'lrn-backward', layer, pass: 'backward', reads, writes: { inputGradient }, options }]
    },
  },

  dropout: {
    forward: ({ name: layer, input, output, options, turn }) => {
      const reads = { input, ...(turn && { turn }) }
      return [{ kind: 'dropout-forward', layer, pass: 'forward', reads, writes: { output }, options }]
    },
    backward: (context) => {
      const inputGradient = context.inputGradient()
      if (!inputGradient) return []
      const { name: layer, options, turn } = context
      const reads = { outputGradient: context.outputGradient(), ...(turn && { turn }) }
      return [
        { kind: 'dropout-backward', layer, pass: 'backward', reads, writes: { inputGradient }, options },
      ]
    },
  },

  'max-pool': {
    forward: (context) => {
      const { name: layer, input, output } = context
      const options = { geometry: poolGeometryOf(context) }
      return [
        { kind: 'max-pool-forward', layer, pass: 'forward', reads: { input }, writes: { output }, options },
      ]
    },
    backward: (context) => {
      const inputGradient = context.inputGradient()
      if (!inputGradient) return []
      const { name: layer, input, output } = context
      const reads = { input, output, outputGradient: context.outputGradient() }
      const options = { geometry: poolGeometryOf(context) }
      return [
        { kind: 'max-pool-backward', layer, pass: 'backward', reads, writes: { inputGradient }, options },
      ]
    },
  },

  'l2-loss': {
    forward: ({ name: layer, input, output }) => [
      { kind: 'l2-loss-forward', layer, pass: 'forward', reads: { input }, writes: { output }, options: {} },
    ],
    backward: (context) => {
      const inputGradient = context.inputGradient()
      if (!inputGradient) return []
      const { name: layer, input } = context
      return [
        {
          kind: 'l2-loss-backward',
          layer,
          pass: 'backward',
          reads: { input },
          writes: { inputGradient },
          options: {},
        },
      ]
    },
  },

  'softmax-loss': {
    forward: ({ name: layer, inputs, output }) => {
      const reads = { logits: inputs[0]!, labels: inputs[1]! }
      return [
        { kind: 'softmax-loss-forward', layer, pass: 'forward', reads, writes: { output }, options: {} },
      ]
    },
    backward: (context) => {
      const inputGradient = context.inputGradient()
      if (!inputGradient) return []
      const { name: layer, inputs } = context
      const reads = { logits: inputs[0]!, labels: inputs[1]! }
      return [
        {
          kind: 'softmax-loss-backward',
          layer,
          pass: 'backward',
          reads,
          writes: { inputGradient },
          options: {},
        },
      ]
    },
  },
}

/** The rule of a layer whose kind is only known at run time. */
export function plannerOf(layer: ResolvedLayer): LayerPlanner<LayerKind> {
  return layerPlanners[layer.layer.kind] as LayerPlanner<LayerKind>
}
