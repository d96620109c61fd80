// What the plans of add, subtract, multiply, divide, maximum and minimum share, which combine tensors value by value.
import { type Activated, type BroadcastKind, spreadOf } from '../../layers/index.ts'
import type { Adding, MayAdd, StepOf } from '../step.ts'
import { NO_HALO, type View } from '../views.ts'
import { type ActivationStep, applied, keepsSums, sumsOf, throughActivation } from './activation.ts'
import { addingTo, inputKey, namedInputs, type PlanContext } from './layer-planner.ts'

type Context = { [K in BroadcastKind]: PlanContext<K> }[BroadcastKind]
interface Planner<S> {
  forward(context: Context): readonly S[]
  backward(context: Context): readonly S[]
}

/** It reads `input`, `input1` and so on; those smaller than the output are broadcast. */
export type BroadcastForward<K extends BroadcastKind> = StepOf<`${K}-forward`, string, 'output', Activated>

/**
 * The gradient of one input, summed over what the input was broadcast to. It is computed from the output's gradient and
 * those inputs that the kind needs (`GradientRule`), which the step reads. The activation's gradient is a step before
 * it.
 */
export type BroadcastInputGradient<K extends BroadcastKind> = MayAdd &
  StepOf<
    `${K}-input-gradient`,
    'outputGradient',
    'inputGradient',
    Adding & { readonly index: number; readonly activation: undefined }
  > & { readonly reads: Readonly<Record<string, View>> }

type BroadcastStep<K extends BroadcastKind> = BroadcastForward<K> | BroadcastInputGradient<K> | ActivationStep

function forward<K extends BroadcastKind>(kind: K, context: Context): BroadcastStep<K>[] {
  const { name: layer, inputs, output, options } = context
  const { activation } = options
  const kept = activation !== undefined && keepsSums(context) ? sumsOf(context) : null
  const combined: BroadcastForward<K> = {
    kind: `${kind}-forward`,
    layer,
    pass: 'forward',
    reads: namedInputs(inputs),
    writes: { output: kept ?? output },
    options: { activation: kept ? undefined : activation },
  }
  return kept && activation !== undefined ? [combined, applied(activation, layer, kept, output)] : [combined]
}

/** The gradient before the activation, and, if there is an activation, the step that computes it. */
function gradientBefore(context: Context): { readonly gradient: View; readonly steps: ActivationStep[] } {
  const { activation } = context.options
  if (activation === undefined) return { gradient: context.outputGradient(), steps: [] }
  const gradient = context.between('sums.gradient', NO_HALO)
  const sums = keepsSums(context) ? sumsOf(context) : context.output
  return { gradient, steps: [throughActivation(activation, context, sums, gradient)] }
}

/**
 * The step that computes the gradient of one input; none if nobody needs it. `factors` are the inputs that it is
 * computed from, by their names.
 */
function inputGradient<K extends BroadcastKind>(
  kind: K,
  context: Context,
  index: number,
  outputGradient: View,
  factors: Readonly<Record<string, View>>,
): BroadcastInputGradient<K>[] {
  const place = context.addedGradient(index)
  if (!place) return []
  const { reads, writes, options } = addingTo(place)
  return [
    {
      kind: `${kind}-input-gradient`,
      layer: context.name,
      pass: 'backward',
      reads: { outputGradient, ...factors, ...reads },
      writes,
      options: { ...options, index, activation: undefined },
    },
  ]
}

/** How the gradients of a kind's inputs are computed. */
interface GradientRule {
  /** The inputs whose values the gradient of input `index` depends on, `count` being all of them; by default none. */
  readonly factors?: (index: number, count: number) => readonly number[]
  /** Whether the gradient of an input that is not broadcast is the output's; by default it is not. */
  readonly passes?: (index: number) => boolean
}

/**
 * An input of a sum that is not broadcast has the gradient of the sum, so one tensor serves all such inputs, without a step.
 * Every other gradient takes a step.
 */
export function broadcastPlanner<K extends BroadcastKind>(
  kind: K,
  { factors = () => [], passes = () => false }: GradientRule,
): Planner<BroadcastStep<K>> {
  return {
    forward: (context) => forward(kind, context),

    backward(context) {
      const { inputs, output } = context
      const { gradient, steps } = gradientBefore(context)
      const made = inputs.flatMap((input, index): BroadcastStep<K>[] => {
        const spread = spreadOf(input.shape, output.shape)
        if (passes(index) && spread === 'whole') {
          context.passGradient(index, gradient)
          return []
        }
        const needed = factors(index, inputs.length).map((i) => [inputKey(i), inputs[i]!] as const)
        return inputGradient(kind, context, index, gradient, Object.fromEntries(needed))
      })
      return [...steps, ...made]
    },
  }
}

export const allInputs = (_index: number, count: number): readonly number[] =>
  Array.from({ length: count }, (_, i) => i)
