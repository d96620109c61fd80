// What add, subtract, multiply, divide, maximum and minimum share: they combine tensors value by value, and broadcast
// the smaller ones.
import type { Rules } from '../check-options.ts'
import { ShapeError } from '../errors.ts'
import {
  asImageShape,
  eachPixel,
  elementCount,
  formatShape,
  type Grid,
  pixelAt,
  type Shape,
} from '../tensor.ts'
import { type Activated, activateAll, activationRules, gradientsThrough, outputOrSums } from './activation.ts'
import { type LayerDefinition, NO_FLOPS } from './layer.ts'

/** The kinds of the layers that combine tensors value by value, where the smaller ones are broadcast to the largest. */
export type BroadcastKind = 'add' | 'subtract' | 'multiply' | 'divide' | 'maximum' | 'minimum'

export const broadcastRules: Rules<Activated> = activationRules

/** What differs between these layers. */
interface Combination {
  /** For messages: 'added'. */
  readonly participle: string
  /** The inputs are combined one after the other. */
  readonly combine: (one: number, other: number) => number
  /**
   * The gradient of the value of one input, given that of the sum, product or the like, and the values of the inputs that meet. A
   * planner says which of these it reads; the others are NaN.
   */
  readonly gradient: (outputGradient: number, values: Float64Array, index: number) => number
  readonly inputCount: LayerDefinition<Activated>['inputCount'] & (number | object)
}

/**
 * How an input is spread over the output, both (N, H, W, C): it has a value for each output (`whole`), one pixel for all
 * pixels of its image (`pixel`), one channel for all channels (`channel`), or one value for the whole image (`value`).
 */
export type Spread = 'whole' | 'pixel' | 'channel' | 'value'

/** How an input of this shape is spread over an output of that one, both (N, H, W, C), which must fit. */
export function spreadOf(input: Grid['shape'], output: Grid['shape']): Spread {
  const [, height, width, channels] = output
  const hasPixels = input[1] === height && input[2] === width
  if (input[3] === channels) return hasPixels ? 'whole' : 'pixel'
  return hasPixels && height * width > 1 ? 'channel' : 'value'
}

/** The shape with the most values; among several, the first of those with the most extents. */
function largestOf(shapes: readonly Shape[]): Shape {
  return shapes.reduce((largest, shape) => {
    const more = elementCount(shape) - elementCount(largest)
    return more > 0 || (more === 0 && shape.length > largest.length) ? shape : largest
  })
}

/**
 * Whether an input can be broadcast to the largest shape: it has that shape, or one pixel with as many channels, or one
 * channel of as many pixels, or one value.
 */
function fits(shape: Shape, largest: Shape): boolean {
  const [height, width, channels] = asImageShape(shape)
  const [fullHeight, fullWidth, fullChannels] = asImageShape(largest)
  const isPixel = height === 1 && width === 1
  const isWhole = height === fullHeight && width === fullWidth
  return (isPixel || isWhole) && (channels === fullChannels || channels === 1)
}

function broadcastShape(name: string, participle: string, shapes: readonly Shape[]): Shape {
  const largest = largestOf(shapes)
  const channels = largest.at(-1) ?? 1
  for (const shape of shapes) {
    if (fits(shape, largest)) continue
    const [height, width] = largest
    const pixel =
      largest.length === 3 ? `[1, 1, ${channels}], [${channels}], [${height}, ${width}, 1] or ` : ''
    throw new ShapeError(
      `${name}: ${formatShape(largest)} and ${formatShape(shape)} can't be ${participle}; ` +
        `its inputs must have the same shape, or be broadcast from ${pixel}[1]`,
    )
  }
  return largest
}

/** Where an input's values for a pixel of the output begin, and the step from one channel's to the next: 0 if all share one. */
function meetingAt(
  input: Grid,
  spread: Spread,
  n: number,
  y: number,
  x: number,
): readonly [from: number, step: 0 | 1] {
  if (spread === 'whole' || spread === 'channel') return [pixelAt(input, n, y, x), spread === 'whole' ? 1 : 0]
  return [pixelAt(input, n, 0, 0), spread === 'pixel' ? 1 : 0]
}

/** The definition of a layer that combines its inputs: the check of their shapes, and the plain loops. */
export function broadcastDefinition({
  participle,
  combine,
  gradient,
  inputCount,
}: Combination): LayerDefinition<Activated> {
  const definition: LayerDefinition<Activated> = {
    rules: broadcastRules,
    inputCount,
    outputShape: (name, _options, shapes) => broadcastShape(name, participle, shapes),
    parameters: () => ({}),
    flops: () => NO_FLOPS,

    forward({ options, inputs, output }) {
      const channels = output.shape[3]
      const spreads = inputs.map(({ shape }) => spreadOf(shape, output.shape))
      eachPixel(output, (n, y, x) => {
        const to = pixelAt(output, n, y, x)
        for (const [i, input] of inputs.entries()) {
          const [from, step] = meetingAt(input, spreads[i]!, n, y, x)
          for (let c = 0; c < channels; c++) {
            const value = input.values[from + c * step]!
            output.values[to + c] = i === 0 ? value : combine(output.values[to + c]!, value)
          }
        }
        activateAll(options, output.values, to, channels)
      })
    },

    backward(context) {
      const { options, inputs, outputGradient, inputGradients } = context
      const known = outputOrSums(definition, context)
      const spreadOfGrid = ({ shape }: Grid) => spreadOf(shape, outputGradient.shape)
      const spreads = inputs.map(spreadOfGrid)
      const gradientSpreads = inputGradients.map((grid) => (grid ? spreadOfGrid(grid) : 'whole'))
      const gradients = new Float64Array(outputGradient.shape[3])
      const values = new Float64Array(inputs.length)
      eachPixel(outputGradient, (n, y, x) => {
        const [at, from] = [pixelAt(known, n, y, x), pixelAt(outputGradient, n, y, x)]
        gradientsThrough(options, known, at, outputGradient, from, gradients)
        const met = inputs.map((input, i) => meetingAt(input, spreads[i]!, n, y, x))
        const places = inputGradients.map((grid, i) =>
          grid ? meetingAt(grid, gradientSpreads[i]!, n, y, x) : null,
        )
        for (const [c, given] of gradients.entries()) {
          for (const [i, [first, step]] of met.entries()) values[i] = inputs[i]!.values[first + c * step]!
          for (const [i, place] of places.entries()) {
            if (!place) continue
            const [to, step] = place
            inputGradients[i]!.values[to + c * step]! += gradient(given, values, i)
          }
        }
      })
    },
  }
  return definition
}

/**
 * The gradient of a maximum or minimum: it goes to the first of the inputs that is the largest or smallest.
 * `isBefore` says whether a value is nearer to the extreme than another.
 */
export const gradientOfExtreme =
  (isBefore: (one: number, other: number) => boolean): Combination['gradient'] =>
  (outputGradient, values, index) => {
    const own = values[index]!
    const isChosen = values.every((value, i) =>
      i < index ? isBefore(own, value) : i === index || !isBefore(value, own),
    )
    return isChosen ? outputGradient : 0
  }

/** The kernel of an input's gradient may read all inputs at once, and a target has few registers for pointers. */
export const MOST_INPUTS = 8
