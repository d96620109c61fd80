import {
  integerFromZero,
  must,
  objectWith,
  optional,
  type Rule,
  type Rules,
  trueOrFalse,
} from '../check-options.ts'
import { ShapeError } from '../errors.ts'
import { isPositiveInteger, type Shape } from '../tensor.ts'

/** Rows and columns: a pair is (height, width); a single number is both. */
export type Extent = number | readonly [number, number]

/**
 * What is added around an image: `same` and `valid` as in TensorFlow, or in pixels: one number for all sides, a pair
 * (above and below, left and right), or the four sides.
 */
export type Padding =
  | 'same'
  | 'valid'
  | number
  | readonly [vertical: number, horizontal: number]
  | readonly [top: number, bottom: number, left: number, right: number]
  | Sides

interface Sides {
  readonly top: number
  readonly bottom: number
  readonly left: number
  readonly right: number
}

/** A window that slides over the image: what convolution and pooling share. */
export interface WindowOptions {
  /** Rows and columns of the window; of a convolution with dilation, its taps. */
  readonly kernel: Extent
  /** From one window to the next, in pixels; 1 by default. */
  readonly stride?: Extent
  /** 'valid' by default. */
  readonly padding?: Padding
}

/** A window's sizes over one image, with all defaults filled in. */
export interface WindowGeometry {
  /** Taps of the kernel from top to bottom. */
  readonly kernelHeight: number
  /** Taps of the kernel from left to right. */
  readonly kernelWidth: number
  /** From one window to the one below it, in pixels of the input. */
  readonly strideHeight: number
  /** From one window to the one at its right, in pixels of the input. */
  readonly strideWidth: number
  /** From one tap of the kernel to the one below it, in pixels of the input. */
  readonly dilationHeight: number
  /** From one tap of the kernel to the one at its right, in pixels of the input. */
  readonly dilationWidth: number
  /** Rows of padding above the input. */
  readonly top: number
  /** Rows of padding below the input. */
  readonly bottom: number
  /** Columns of padding at the left of the input. */
  readonly left: number
  /** Columns of padding at the right of the input. */
  readonly right: number
  /** In pixels, without padding. */
  readonly inputHeight: number
  /** In pixels, without padding. */
  readonly inputWidth: number
  /** How many windows there are from top to bottom. */
  readonly outputHeight: number
  /** How many windows there are from left to right. */
  readonly outputWidth: number
}

export const pair = (extent: Extent): readonly [number, number] =>
  typeof extent === 'number' ? [extent, extent] : [extent[0], extent[1]]

/** The extent of a kernel with this many taps, from the first to the last, both included, in pixels. */
export const kernelReach = (taps: number, dilation: number): number => (taps - 1) * dilation + 1

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

export const isFromZero = (value: unknown): boolean => value === 0 || isPositiveInteger(value)

const wholePadding = must(
  (value: unknown) => value === 'same' || value === 'valid' || isFromZero(value),
  "'same', 'valid', an integer from 0, [vertical, horizontal], [top, bottom, left, right] or an object of these four",
)

const listedPadding = must(
  (value: readonly unknown[]) => [2, 4].includes(value.length) && value.every(isFromZero),
  '[vertical, horizontal] or [top, bottom, left, right], integers from 0',
)

const padding: Rule = {
  fault: (value, name) => {
    if (Array.isArray(value)) return listedPadding.fault(value, name)
    return (typeof value === 'object' && value !== null ? sides : wholePadding).fault(value, name)
  },
}

export const extent = must(isExtent, 'a positive integer or a pair of them')

export const windowRules: Rules<WindowOptions> = {
  kernel: extent,
  stride: optional(extent),
  padding: optional(padding),
}

/** A pooling's window, with options that a convolution's does not have. */
export interface PoolOptions extends Omit<WindowOptions, 'kernel'> {
  /** The window in pixels; `global`: all of the image. */
  readonly kernel: Extent | 'global'
  /**
   * The last window may reach beyond the padded input, as in ONNX and PyTorch, but it must begin inside the input or
   * the padding before it. By default there are only windows that fit.
   */
  readonly ceilMode?: boolean
}

/** The options of `maxPool`. */
export interface MaxPoolOptions extends PoolOptions {
  /** From one value of the window to the next, in pixels; 1 by default. */
  readonly dilation?: Extent
}

export const poolRules: Rules<PoolOptions> = {
  ...windowRules,
  kernel: {
    fault: (value, name) =>
      value === 'global'
        ? null
        : must(isExtent, "a positive integer, a pair of them, or 'global'").fault(value, name),
  },
  ceilMode: optional(trueOrFalse),
}

export const maxPoolRules: Rules<MaxPoolOptions> = { ...poolRules, dilation: optional(extent) }

/** Turns windows of 3 x 3 in steps of 2 into windows of 2 x 2. Padding that only the larger windows needed is removed. */
const withoutOverlap = <Options extends PoolOptions>(options: Options): Options => ({
  ...options,
  kernel: 2,
  ...(options.padding !== undefined && typeof options.padding !== 'string' && { padding: 'valid' }),
})

/** Poolings of 3 x 3 in steps of 2; without their overlap they are 2 x 2. */
export const overlap = {
  part: 'overlap',
  has: ({ kernel, stride }: PoolOptions) => kernel === 3 && stride === 2,
  without: withoutOverlap,
} as const

