import { must, numberOverZero, oneOf, optional, type Rules } from '../check-options.ts'
import { ShapeError } from '../errors.ts'
import { eachPixel, formatShape, isPositiveInteger, pixelAt } from '../tensor.ts'
import { requireImage } from './blocks.ts'
import { type LayerDefinition, type LayerInputs, type LayerOf, makeLayer, NO_FLOPS } from './layer.ts'
import { type Extent, extent, pair } from './window.ts'

export const RESIZE_MODES = ['nearest', 'linear'] as const
export const RESIZE_COORDINATES = ['half_pixel', 'asymmetric', 'align_corners'] as const
export const RESIZE_ROUNDINGS = ['round_prefer_floor', 'round_prefer_ceil', 'floor', 'ceil'] as const

/** The options of `resize`. */
export interface ResizeOptions {
  /**
   * How many times as large the image becomes; its size is computed in float32, as in ONNX, and rounded down. Give
   * either this or `size`.
   */
  readonly scale?: Extent
  /** The output's size in pixels: a number for both, or [height, width]. */
  readonly size?: Extent
  /** `linear` interpolates between two rows and two columns. 'nearest' by default. */
  readonly mode: (typeof RESIZE_MODES)[number]
  /**
   * Where an output pixel lies in the input. `half_pixel`, the default: both images cover the same area, so pixel centres are at
   * halves. `asymmetric`: the first pixels lie upon each other. `align_corners`: so do the first and the last pixels.
   */
  readonly coordinates: (typeof RESIZE_COORDINATES)[number]
  /** For the mode `nearest` only: which pixel a position between two takes; `round_prefer_floor` by default. */
  readonly rounding?: (typeof RESIZE_ROUNDINGS)[number]
}

/** A layer that `resize` makes. */
export type ResizeLayer<Name extends string = string> = LayerOf<'resize', Name, ResizeOptions>

/**
 * Changes the size of an image: each output is the nearest pixel, or is interpolated between two pixels of each axis.
 * (N, H, W, C)
 * -> (N, OH, OW, C). Positions beyond the centres of the outermost pixels take those pixels' values. Throws ShapeError if the
 * input is no image, or nothing would be left of it. Source: ONNX, Resize, whose names the options' values have.
 */
export function resize<const Name extends string>(
  name: Name,
  options: Partial<ResizeOptions> & LayerInputs,
): ResizeLayer<Name> {
  return makeLayer('resize', name, options, rules, { mode: 'nearest', coordinates: 'half_pixel' })
}

const isScale = (value: unknown): boolean => numberOverZero.fault(value, '') === null

const rules: Rules<ResizeOptions> = {
  scale: optional(
    must(
      (value: unknown) =>
        Array.isArray(value) ? value.length === 2 && value.every(isScale) : isScale(value),
      'a finite number over 0 or a pair of them',
    ),
  ),
  size: optional(extent),
  mode: oneOf(RESIZE_MODES),
  coordinates: oneOf(RESIZE_COORDINATES),
  rounding: optional(oneOf(RESIZE_ROUNDINGS)),
}

/** A position of the input along an axis, and its weight in the output. */
export interface Tap {
  readonly index: number
  readonly weight: number
}

/** An axis: its extents in input and output, and the factor between them that positions are computed with. */
interface Axis {
  readonly input: number
  readonly output: number
  readonly scale: number
}

/** The vertical and the horizontal axis. */
function axesOf({ scale, size }: ResizeOptions, input: readonly number[]): readonly [Axis, Axis] {
  const along = (i: 0 | 1): Axis => {
    const extent = input[i]!
    if (size !== undefined) {
      const output = pair(size)[i]
      return { input: extent, output, scale: output / extent }
    }
    const own = pair(scale!)[i]
    // In float32, as ONNX's shape inference and ONNX Runtime do: 300 x 0.21 is 62 there, 100 x 0.29 is 29.
    const output = Math.floor(Math.fround(extent * Math.fround(own)))
    return { input: extent, output, scale: own }
  }
  return [along(0), along(1)]
}

