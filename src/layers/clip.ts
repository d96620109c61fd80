import { finiteNumber } from '../check-options.ts'
import { type Elementwise, elementwise } from './elementwise.ts'
import { type LayerInputs, type LayerOf, makeLayer } from './layer.ts'

/** The options of `clip`. */
export interface ClipOptions {
  /** The least output. */
  readonly min: number
  /** The greatest output. */
  readonly max: number
}

/** A layer that `clip` or `relu6` makes. */
export type ClipLayer<Name extends string = string> = LayerOf<'clip', Name, ClipOptions>

/**
 * x, but at least `min` and at most `max`. The gradient passes between the bounds, and is 0 at them and beyond. Any shape.
 * Throws NetworkError unless min < max in float32. Source of `relu6`: Krizhevsky 2010, 'Convolutional Deep Belief Networks on
 * CIFAR-10'.
 */
export function clip<const Name extends string>(
  name: Name,
  options: ClipOptions & LayerInputs,
): ClipLayer<Name> {
  return makeLayer('clip', name, options, clipped.rules)
}

/** The clip from 0 to 6. Any shape. */
export function relu6<const Name extends string>(name: Name, options: LayerInputs = {}): ClipLayer<Name> {
  return clip(name, { ...options, ...RELU6 })
}

export const RELU6: ClipOptions = { min: 0, max: 6 }

/** A larger bound is not meant to be reached: a clip from 0 to the largest float32 is ReLU. */
const FARTHEST = 1e4

/** The size of the larger bound that values are meant to reach, not counting 0, which values of any size reach; null if none. */
function farthestBound(bounds: readonly number[]): number | null {
  const sizes = bounds.map(Math.abs).filter((size) => size > 0 && size <= FARTHEST)
  return sizes.length === 0 ? null : Math.max(...sizes)
}

export const clipped: Elementwise<ClipOptions> = {
  rules: { min: finiteNumber, max: finiteNumber },
  value: (input, { min, max }) => Math.min(Math.max(input, Math.fround(min)), Math.fround(max)),
  // Engines have the bounds in float32, so values are compared with those.
  gradient: (value, valueGradient, { min, max }) =>
    value > Math.fround(min) && value < Math.fround(max) ? valueGradient : 0,
  inputSize: ({ min, max }) => farthestBound([min, max]),
  rectifies: true,
  fault: ({ min, max }) =>
    Math.fround(min) < Math.fround(max) ? null : `min ${min} and max ${max}; min must be below max`,
}

export const clipDefinition = elementwise('clip', clipped)
