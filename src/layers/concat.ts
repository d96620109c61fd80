import { oneOf, optional, type Rules } from '../check-options.ts'
import { ShapeError } from '../errors.ts'
import { eachPixel, formatShape, type Grid, pixelAt, type Shape } from '../tensor.ts'
import { type LayerDefinition, type LayerInputs, type LayerOf, makeLayer, NO_FLOPS } from './layer.ts'

const AXES = ['channels', 'rows', 'columns', 'pixels'] as const

/** The axis along which `concat` joins tensors. */
export type ConcatAxis = (typeof AXES)[number]

/** The options of `concat`. */
export interface ConcatOptions {
  /** 'channels' by default. 'pixels': images of any height and width become one row of all their pixels. */
  readonly axis?: ConcatAxis | undefined
}

/** A layer that `concat` makes. */
export type ConcatLayer<Name extends string = string> = LayerOf<'concat', Name, ConcatOptions>

/**
 * Concatenates tensors. Along channels, with the same height and width: (N, H, W, C1), (N, H, W, C2) ... -> (N, H, W, C1 + C2 +
 * ...), or (N, C1) and so on. Images along rows: (N, H1, W, C), (N, H2, W, C) ... -> (N, H1 + H2 + ..., W, C); along
 * columns likewise; as pixels: -> (N, 1, H1 W1 + H2 W2 + ..., C). Throws ShapeError if other extents differ. Sources:
 * Szegedy et al. 2014, 'Going Deeper with Convolutions'; Liu et al. 2016, 'SSD', for the predictions of several sizes,
 * one after the other.
 */
export function concat<const Name extends string>(
  name: Name,
  options: ConcatOptions & { readonly inputs: readonly string[] },
): ConcatLayer<Name> {
  return makeLayer<'concat', Name, ConcatOptions>(
    'concat',
    name,
    options as ConcatOptions & LayerInputs,
    rules,
  )
}

const rules: Rules<ConcatOptions> = { axis: optional(oneOf(AXES)) }

/** What must be the same in all inputs, for messages. */
const SAME: Readonly<Record<ConcatAxis, string>> = {
  channels: 'height and width',
  rows: 'width and channels',
  columns: 'height and channels',
  pixels: 'channels',
}

/** The extents that must be the same, of a shape of three axes. */
const KEPT: Readonly<Record<ConcatAxis, readonly number[]>> = {
  channels: [0, 1],
  rows: [1, 2],
  columns: [0, 2],
  pixels: [2],
}

/** How far the axis goes in a tensor of this shape. */
export function concatExtent(
  axis: ConcatAxis,
  [, height, width, channels]: readonly [number, number, number, number],
): number {
  return { channels, rows: height, columns: width, pixels: height * width }[axis]
}

type Place = readonly [y: number, x: number, c: number]

/** Where a pixel of an input begins in the output, if `begin` of the axis are before that input. */
function placeIn(axis: ConcatAxis, begin: number, input: Grid, output: Grid, y: number, x: number): Place {
  if (axis === 'channels') return [y, x, begin]
  if (axis === 'rows') return [begin + y, x, 0]
  if (axis === 'columns') return [y, begin + x, 0]
  const at = begin + y * input.shape[2] + x
  const width = output.shape[2]
  return [Math.floor(at / width), at % width, 0]
}

/** Calls `visit` for each pixel of each input, with the positions of its first channel there and in the output. */
function eachPiece(
  { axis = 'channels' }: ConcatOptions,
  inputs: readonly Grid[],
  output: Grid,
  visit: (index: number, n: number, y: number, x: number, at: number) => void,
): void {
  let begin = 0
  for (const [index, input] of inputs.entries()) {
    const before = begin
    // A tensor that is not read may have another batch.
    const [, height, width, channels] = input.shape
    const images: Grid = { ...input, shape: [output.shape[0], height, width, channels] }
    eachPixel(images, (n, y, x) => {
      const [row, column, channel] = placeIn(axis, before, input, output, y, x)
      visit(index, n, y, x, pixelAt(output, n, row, column) + channel)
    })
    begin += concatExtent(axis, input.shape)
  }
}

export const concatDefinition: LayerDefinition<ConcatOptions> = {
  rules,
  inputCount: { atLeast: 1 },

  outputShape(name, { axis = 'channels' }, inputs) {
    const [first, ...others] = inputs as [Shape, ...Shape[]]
    if (first.length === 0)
      throw new ShapeError(`${name}: one number an image has no channels to concatenate`)
    if (axis !== 'channels' && first.length !== 3)
      throw new ShapeError(
        `${name}: its input is ${formatShape(first)}; only images, (H, W, C), have ${axis}`,
      )
    const kept = first.length === 3 ? KEPT[axis] : []
    for (const other of others) {
      if (other.length === first.length && kept.every((i) => other[i] === first[i])) continue
      throw new ShapeError(
        `${name}: ${formatShape(first)} and ${formatShape(other)} can't be concatenated along ${axis}; ` +
          `${SAME[axis]} must be the same`,
      )
    }
    const extent = inputs.reduce((total, shape) => {
      const [height, width, channels] = shape.length === 3 ? (shape as Place) : [1, 1, shape[0]!]
      return total + concatExtent(axis, [1, height, width, channels])
    }, 0)
    if (axis === 'channels') return [...first.slice(0, -1), extent]
    const [height, width, channels] = first as Place
    if (axis === 'rows') return [extent, width, channels]
    return [axis === 'columns' ? height : 1, extent, channels]
  },

  parameters: () => ({}),
  flops: () => NO_FLOPS,

  forward({ options, inputs, output }) {
    eachPiece(options, inputs, output, (index, n, y, x, to) => {
      const input = inputs[index]!
      const from = pixelAt(input, n, y, x)
      for (let c = 0; c < input.shape[3]; c++) output.values[to + c] = input.values[from + c]!
    })
  },

  backward({ options, inputs, outputGradient, inputGradients }) {
    eachPiece(options, inputs, outputGradient, (index, n, y, x, from) => {
      const gradient = inputGradients[index]
      if (!gradient) return
      const to = pixelAt(gradient, n, y, x)
      for (let c = 0; c < gradient.shape[3]; c++) gradient.values[to + c]! += outputGradient.values[from + c]!
    })
  },
}
