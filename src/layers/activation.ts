// What layers of weighted sums share: the activation after the sums, and the gradients of sums and biases.

import {
  faultOf,
  isRecord,
  must,
  oneOf,
  optional,
  type Rule,
  type Rules,
  withAllOptional,
} from '../check-options.ts'
import { denseGrid, eachPixel, elementCount, type Grid, pixelAt } from '../tensor.ts'
import { absolute } from './abs.ts'
import { type ClipOptions, clipped, RELU6 } from './clip.ts'
import type { Elementwise, NoOptions } from './elementwise.ts'
import { type EluOptions, exponentialLinear } from './elu.ts'
import { errorFunction } from './erf.ts'
import { exponential } from './exp.ts'
import { type GeluOptions, normalGated } from './gelu.ts'
import { hardLogistic } from './hard-sigmoid.ts'
import { hardGated } from './hard-swish.ts'
import type { ForwardContext, LayerDefinition } from './layer.ts'
import { type LeakyReluOptions, leaky } from './leaky-relu.ts'
import { softplusGated } from './mish.ts'
import { type PowerOptions, powerOf } from './power.ts'
import { rectified } from './relu.ts'
import { logistic } from './sigmoid.ts'
import { logisticGated } from './silu.ts'
import { smoothRectified } from './softplus.ts'
import { hyperbolicTangent } from './tanh.ts'

/** The options of each activation, by its kind, which is also the kind of the layer that is only this activation. */
export interface OptionsOfActivation {
  relu: NoOptions
  clip: ClipOptions
  'leaky-relu': LeakyReluOptions
  elu: EluOptions
  sigmoid: NoOptions
  'hard-sigmoid': NoOptions
  'hard-swish': NoOptions
  silu: NoOptions
  gelu: GeluOptions
  tanh: NoOptions
  softplus: NoOptions
  mish: NoOptions
  abs: NoOptions
  exp: NoOptions
  erf: NoOptions
  power: PowerOptions
}

/** The name of a kind of activation, which is also the kind of the layer that is only this activation. */
export type ActivationKind = keyof OptionsOfActivation

/** The table kind -> function. */
const functions: { readonly [Kind in ActivationKind]: Elementwise<OptionsOfActivation[Kind]> } = {
  relu: rectified,
  clip: clipped,
  'leaky-relu': leaky,
  elu: exponentialLinear,
  sigmoid: logistic,
  'hard-sigmoid': hardLogistic,
  'hard-swish': hardGated,
  silu: logisticGated,
  gelu: normalGated,
  tanh: hyperbolicTangent,
  softplus: smoothRectified,
  mish: softplusGated,
  abs: absolute,
  exp: exponential,
  erf: errorFunction,
  power: powerOf,
}
const KINDS = Object.keys(functions) as readonly ActivationKind[]

/** Activations that can be given by name alone, with their default options; `relu6` is the clip from 0 to 6. */
export const ACTIVATIONS = [
  'relu',
  'relu6',
  'leaky-relu',
  'elu',
  'sigmoid',
  'hard-sigmoid',
  'hard-swish',
  'silu',
  'gelu',
  'tanh',
  'softplus',
  'mish',
  'abs',
  'exp',
  'erf',
] as const

/** The name of an activation with its default options. */
export type ActivationName = (typeof ACTIVATIONS)[number]

/** An activation with options of its own: `{ kind: 'leaky-relu', slope: 0.1 }`. */
export type ActivationWithOptions =
  | ({ readonly kind: 'clip' } & ClipOptions)
  | ({ readonly kind: 'power' } & PowerOptions)
  | {
      [Kind in WithDefaults]: { readonly kind: Kind } & Partial<OptionsOfActivation[Kind]>
    }[WithDefaults]
type WithDefaults = Exclude<ActivationKind, 'clip' | 'power'>

/** An activation: its name, `'relu'`, or an object with options, `{ kind: 'leaky-relu', slope: 0.1 }`. */
export type Activation = ActivationName | ActivationWithOptions

/** The options of a layer that may apply an activation to its results. */
export interface Activated {
  /** Applied to the sums; the layer's output is its result. */
  readonly activation?: Activation | undefined
}

/** The check of an option that is an activation: a name, or an object of a kind and its options. */
export const activationRule: Rule = {
  fault(value, name) {
    if (typeof value === 'string') return oneOf(ACTIVATIONS).fault(value, name)
    if (!isRecord(value))
      return must(() => false, `a name (${ACTIVATIONS.join(', ')}) or an object ({ kind, ... })`).fault(
        value,
        name,
      )
    const { kind, ...given } = value
    const kindFault = oneOf(KINDS).fault(kind, `${name}.kind`)
    if (kindFault !== null) return kindFault
    const { rules, defaults, fault } = functions[kind as ActivationKind] as Elementwise<
      Readonly<Record<string, unknown>>
    >
    const optionsFault = faultOf(given, defaults ? withAllOptional(rules) : rules, name)
    if (optionsFault !== null) return optionsFault
    const togetherFault = fault?.(given) ?? null
    return togetherFault === null ? null : `${name}: ${togetherFault}`
  },
}

export const activationRules: Rules<Activated> = { activation: optional(activationRule) }