/** The four sides if the padding is given in numbers; null for 'same' and 'valid', which depend on the sizes. */
export function sidesOf(padding: Padding): Sides | null {
  if (typeof padding === 'string') return null
  if (typeof padding === 'number') return { top: padding, bottom: padding, left: padding, right: padding }
  if (!Array.isArray(padding)) return padding as Sides
  const [top, bottom, left, right] =
    padding.length === 4 ? padding : [padding[0], padding[0], padding[1], padding[1]]
  return { top, bottom, left, right }
}

/** A window as it lies over an image; what is not given is 1. */
interface Sizes extends WindowOptions {
  readonly dilation?: Extent
  readonly ceilMode?: boolean
}

/**
 * The window over an image of this size. SAME: out = ceil(in / stride), total padding = max((out - 1) * stride + kernel
 * - in, 0), the smaller half before the image; `kernel` includes its dilation. Throws ShapeError if no window fits.
 */
export function windowGeometry(
  name: string,
  options: Sizes,
  inputHeight: number,
  inputWidth: number,
): WindowGeometry {
  const [kernelHeight, kernelWidth] = pair(options.kernel)
  const [strideHeight, strideWidth] = pair(options.stride ?? 1)
  const [dilationHeight, dilationWidth] = pair(options.dilation ?? 1)
  const { ceilMode = false, padding = 'valid' } = options
  const sides = sidesOf(padding)
  const axis = (axis: Axis, input: number, kernel: number, stride: number, dilation: number) =>
    axisGeometry(name, {
      axis,
      input,
      kernel: kernelReach(kernel, dilation),
      stride,
      padding: padding === 'same' ? 'same' : sidesOfAxis(axis, sides),
      ceilMode,
    })
  const vertical = axis('height', inputHeight, kernelHeight, strideHeight, dilationHeight)
  const horizontal = axis('width', inputWidth, kernelWidth, strideWidth, dilationWidth)
  return {
    kernelHeight,
    kernelWidth,
    strideHeight,
    strideWidth,
    dilationHeight,
    dilationWidth,
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

/**
 * The window of a pooling over an image (H, W, C). Throws ShapeError if no window fits, or if one would contain only
 * padding.
 */
export function poolGeometry(name: string, options: MaxPoolOptions, input: Shape): WindowGeometry {
  if (input.length !== 3) throw new ShapeError(`${name}: its input [${input}] is not an image (H, W, C)`)
  const [height, width] = [input[0]!, input[1]!]
  const { kernel } = options
  const isGlobal = kernel === 'global'
  if (isGlobal && (options.stride !== undefined || options.padding !== undefined))
    throw new ShapeError(`${name}: a global pooling has one window, without stride and padding`)
  if (isGlobal && options.dilation !== undefined)
    throw new ShapeError(`${name}: a global pooling has no dilation`)
  const geometry = windowGeometry(
    name,
    { ...options, kernel: isGlobal ? [height, width] : kernel },
    height,
    width,
  )
  const isEmpty =
    hasEmptyWindow(geometry.outputHeight, geometry.strideHeight, geometry.top, {
      taps: geometry.kernelHeight,
      dilation: geometry.dilationHeight,
      input: geometry.inputHeight,
    }) ||
    hasEmptyWindow(geometry.outputWidth, geometry.strideWidth, geometry.left, {
      taps: geometry.kernelWidth,
      dilation: geometry.dilationWidth,
      input: geometry.inputWidth,
    })
  if (isEmpty) {
    throw new ShapeError(
      `${name}: a window would hold nothing but padding; make the padding smaller than the kernel`,
    )
  }
  return geometry
}

/** Whether all taps of one of the windows along an axis are outside of the input. */
function hasEmptyWindow(
  outputs: number,
  stride: number,
  before: number,
  { taps, dilation, input }: { readonly taps: number; readonly dilation: number; readonly input: number },
): boolean {
  if ((outputs - 1) * stride - before >= input) return true
  // A window that begins in the input has a tap there; of the others, the first one reaches the least far.
  for (let start = -before; start < 0; start += stride) {
    const firstInside = Math.ceil(-start / dilation)
    if (firstInside >= taps || start + firstInside * dilation >= input) return true
  }
  return false
}

type Axis = 'height' | 'width'

interface AxisPadding {
  readonly before: number
  readonly after: number
}

export function sidesOfAxis(axis: Axis, sides: Sides | null): AxisPadding {
  if (sides === null) return { before: 0, after: 0 }
  const { top, bottom, left, right } = sides
  return axis === 'height' ? { before: top, after: bottom } : { before: left, after: right }
}

interface AxisOptions {
  readonly axis: Axis
  readonly input: number
  /** From its first tap to its last, both included. */
  readonly kernel: number
  readonly stride: number
  readonly padding: 'same' | AxisPadding
  readonly ceilMode: boolean
}

function axisGeometry(
  name: string,
  { axis, input, kernel, stride, padding, ceilMode }: AxisOptions,
): AxisPadding & { readonly output: number } {
  if (padding === 'same') {
    const output = Math.ceil(input / stride)
    const total = Math.max((output - 1) * stride + kernel - input, 0)
    return { before: total >> 1, after: total - (total >> 1), output }
  }
  const { before, after } = padding
  const padded = input + before + after
  if (kernel > padded && !(ceilMode && kernel - padded < stride)) {
    throw new ShapeError(
      `${name}: kernel ${axis} ${kernel} is larger than its padded input ${padded} ` +
        `(input ${input}, padding ${before} and ${after}); enlarge the input or the padding`,
    )
  }
  if (!ceilMode) return { before, after, output: Math.floor((padded - kernel) / stride) + 1 }
  const output = Math.ceil((padded - kernel) / stride) + 1
  const isLastInside = (output - 1) * stride < input + before
  return { before, after, output: isLastInside ? output : output - 1 }
}
