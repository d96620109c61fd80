// How a value of the graph lies in a tensor of the network. ONNX computes in NCHW and moves axes with Transpose and Reshape;
// networks are NHWC. So a value is described by where each of its axes is in the tensor, and an operator that only moves axes
// changes the description: most of them become no layer.
import type { Shape } from '../../../tensor.ts'
import { asImageShape } from '../../../tensor.ts'
import { BATCH, isNumber, product, type Size } from './sizes.ts'

export type TensorAxis = 'n' | 'h' | 'w' | 'c'

/**
 * An axis of the tensor, or a part of one: `size` positions, from one to the next `stride` positions of the axis. The
 * batch, n, is never divided; its size is 1 batch.
 */
export interface Part {
  readonly axis: TensorAxis
  readonly size: number
  readonly stride: number
}

/** An axis of a value: parts of the tensor's axes, the slowest first; none if its extent is 1. */
export type ValueAxis = readonly Part[]

export interface Value {
  readonly kind: 'value'
  /** Of the network, by name. */
  readonly tensor: string
  /** The tensor's, without the batch: (H, W, C), (C) or (). */
  readonly shape: Shape
  readonly axes: readonly ValueAxis[]
}

const BATCH_PART: Part = { axis: 'n', size: 1, stride: 1 }

const sizeOfPart = ({ axis, size }: Part): Size => (axis === 'n' ? BATCH : size)
export const sizeOfAxis = (axis: ValueAxis): Size => product(axis.map(sizeOfPart))
export const sizesOf = ({ axes }: Value): Size[] => axes.map(sizeOfAxis)

/** The extent of an axis of a tensor of this shape. */
export function extentOf(shape: Shape, axis: Exclude<TensorAxis, 'n'>): number {
  const [height, width, channels] = asImageShape(shape)
  return { h: height, w: width, c: channels }[axis]
}

/** All of an axis. */
export function wholeAxis(shape: Shape, axis: TensorAxis): ValueAxis {
  if (axis === 'n') return [BATCH_PART]
  const size = extentOf(shape, axis)
  return size === 1 ? [] : [{ axis, size, stride: 1 }]
}

export const sameAxis = (a: ValueAxis, b: ValueAxis): boolean =>
  a.length === b.length &&
  a.every((part, i) => {
    const other = b[i]!
    return part.axis === other.axis && part.size === other.size && part.stride === other.stride
  })

/** The layouts in which layers take values, by rank. A signal (N, C, L) is an image of one row. */
export const LAYOUTS: Readonly<Record<number, readonly TensorAxis[]>> = {
  1: ['n'],
  2: ['n', 'c'],
  3: ['n', 'c', 'w'],
  4: ['n', 'c', 'h', 'w'],
}

/** The layouts of files whose images have their channels last. */
export const LAST_LAYOUTS: Readonly<Record<number, readonly TensorAxis[]>> = {
  3: ['n', 'w', 'c'],
  4: ['n', 'h', 'w', 'c'],
}

/** A tensor as ONNX has it: (N, C, H, W), (N, C, L), (N, C) or (N). */
export function valueIn(tensor: string, shape: Shape, layout: readonly TensorAxis[]): Value {
  return { kind: 'value', tensor, shape, axes: layout.map((axis) => wholeAxis(shape, axis)) }
}

export const isWhole = ({ shape, axes }: Value, position: number, axis: TensorAxis): boolean =>
  sameAxis(axes[position]!, wholeAxis(shape, axis))

export const hasLayout = (value: Value, layout: readonly TensorAxis[]): boolean =>
  value.axes.length === layout.length && layout.every((axis, i) => isWhole(value, i, axis))

/** Adjacent parts that are one stretch of an axis become one part. */
export function joined(parts: ValueAxis): ValueAxis {
  const result: Part[] = []
  for (const part of parts) {
    const last = result.at(-1)
    if (last && last.axis === part.axis && part.axis !== 'n' && last.stride === part.size * part.stride)
      result[result.length - 1] = { ...part, size: last.size * part.size }
    else result.push(part)
  }
  return result
}

/** The axes in row-major order, divided anew into axes of these sizes; null if a size divides no part. */
export function reshaped(axes: readonly ValueAxis[], sizes: readonly Size[]): ValueAxis[] | null {
  const parts = [...joined(axes.flat())].reverse()
  const result: ValueAxis[] = []
  for (const size of sizes) {
    const taken: Part[] = []
    let needsBatch = !isNumber(size)
    let rest = isNumber(size) ? size : size.batches
    while (needsBatch || rest > 1) {
      const part = parts.pop()
      if (!part) return null
      if (part.axis === 'n') {
        if (!needsBatch) return null
        needsBatch = false
        taken.push(part)
      } else if (rest % part.size === 0) {
        rest /= part.size
        taken.push(part)
      } else if (rest > 1 && part.size % rest === 0) {
        const inner = part.size / rest
        taken.push({ ...part, size: rest, stride: part.stride * inner })
        parts.push({ ...part, size: inner })
        rest = 1
      } else return null
    }
    if (rest !== 1) return null
    result.push(joined(taken))
  }
  return parts.length === 0 ? result : null
}

/** For each position along an axis, the index of its value in an image, in the order H, W, C; null if the batch is in it. */
export function positionsOf({ shape }: Value, axis: ValueAxis): number[] | null {
  if (axis.some((part) => part.axis === 'n')) return null
  const [, width, channels] = asImageShape(shape)
  const pitches = { n: 0, h: width * channels, w: channels, c: 1 }
  let positions = [0]
  for (const { axis: of, size, stride } of axis) {
    const pitch = pitches[of] * stride
    positions = positions.flatMap((first) => Array.from({ length: size }, (_, i) => first + i * pitch))
  }
  return positions
}
