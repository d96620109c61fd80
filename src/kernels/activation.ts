// Activations, as steps of their own and as what the gradient of a layer of weighted sums goes through.

import type { ProgramBuilder, Vector } from '../codegen/program.ts'
import type { Activation } from '../layers/index.ts'
import { onlyWay } from './kernel.ts'
import { sigmoid, tanh } from './math.ts'
import { eachVectorOfPixels, eachVectorOfRow, rowParts } from './rows.ts'

/** Each makes its constants once, before the loop. */
interface ActivationKernel {
  readonly value: (b: ProgramBuilder) => (x: Vector) => Vector
  /** Of the input, given the output and its gradient. */
  readonly gradient: (b: ProgramBuilder) => (output: Vector, gradient: Vector) => Vector
  /** What it makes of 0 is not 0, and must not come into the padded channels. */
  readonly changesZero?: boolean
}

/** The table name -> what is computed. An activation without one does not compile. */
const activations: { readonly [Name in Activation]: ActivationKernel } = {
  relu: {
    value: (b) => {
      const zero = b.splat(0)
      return (x) => b.max(x, zero)
    },
    gradient: (b) => {
      const zero = b.splat(0)
      return (output, gradient) => b.binary('and', gradient, b.binary('lessThan', zero, output))
    },
  },
  sigmoid: {
    changesZero: true,
    value: (b) => (x) => sigmoid(b, x),
    gradient: (b) => {
      const one = b.splat(1)
      return (s, gradient) => b.mul(gradient, b.mul(s, b.sub(one, s)))
    },
  },
  tanh: {
    value: (b) => (x) => tanh(b, x),
    gradient: (b) => {
      const one = b.splat(1)
      // 1 - t^2 by its factors, which keep their digits where t is nearly 1
      return (t, gradient) => b.mul(gradient, b.mul(b.sub(one, t), b.add(one, t)))
    },
  },
}

/** What writes the gradient of the input, given the output and its gradient. */
export const gradientThrough = (
  b: ProgramBuilder,
  activation: Activation,
): ((output: Vector, gradient: Vector) => Vector) => activations[activation].gradient(b)

export const activationForward = onlyWay<'activation-forward'>((step, traits) => {
  const views = { input: step.reads.input, output: step.writes.output }
  const { value: valueIn, changesZero = false } = activations[step.options.activation]
  const parts = rowParts(traits, step.layer, views, (b, { input, output }) => {
    const value = valueIn(b)
    const pointers = [input!, output!]
    if (!changesZero) {
      eachVectorOfRow(b, views.output, pointers, (offset) =>
        b.store(output!, offset, value(b.load(input!, offset))),
      )
    } else {
      eachVectorOfPixels(b, views.output, pointers, (offset, isChannel) => {
        const made = value(b.load(input!, offset))
        b.store(output!, offset, isChannel === null ? made : b.binary('and', made, isChannel))
      })
    }
  })
  return { stages: [{ parts }] }
})

export const activationBackward = onlyWay<'activation-backward'>((step, traits) => {
  const views = { ...step.reads, ...step.writes }
  const parts = rowParts(
    traits,
    `${step.layer} gradient`,
    views,
    (b, { output, outputGradient, inputGradient }) => {
      const through = gradientThrough(b, step.options.activation)
      eachVectorOfRow(b, views.inputGradient, [output!, outputGradient!, inputGradient!], (offset) => {
        b.store(inputGradient!, offset, through(b.load(output!, offset), b.load(outputGradient!, offset)))
      })
    },
  )
  return { stages: [{ parts }] }
})