/** An activation's kind and all of its options, defaults included. */
export interface ActivationParts<Kind extends ActivationKind = ActivationKind> {
  readonly kind: Kind
  readonly options: OptionsOfActivation[Kind]
}

/** The parts of an activation, however it is written. */
export function partsOf(activation: Activation): ActivationParts {
  if (activation === 'relu6') return { kind: 'clip', options: RELU6 }
  if (typeof activation === 'string')
    return { kind: activation, options: functions[activation].defaults ?? {} }
  const { kind, ...given } = activation
  const chosen = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
  return { kind, options: { ...functions[kind].defaults, ...chosen } }
}

/** The activation's function, and its options, defaults included. */
function functionOf(activation: Activation): readonly [Elementwise<object>, object] {
  const { kind, options } = partsOf(activation)
  return [functions[kind] as Elementwise<object>, options]
}

/** Whether this is the name of a kind of activation. */
export const isActivation = (name: string | undefined): name is ActivationKind =>
  (KINDS as readonly (string | undefined)[]).includes(name)

/**
 * The root mean square that the sums must have for the check to see all that the activation does; null if any large one
 * will do.
 */
export function inputSizeOf(activation: Activation | undefined): number | null {
  if (activation === undefined) return null
  const [pointwise, options] = functionOf(activation)
  return pointwise.inputSize?.(options) ?? null
}

/** Whether the activation lets large inputs through, as ReLU does. */
export const rectifies = (kind: ActivationKind): boolean => functions[kind].rectifies ?? false

/** Whether each value is a probability. */
export const givesProbabilities = (activation: Activation): boolean =>
  functionOf(activation)[0].givesProbabilities ?? false

/** Whether the gradient of the sums is computed from the sums; otherwise it is computed from the layer's output. */
export const needsSums = ({ activation }: Activated): boolean =>
  activation !== undefined && (functionOf(activation)[0].needsInput ?? false)

/** Whether sums that are computed once more, and rounded otherwise, have nearly the same gradient. */
export const isSmooth = ({ activation }: Activated): boolean =>
  activation !== undefined && (functionOf(activation)[0].isSmooth ?? false)

/** The layer's output for a sum. NaN stays NaN. */
export function activate({ activation }: Activated, sum: number): number {
  if (activation === undefined) return sum
  const [pointwise, options] = functionOf(activation)
  return pointwise.value(sum, options)
}

type Values = Grid['values']

/** Applies an activation to consecutive sums, in place. NaN stays NaN. */
export function activateAll({ activation }: Activated, values: Values, from: number, count: number): void {
  if (activation === undefined) return
  const [pointwise, options] = functionOf(activation)
  for (let i = from; i < from + count; i++) values[i] = pointwise.value(values[i]!, options)
}

/**
 * The gradients of consecutive sums, as many as `gradients` has room for, given what they are computed from (the layer's
 * output, or the sums if `needsSums`) and the output's gradient.
 */
export function gradientsThrough(
  { activation }: Activated,
  known: Grid,
  at: number,
  outputGradient: Grid,
  from: number,
  gradients: Float64Array,
): void {
  const [values, given] = [known.values, outputGradient.values]
  if (activation === undefined) {
    for (let i = 0; i < gradients.length; i++) gradients[i] = given[from + i]!
    return
  }
  const [{ gradient }, options] = functionOf(activation)
  for (let i = 0; i < gradients.length; i++)
    gradients[i] = gradient(values[at + i]!, given[from + i]!, options)
}

/**
 * What the gradient of the sums is computed from: the layer's output, or the sums if the activation needs them
 * (`needsSums`). The sums are computed again, by the layer's forward without its activation.
 */
export function outputOrSums<Options extends Activated>(
  definition: LayerDefinition<Options>,
  context: ForwardContext<Options>,
): Grid {
  const { options, output } = context
  if (!needsSums(options)) return output
  const [images, ...image] = output.shape
  const sums = denseGrid(new Float64Array(elementCount(output.shape)), images, image)
  definition.forward({ ...context, options: { ...options, activation: undefined }, output: sums })
  return sums
}

/** The gradient of the sums, (N, H, W, C), given that of the layer's output, and the layer's output or sums (`outputOrSums`). */
export function activationGradient(options: Activated, known: Grid, outputGradient: Grid): Grid {
  if (options.activation === undefined) return outputGradient
  const [images, height, width, filters] = known.shape
  const values = new Float64Array(images * height * width * filters)
  let to = 0
  eachPixel(known, (n, y, x) => {
    const [at, from] = [pixelAt(known, n, y, x), pixelAt(outputGradient, n, y, x)]
    gradientsThrough(options, known, at, outputGradient, from, values.subarray(to, to + filters))
    to += filters
  })
  return denseGrid(values, images, [height, width, filters])
}

/** Adds to `sums` the gradient of the biases from `firstFilter` on. `gradient` is that of the sums, (N, H, W, F). */
export function biasesGradient(gradient: Grid, firstFilter: number, sums: Float64Array): void {
  const [images, height, width] = gradient.shape
  for (let n = 0; n < images; n++) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const from = pixelAt(gradient, n, y, x) + firstFilter
        for (let f = 0; f < sums.length; f++) sums[f]! += gradient.values[from + f]!
      }
    }
  }
}
