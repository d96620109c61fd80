// Activations, as steps of their own and as what the gradient of a layer of weighted sums goes through.

import type { Pointer, ProgramBuilder, Vector } from '../codegen/program.ts'
import type { Activation } from '../layers/index.ts'
import type { View } from '../plan/views.ts'
import { onlyWay } from './kernel.ts'
import { sigmoid, tanh } from './math.ts'
import { eachVectorOfPixels, eachVectorOfRow, rowParts, storeGradient } from './rows.ts'

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

/** All vectors of a row: with masks of the padded channels where the activation would not leave them zero. */
export function eachActivatedVector(
  b: ProgramBuilder,
  view: View,
  activation: Activation | undefined,
  pointers: readonly Pointer[],
  write: (offset: number, isChannel: Vector | null) => void,
): void {
  if (activation !== undefined && activations[activation].changesZero)
    eachVectorOfPixels(b, view, pointers, write)
  else eachVectorOfRow(b, view, pointers, (offset) => write(offset, null))
}

/**
 * What a layer with an activation makes of its sums. `isChannel` masks padded channels, which must stay zero; it is null where
 * there are none.
 */
export function activationIn(
  b: ProgramBuilder,
  activation: Activation | undefined,
): (sum: Vector, isChannel: Vector | (() => Vector) | null) => Vector {
  if (activation === undefined) return (sum) => sum
  const { value: valueIn, changesZero = false } = activations[activation]
  const value = valueIn(b)
  return (sum, isChannel) => {
    const made = value(sum)
    if (!changesZero || isChannel === null) return made
    return b.binary('and', made, typeof isChannel === 'function' ? isChannel() : isChannel)
  }
}

export const activationForward = onlyWay<'activation-forward'>((step, traits) => {
  const views = { input: step.reads.input, output: step.writes.output }
  const { activation } = step.options
  const parts = rowParts(traits, step.layer, views, (b, { input, output }) => {
    const activate = activationIn(b, activation)
    eachActivatedVector(b, views.output, activation, [input!, output!], (offset, isChannel) => {
      b.store(output!, offset, activate(b.load(input!, offset), isChannel))
    })
  })
  return { stages: [{ parts }] }
})

export const activationBackward = onlyWay<'activation-backward'>((step, traits) => {
  const { output, outputGradient } = step.reads
  const views = { output, outputGradient, ...step.writes }
  const parts = rowParts(
    traits,
    `${step.layer} gradient`,
    views,
    (b, { output, outputGradient, inputGradient }) => {
      const through = gradientThrough(b, step.options.activation)
      eachVectorOfRow(b, views.inputGradient, [output!, outputGradient!, inputGradient!], (offset) => {
        const given = through(b.load(output!, offset), b.load(outputGradient!, offset))
        storeGradient(b, inputGradient!, offset, given, step.options)
      })
    },
  )
  return { stages: [{ parts }] }
})
