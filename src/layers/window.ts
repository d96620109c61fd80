import { integerFromZero, must, objectWith, optional, type Rule, type Rules } from '../check-options.ts'
import { ShapeError } from '../errors.ts'
import { isPositiveInteger } from '../tensor.ts'

/** A pair is (height, width); a single number is both. */
export type Extent = number | readonly [number, number]

/** `same` and `valid` as TensorFlow has them; explicit: one number for all sides, or the four of them. */
export type Padding = 'same' | 'valid' | number | Sides

interface Sides {
  readonly top: number
  readonly bottom: number
  readonly left: number
  readonly right: number
}

/** A window that slides over the image: the part that convolution and pooling share. */
export interface WindowOptions {
  readonly kernel: Extent
  readonly stride?: Extent
  readonly padding?: Padding
}

/** A window's sizes over one image, all resolved. */
export interface WindowGeometry {
  readonly kernelHeight: number
  readonly kernelWidth: number
  readonly strideHeight: number
  readonly strideWidth: number
  readonly top: number
  readonly bottom: number
  readonly left: number
  readonly right: number
  readonly inputHeight: number
  readonly inputWidth: number
  readonly outputHeight: number
  readonly outputWidth: number
}

const pair = (extent: Extent): readonly [number, number] =>
  typeof extent === 'number' ? [extent, extent] : [extent[0], extent[1]]

const isExtent = (value: Extent): boolean =>
  typeof value === 'number'
    ? isPositiveInteger(value)
    : Array.isArray(value) && value.length === 2 && value.every(isPositiveInteger)

const sides = objectWith<Sides>({
  top: integerFromZero,
  bottom: integerFromZero,
  left: integerFromZero,
  right: integerFromZero,
})

const wholePadding = must(
  (value: unknown) => value === 'same' || value === 'valid' || value === 0 || isPositiveInteger(value),
  "'same', 'valid', an integer from 0, or { top, bottom, left, right } of them",
)

const padding: Rule = {
  fault: (value, name) =>
    (typeof value === 'object' && value !== null ? sides : wholePadding).fault(value, name),
}

const extent = must(isExtent, 'a positive integer or a pair of them')

export const windowRules: Rules<WindowOptions> = {
  kernel: extent,
  stride: optional(extent),
  padding: optional(padding),
}

/**
 * The window over an image of this size. SAME: out = ceil(in / stride), total padding =
 * max((out - 1) * stride + kernel - in, 0), the smaller half before. Throws ShapeError where no window fits.
 */
export function windowGeometry(
  name: string,
  options: WindowOptions,
  inputHeight: number,
  inputWidth: number,
): WindowGeometry {
  const [kernelHeight, kernelWidth] = pair(options.kernel)
  const [strideHeight, strideWidth] = pair(options.stride ?? 1)
  const vertical = axisGeometry(name, 'height', options, inputHeight, kernelHeight, strideHeight)
  const horizontal = axisGeometry(name, 'width', options, inputWidth, kernelWidth, strideWidth)
  return {
    kernelHeight,
    kernelWidth,
    strideHeight,
    strideWidth,
    top: vertical.before,
    bottom: vertical.after,
    left: horizontal.before,
    right: horizontal.after,
    inputHeight,
    inputWidth,
    outputHeight: vertical.output,
    outputWidth: horizontal.output,
  }
}

function axisGeometry(
  name: string,
  axis: 'height' | 'width',
  options: WindowOptions,
  input: number,
  kernel: number,
  stride: number,
): { before: number; after: number; output: number } {
  const padding = options.padding ?? 'valid'
  if (padding === 'same') {
    const output = Math.ceil(input / stride)
    const total = Math.max((output - 1) * stride + kernel - input, 0)
    return { before: total >> 1, after: total - (total >> 1), output }
  }
  let [before, after] = [0, 0]
  if (typeof padding === 'number') before = after = padding
  else if (padding !== 'valid') {
    before = axis === 'height' ? padding.top : padding.left
    after = axis === 'height' ? padding.bottom : padding.right
  }
  const padded = input + before + after
  if (kernel > padded) {
    throw new ShapeError(
      `${name}: kernel ${axis} ${kernel} is larger than its padded input ${padded} ` +
        `(input ${input}, padding ${before} and ${after}); enlarge the input or the padding`,
    )
  }
  return { before, after, output: Math.floor((padded - kernel) / stride) + 1 }
}
