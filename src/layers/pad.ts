import { finiteNumber, integerFromZero, must, oneOf, optional, type Rules } from '../check-options.ts'
import { ShapeError } from '../errors.ts'
import { formatShape, type Shape } from '../tensor.ts'
import { type LayerDefinition, type LayerInputs, type LayerOf, makeLayer } from './layer.ts'
import { movedValues } from './moved.ts'
import { isFromZero } from './window.ts'

export const PAD_MODES = ['constant', 'reflect', 'edge'] as const
export type PadMode = (typeof PAD_MODES)[number]

/** The options of `pad`. */
export interface PadOptions {
  /** How many rows or columns are added on each side: one number for all sides, or four. */
  readonly padding: number | readonly [top: number, bottom: number, left: number, right: number]
  /**
   * `constant`: the added pixels have `value`. `reflect`: they mirror the image at its first and last pixel, which are not
   * repeated. `edge`: they repeat the nearest pixel. 'constant' by default.
   */
  readonly mode: PadMode
  /** For the mode `constant` only; 0 by default. */
  readonly value?: number
}

/** A layer that `pad` makes. */
export type PadLayer<Name extends string = string> = LayerOf<'pad', Name, PadOptions>

/**
 * Adds rows and columns around an image. (N, H, W, C) -> (N, top + H + bottom, left + W + right, C). Throws ShapeError if the
 * input is no image, or too small to be reflected so far. Source: ONNX, Pad.
 */
export function pad<const Name extends string>(
  name: Name,
  options: Omit<PadOptions, 'mode'> & Partial<PadOptions> & LayerInputs,
): PadLayer<Name> {
  return makeLayer('pad', name, options, rules, { mode: 'constant' })
}

const listedPadding = must(
  (value: readonly unknown[]) => value.length === 4 && value.every(isFromZero),
  '[top, bottom, left, right], integers from 0',
)

const rules: Rules<PadOptions> = {
  padding: {
    fault: (value, name) => {
      if (Array.isArray(value)) return listedPadding.fault(value as never, name)
      if (typeof value === 'number') return integerFromZero.fault(value, name)
      return must(() => false, 'an integer from 0 or [top, bottom, left, right]').fault(value, name)
    },
  },
  mode: oneOf(PAD_MODES),
  value: optional(finiteNumber),
}

/**
 * Consecutive positions of the padded axis whose sources, the positions of the image that they take, are evenly spaced;
 * `step` is from one source to the next.
 */
export interface PadStretch {
  readonly first: number
  readonly count: number
  /** The source of the first position; null if all have the constant. */
  readonly source: number | null
  readonly step: 0 | 1 | -1
}

/** The stretches of an axis of `size` positions: the image's own first, then those before and after it, if there are any. */
export function padStretches(mode: PadMode, size: number, before: number, after: number): PadStretch[] {
  const outer: Record<PadMode, readonly [number | null, number | null, 0 | -1]> = {
    constant: [null, null, 0],
    reflect: [before, size - 2, -1],
    edge: [0, size - 1, 0],
  }
  const [above, below, step] = outer[mode]
  const stretches: readonly PadStretch[] = [
    { first: before, count: size, source: 0, step: 1 },
    { first: 0, count: before, source: above, step },
    { first: before + size, count: after, source: below, step },
  ]
  return stretches.filter(({ count }) => count > 0)
}

/** The padding of each side, in pixels. */
export function padSides({ padding }: Pick<PadOptions, 'padding'>) {
  const [top, bottom, left, right] =
    typeof padding === 'number' ? [padding, padding, padding, padding] : padding
  return { top, bottom, left, right }
}

/** The position of the image that a position of the padded axis, counted from the image's first, takes; null for the constant. */
function sourceAlong(mode: PadMode, size: number, position: number): number | null {
  if (position >= 0 && position < size) return position
  if (mode === 'constant') return null
  if (mode === 'edge') return position < 0 ? 0 : size - 1
  return position < 0 ? -position : 2 * (size - 1) - position
}

export const padDefinition: LayerDefinition<PadOptions> = {
  rules,

  outputShape(name, options, [input]) {
    if (input!.length !== 3)
      throw new ShapeError(`${name}: its input is ${formatShape(input!)}; it pads images, (H, W, C)`)
    if (options.mode !== 'constant' && options.value !== undefined)
      throw new ShapeError(
        `${name}: value is only for the mode 'constant'; with '${options.mode}' leave it out`,
      )
    const [height, width, channels] = input as readonly [number, number, number]
    const { top, bottom, left, right } = padSides(options)
    if (options.mode === 'reflect') {
      requireReflected(name, input!, 'height', height, Math.max(top, bottom))
      requireReflected(name, input!, 'width', width, Math.max(left, right))
    }
    return [top + height + bottom, left + width + right, channels]
  },

  ...movedValues<PadOptions>(
    (options, [height, width]) => {
      const { top, left } = padSides(options)
      return (y, x, c) => {
        const row = sourceAlong(options.mode, height, y - top)
        const column = sourceAlong(options.mode, width, x - left)
        return row === null || column === null ? null : { y: row, x: column, c }
      }
    },
    ({ value = 0 }) => value,
  ),
}

function requireReflected(name: string, input: Shape, axis: string, size: number, padding: number): void {
  if (padding < size) return
  throw new ShapeError(
    `${name}: the mode 'reflect' adds at most ${size - 1} on each side to the ${axis} of its input ${formatShape(input)}, ` +
      `not ${padding}; reduce the padding or use the mode 'edge'`,
  )
}