/** What each output row, and each output column, is the sum of: one tap or two, in order, whose weights add up to 1. */
export function resizeTaps(
  options: ResizeOptions,
  input: readonly number[],
): Readonly<Record<'rows' | 'columns', readonly (readonly Tap[])[]>> {
  const [vertical, horizontal] = axesOf(options, input)
  return { rows: tapsAlong(options, vertical), columns: tapsAlong(options, horizontal) }
}

const tapsAlong = (options: ResizeOptions, axis: Axis): Tap[][] =>
  Array.from({ length: axis.output }, (_, at) => {
    const position = positionOf(options, axis, at)
    const inside = (index: number) => Math.min(Math.max(index, 0), axis.input - 1)
    if (options.mode === 'nearest') return [{ index: inside(rounded(options, position)), weight: 1 }]
    const before = Math.floor(position)
    const weight = position - before
    const [first, second] = [inside(before), inside(before + 1)]
    // A pixel without weight is not read: it may be infinite.
    if (weight === 0 || first === second) return [{ index: first, weight: 1 }]
    return [
      { index: first, weight: 1 - weight },
      { index: second, weight },
    ]
  })

/**
 * Positions are rounded to multiples of this: float64's rounding must not decide which way a half goes, nor make equal
 * taps differ.
 */
const PRECISION = 2 ** -24

function positionOf({ coordinates }: ResizeOptions, { input, output, scale }: Axis, at: number): number {
  const exact = {
    half_pixel: () => (at + 0.5) / scale - 0.5,
    asymmetric: () => at / scale,
    align_corners: () => (output === 1 ? 0 : (at * (input - 1)) / (output - 1)),
  }[coordinates]()
  return Math.round(exact / PRECISION) * PRECISION
}

const rounded = ({ rounding = 'round_prefer_floor' }: ResizeOptions, position: number): number =>
  ({
    round_prefer_floor: () => Math.ceil(position - 0.5),
    round_prefer_ceil: () => Math.floor(position + 0.5),
    floor: () => Math.floor(position),
    ceil: () => Math.ceil(position),
  })[rounding]()

export const resizeDefinition: LayerDefinition<ResizeOptions> = {
  rules,

  outputShape(name, options, [input]) {
    const [, , channels] = requireImage(name, input!)
    if ((options.scale === undefined) === (options.size === undefined))
      throw new ShapeError(`${name}: give either scale or size`)
    if (options.mode !== 'nearest' && options.rounding !== undefined)
      throw new ShapeError(
        `${name}: rounding is only for the mode 'nearest'; with '${options.mode}' leave it out`,
      )
    const [height, width] = axesOf(options, input!).map(({ output }) => output) as [number, number]
    if (![height, width].every(isPositiveInteger)) {
      throw new ShapeError(
        `${name}: its input ${formatShape(input!)} would become ${formatShape([height, width, channels])}; choose another scale`,
      )
    }
    return [height, width, channels]
  },

  parameters: () => ({}),
  flops: () => NO_FLOPS,

  forward({ options, inputs: [input], output }) {
    const { rows, columns } = resizeTaps(options, input!.shape.slice(1))
    eachPixel(output, (n, y, x) => {
      const to = pixelAt(output, n, y, x)
      for (let c = 0; c < output.shape[3]; c++) {
        let sum = 0
        for (const row of rows[y]!)
          for (const column of columns[x]!)
            sum +=
              row.weight * column.weight * input!.values[pixelAt(input!, n, row.index, column.index) + c]!
        output.values[to + c] = sum
      }
    })
  },

  backward({ options, outputGradient, inputGradients: [inputGradient] }) {
    if (!inputGradient) return
    const { rows, columns } = resizeTaps(options, inputGradient.shape.slice(1))
    eachPixel(outputGradient, (n, y, x) => {
      const from = pixelAt(outputGradient, n, y, x)
      for (const row of rows[y]!) {
        for (const column of columns[x]!) {
          const to = pixelAt(inputGradient, n, row.index, column.index)
          for (let c = 0; c < outputGradient.shape[3]; c++)
            inputGradient.values[to + c]! += row.weight * column.weight * outputGradient.values[from + c]!
        }
      }
    })
  },
}
