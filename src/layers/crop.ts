import { integerFromZero, must, optional, positiveInteger, type Rules } from '../check-options.ts'
import { ShapeError } from '../errors.ts'
import { formatShape } from '../tensor.ts'
import { type LayerDefinition, type LayerInputs, type LayerOf, makeLayer } from './layer.ts'
import { movedValues } from './moved.ts'
import { pair } from './window.ts'

/** The options of `crop`. */
export interface CropOptions {
  /** The row of the input that is the output's first; 0 by default. */
  readonly top: number
  /** The column of the input that is the output's first; 0 by default. */
  readonly left: number
  /** Rows of the output. */
  readonly height: number
  /** Columns of the output. */
  readonly width: number
  /** From one row or column to the next, one number or [vertical, horizontal]; below 0 it goes up or left. 1 by default. */
  readonly step?: number | readonly [vertical: number, horizontal: number]
}

/** A layer that `crop` makes. */
export type CropLayer<Name extends string = string> = LayerOf<'crop', Name, CropOptions>

/**
 * Some rows and columns of an image, evenly spaced. (N, H, W, C) -> (N, height, width, C). With a step of -1 it mirrors
 * the image. Throws ShapeError if the input is no image or lacks one of the rows or columns. Source: ONNX, Slice.
 */
export function crop<const Name extends string>(
  name: Name,
  options: Omit<CropOptions, 'top' | 'left'> & Partial<CropOptions> & LayerInputs,
): CropLayer<Name> {
  return makeLayer('crop', name, options, rules, { top: 0, left: 0 })
}

const isStep = (value: unknown): boolean => Number.isSafeInteger(value) && value !== 0

const rules: Rules<CropOptions> = {
  top: integerFromZero,
  left: integerFromZero,
  height: positiveInteger,
  width: positiveInteger,
  step: optional(
    must(
      (value: unknown) =>
        isStep(value) || (Array.isArray(value) && value.length === 2 && value.every(isStep)),
      'an integer other than 0 or a pair of them',
    ),
  ),
}

/** From one row to the next, and from one column to the next. */
export const cropSteps = ({ step = 1 }: Pick<CropOptions, 'step'>): readonly [number, number] => pair(step)

export const cropDefinition: LayerDefinition<CropOptions> = {
  rules,

  outputShape(name, options, [input]) {
    if (input!.length !== 3)
      throw new ShapeError(`${name}: its input is ${formatShape(input!)}; it crops images, (H, W, C)`)
    const { top, left, height, width } = options
    const [down, right] = cropSteps(options)
    const requireInside = (what: string, first: number, count: number, step: number, size: number): void => {
      const last = first + (count - 1) * step
      if (first < size && last >= 0 && last < size) return
      throw new ShapeError(
        `${name}: ${what} ${first} to ${last} of its input ${formatShape(input!)}; they must be from 0 to ${size - 1}`,
      )
    }
    requireInside('rows', top, height, down, input![0]!)
    requireInside('columns', left, width, right, input![1]!)
    return [height, width, input![2]!]
  },

  ...movedValues<CropOptions>((options) => {
    const [down, right] = cropSteps(options)
    return (y, x, c) => ({ y: options.top + y * down, x: options.left + x * right, c })
  }),
}
