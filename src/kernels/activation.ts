// Activations, as steps of their own and as part of the gradient of a layer of weighted sums.

import type { Pointer, ProgramBuilder, Vector } from '../codegen/program.ts'
import { activate } from '../layers/activation.ts'
import { type Activation, type ActivationKind, type OptionsOfActivation, partsOf } from '../layers/index.ts'
import type { View } from '../plan/views.ts'
import { onlyWay } from './kernel.ts'
import {
  elu,
  erf,
  erfSlope,
  exponential,
  geluGradient,
  hardSigmoid,
  magnitude,
  mishGradient,
  mishShare,
  nearlyNormalShare,
  normalShare,
  power,
  sigmoid,
  softplus,
  softplusSlope,
  tanh,
} from './math.ts'
import { eachVectorOfPixels, eachVectorOfRow, rowParts, storeGradient } from './rows.ts'

/** Each function creates its constants once, before the loop. */
interface ActivationKernel<Options> {
  /** It needs no registers but those of its constants, so that it can be computed while many sums are in registers. */
  readonly isLight?: boolean
  readonly value: (b: ProgramBuilder, options: Options) => (x: Vector) => Vector
  /**
   * The gradient of the input, given the output (or the input, if the activation's `needsInput` says so) and the
   * output's gradient.
   */
  readonly gradient: (b: ProgramBuilder, options: Options) => (known: Vector, gradient: Vector) => Vector
}

/** The table kind -> kernel. An activation without one does not compile. */
const activations: { readonly [Kind in ActivationKind]: ActivationKernel<OptionsOfActivation[Kind]> } = {
  relu: {
    isLight: true,
    value: (b) => {
      const zero = b.splat(0)
      return (x) => b.max(x, zero)
    },
    gradient: (b) => {
      const zero = b.splat(0)
      return (output, gradient) => b.binary('and', gradient, b.binary('lessThan', zero, output))
    },
  },
  clip: {
    isLight: true,
    value: (b, { min, max }) => {
      const [lowest, highest] = [b.splat(min), b.splat(max)]
      return (x) => b.min(b.max(x, lowest), highest)
    },
    gradient: (b, { min, max }) => {
      const [lowest, highest] = [b.splat(min), b.splat(max)]
      return (y, gradient) => {
        const isBetween = b.binary('and', b.binary('lessThan', lowest, y), b.binary('lessThan', y, highest))
        return b.binary('and', gradient, isBetween)
      }
    },
  },
  'leaky-relu': {
    value: (b, { slope }) => {
      const [zero, factor] = [b.splat(0), b.splat(slope)]
      return (x) => b.select(b.binary('lessThan', zero, x), x, b.mul(x, factor))
    },
    gradient: (b, { slope }) => {
      const [zero, factor] = [b.splat(0), b.splat(slope)]
      return (y, gradient) => b.select(b.binary('lessThan', zero, y), gradient, b.mul(gradient, factor))
    },
  },
  elu: {
    value:
      (b, { alpha }) =>
      (x) =>
        elu(b, x, alpha),
    gradient: (b, { alpha }) => {
      const [zero, lowest] = [b.splat(0), b.splat(alpha)]
      return (y, gradient) =>
        b.select(b.binary('lessThan', zero, y), gradient, b.mul(gradient, b.add(y, lowest)))
    },
  },
  sigmoid: {
    value: (b) => (x) => sigmoid(b, x),
    gradient: (b) => {
      const one = b.splat(1)
      return (s, gradient) => b.mul(gradient, b.mul(s, b.sub(one, s)))
    },
  },
  'hard-sigmoid': {
    value: (b) => (x) => hardSigmoid(b, x),
    gradient: (b) => {
      const [zero, one, slope] = [b.splat(0), b.splat(1), b.splat(1 / 6)]
      return (y, gradient) => {
        const isBetween = b.binary('and', b.binary('lessThan', zero, y), b.binary('lessThan', y, one))
        return b.binary('and', b.mul(gradient, slope), isBetween)
      }
    },
  },
  'hard-swish': {
    value: (b) => (x) => b.mul(x, hardSigmoid(b, x)),
    gradient: (b) => (x, gradient) => {
      const slope = b.add(b.mul(x, b.splat(1 / 3)), b.splat(0.5))
      const below3 = b.select(b.binary('lessThan', x, b.splat(3)), slope, b.splat(1))
      const factor = b.binary('and', below3, b.binary('lessThan', b.splat(-3), x))
      return b.mul(gradient, b.select(b.binary('unordered', x, x), x, factor))
    },
  },
  silu: {
    value: (b) => (x) => b.mul(x, sigmoid(b, x)),
    gradient: (b) => (x, gradient) => {
      const share = sigmoid(b, x)
      const one = b.splat(1)
      return b.mul(gradient, b.mul(share, b.add(one, b.mul(x, b.sub(one, share)))))
    },
  },
  gelu: {
    value: (b, { approximate }) => {
      const share = approximate === 'tanh' ? nearlyNormalShare : normalShare
      return (x) => b.mul(x, share(b, x))
    },
    gradient:
      (b, { approximate }) =>
      (x, gradient) =>
        b.mul(gradient, geluGradient(b, x, approximate)),
  },
  tanh: {
    value: (b) => (x) => tanh(b, x),
    gradient: (b) => {
      const one = b.splat(1)
      // 1 - t^2 by its factors, which keep their digits if t is nearly 1
      return (t, gradient) => b.mul(gradient, b.mul(b.sub(one, t), b.add(one, t)))
    },
  },
  softplus: {
    value: (b) => (x) => softplus(b, x),
    gradient: (b) => (y, gradient) => b.mul(gradient, softplusSlope(b, y)),
  },
  mish: {
    value: (b) => (x) => b.mul(x, mishShare(b, x)),
    gradient: (b) => (x, gradient) => b.mul(gradient, mishGradient(b, x)),
  },
  abs: {
    value: (b) => (x) => magnitude(b, x),
    gradient: (b) => {
      const zero = b.splat(0)
      return (x, gradient) => {
        const above = b.binary('and', gradient, b.binary('lessThan', zero, x))
        return b.sub(above, b.binary('and', gradient, b.binary('lessThan', x, zero)))
      }
    },
  },
  exp: {
    value: (b) => (x) => exponential(b, x),
    gradient: (b) => (y, gradient) => b.mul(gradient, y),
  },
  erf: {
    value: (b) => (x) => erf(b, x),
    gradient: (b) => (x, gradient) => b.mul(gradient, erfSlope(b, x)),
  },
  power: {
    value:
      (b, { exponent }) =>
      (x) =>
        power(b, x, exponent),
    gradient:
      (b, { exponent }) =>
      (x, gradient) => {
        const product = b.mul(b.mul(gradient, b.splat(exponent)), power(b, x, exponent - 1))
        return b.binary('andNot', product, b.binary('equal', gradient, b.splat(0)))
      },
  },
}

