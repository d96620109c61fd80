// What layers of weighted sums share: the activation behind the sums, and the gradients of sums and biases.

import { oneOf, optional, type Rules } from '../check-options.ts'
import { eachPixel, type Grid, pixelAt } from '../tensor.ts'
import type { Elementwise } from './elementwise.ts'
import { rectified } from './relu.ts'
import { logistic } from './sigmoid.ts'
import { hyperbolicTangent } from './tanh.ts'

export const ACTIVATIONS = ['relu', 'sigmoid', 'tanh'] as const
export type Activation = (typeof ACTIVATIONS)[number]

export interface Activated {
  /** Applied to the sum; the layer's tensor is what comes after it. */
  readonly activation?: Activation | undefined
}

export const activationRules: Rules<Activated> = { activation: optional(oneOf(ACTIVATIONS)) }

/** The table name -> function. */
const functions: { readonly [Name in Activation]: Elementwise } = {
  relu: rectified,
  sigmoid: logistic,
  tanh: hyperbolicTangent,
}

export const isActivation = (name: string | undefined): name is Activation =>
  (ACTIVATIONS as readonly (string | undefined)[]).includes(name)

/** Whether values far from 0 must not come to it, for its gradient to be seen. */
export const saturates = (name: Activation | undefined): boolean =>
  name !== undefined && (functions[name].saturates ?? false)

/** The layer's value of a sum. NaN stays NaN. */
export function activate({ activation }: Activated, sum: number): number {
  return activation === undefined ? sum : functions[activation].value(sum)
}

/** The gradient of a sum, given the layer's value and that value's gradient. */
export function gradientThrough({ activation }: Activated, value: number, valueGradient: number): number {
  return activation === undefined ? valueGradient : functions[activation].gradient(value, valueGradient)
}

type Values = Grid['values']

/** Makes the layer's values of sums that follow each other, in their place. */
export function activateAll({ activation }: Activated, values: Values, from: number, count: number): void {
  if (activation === undefined) return
  const { value } = functions[activation]
  for (let i = from; i < from + count; i++) values[i] = value(values[i]!)
}

/** `gradientThrough` of values that follow each other, into all of `gradients`. */
export function gradientsThrough(
  { activation }: Activated,
  output: Grid,
  at: number,
  outputGradient: Grid,
  from: number,
  gradients: Float64Array,
): void {
  const [made, given] = [output.values, outputGradient.values]
  if (activation === undefined) {
    for (let i = 0; i < gradients.length; i++) gradients[i] = given[from + i]!
    return
  }
  const { gradient } = functions[activation]
  for (let i = 0; i < gradients.length; i++) gradients[i] = gradient(made[at + i]!, given[from + i]!)
}

/** The gradient of the sums, given that of the layer's output. */
export function activationGradient(options: Activated, output: Grid, outputGradient: Grid): Grid {
  if (options.activation === undefined) return outputGradient
  const [images, height, width, filters] = output.shape
  const values = new Float64Array(images * height * width * filters)
  let to = 0
  eachPixel(output, (n, y, x) => {
    const [at, from] = [pixelAt(output, n, y, x), pixelAt(outputGradient, n, y, x)]
    gradientsThrough(options, output, at, outputGradient, from, values.subarray(to, to + filters))
    to += filters
  })
  const rowPitch = width * filters
  return {
    values,
    offset: 0,
    shape: output.shape,
    imagePitch: height * rowPitch,
    rowPitch,
    pixelPitch: filters,
  }
}

/** Adds to `sums` the gradient of biases `firstFilter` and on. `gradient` is that of the sums, (N, H, W, F). */
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
