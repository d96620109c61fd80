// The gradient through an activation, which is known from the activation's output.

import type { ProgramBuilder, Vector } from '../codegen/program.ts'
import type { Activation } from '../layers/index.ts'
import type { View } from '../plan/views.ts'
import type { Implementation, TargetTraits } from './kernel.ts'
import { eachVectorOfRow, rowParts } from './rows.ts'

/** What writes the gradient of the input, given the output and its gradient. Its constants are made once, here. */
export function gradientThrough(
  b: ProgramBuilder,
  activation: Activation,
): (output: Vector, gradient: Vector) => Vector {
  if (activation === 'relu') {
    const zero = b.splat(0)
    return (output, gradient) => b.binary('and', gradient, b.binary('lessThan', zero, output))
  }
  const one = b.splat(1)
  if (activation === 'sigmoid') return (s, gradient) => b.mul(gradient, b.mul(s, b.sub(one, s)))
  // 1 - t^2 by its factors, which keep their digits where t is nearly 1
  return (t, gradient) => b.mul(gradient, b.mul(b.sub(one, t), b.add(one, t)))
}

/** The step backward of a layer that is an activation alone. */
export function backwardThrough(
  activation: Activation,
  step: {
    readonly layer: string
    readonly reads: { readonly output: View; readonly outputGradient: View }
    readonly writes: { readonly inputGradient: View }
  },
  traits: TargetTraits,
): Pick<Implementation, 'stages'> {
  const views = { ...step.reads, ...step.writes }
  const parts = rowParts(
    traits,
    `${step.layer} gradient`,
    views,
    (b, { output, outputGradient, inputGradient }) => {
      const through = gradientThrough(b, activation)
      eachVectorOfRow(b, views.inputGradient, [output!, outputGradient!, inputGradient!], (offset) => {
        b.store(inputGradient!, offset, through(b.load(output!, offset), b.load(outputGradient!, offset)))
      })
    },
  )
  return { stages: [{ parts }] }
}