/** The activation's row in the table, and its options. */
function kernelOf(activation: Activation): readonly [ActivationKernel<object>, object] {
  const { kind, options } = partsOf(activation)
  return [activations[kind] as ActivationKernel<object>, options]
}

/** Whether it needs few registers. */
export const isLight = (activation: Activation): boolean => kernelOf(activation)[0].isLight ?? false

/** Whether its value at 0 is not 0: then padded channels must be masked. */
export const changesZero = (activation: Activation): boolean => activate({ activation }, 0) !== 0

/** Creates the activation's constants; returns what writes the gradient, as `ActivationKernel.gradient` has it. */
export function gradientThrough(
  b: ProgramBuilder,
  activation: Activation,
): (known: Vector, gradient: Vector) => Vector {
  const [{ gradient }, options] = kernelOf(activation)
  return gradient(b, options)
}

/** Goes over all vectors of a row, with masks of the padded channels if the activation would not leave them zero. */
export function eachActivatedVector(
  b: ProgramBuilder,
  view: View,
  activation: Activation | undefined,
  pointers: readonly Pointer[],
  write: (offset: number, isChannel: Vector | null) => void,
): void {
  if (activation !== undefined && changesZero(activation)) eachVectorOfPixels(b, view, pointers, write)
  else eachVectorOfRow(b, view, pointers, (offset) => write(offset, null))
}

/** The activation of a layer's sums. `isChannel` masks padded channels, which must stay zero; null if the vector has none. */
export function activationIn(
  b: ProgramBuilder,
  activation: Activation | undefined,
): (sum: Vector, isChannel: Vector | (() => Vector) | null) => Vector {
  if (activation === undefined) return (sum) => sum
  const [{ value: valueIn }, options] = kernelOf(activation)
  const value = valueIn(b, options)
  const isMasked = changesZero(activation)
  return (sum, isChannel) => {
    const made = value(sum)
    if (!isMasked || isChannel === null) return made
    return b.binary('and', made, typeof isChannel === 'function' ? isChannel() : isChannel)
  }
}

/** The activation of sums that a kernel holds in registers, all at once. */
export interface SumsActivation {
  /** Before a sum is stored. */
  readonly inRegister: (sum: Vector) => Vector
  /**
   * After all are stored: an activation that needs registers itself goes over them once more, while they are in the first
   * cache.
   */
  readonly inMemory: ((at: Pointer, offsets: readonly number[]) => void) | null
}

/** How many vectors are activated at the same time: with 16 registers there is room for the values of two. */
const mostAtOnce = ({ lanes }: ProgramBuilder): number => (lanes === 16 ? 4 : 2)

/** Sums whose padded channels are 0: the activation must leave 0 as it is. */
export function activationOfSums(b: ProgramBuilder, activation: Activation | undefined): SumsActivation {
  const same = (sum: Vector) => sum
  if (activation === undefined) return { inRegister: same, inMemory: null }
  if (isLight(activation)) {
    const activate = activationIn(b, activation)
    return { inRegister: (sum) => activate(sum, null), inMemory: null }
  }
  return {
    inRegister: same,
    inMemory: (at, offsets) => {
      const some = mostAtOnce(b)
      for (let first = 0; first < offsets.length; first += some) {
        b.interleave(
          offsets.slice(first, first + some).map((offset) => () => {
            const activate = activationIn(b, activation)
            b.store(at, offset, activate(b.load(at, offset), null))
          }),
        )
      }
    },
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
  const { input, output, outputGradient } = step.reads
  const views = { known: (input ?? output)!, outputGradient, ...step.writes }
  const parts = rowParts(
    traits,
    `${step.layer} gradient`,
    views,
    (b, { known, outputGradient, inputGradient }) => {
      const through = gradientThrough(b, step.options.activation)
      eachVectorOfRow(b, views.inputGradient, [known!, outputGradient!, inputGradient!], (offset) => {
        const given = through(b.load(known!, offset), b.load(outputGradient!, offset))
        storeGradient(b, inputGradient!, offset, given, step.options)
      })
    },
  )
  return { stages: [{ parts }] }
})
