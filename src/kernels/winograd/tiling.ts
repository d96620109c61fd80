import { type Stretch, stretchesOf } from '../stretches.ts'
import { type PointCount, type Transforms, transformsOf } from './matrices.ts'

/** Consecutive tiles along an axis with the same part of their input inside the image and the same number of outputs. */
export interface TileRun extends Stretch {
  readonly outputs: number
}

/** How one axis of a convolution with stride 1 is cut into tiles of F(outputs, taps). */
export interface TiledAxis {
  readonly points: number
  /** Outputs of a whole tile, which is also the distance from one tile to the next. */
  readonly outputs: number
  /** F(outputs, taps) */
  readonly forward: Transforms
  /** F(taps, outputs): the gradient's tile is the filter. */
  readonly weightsGradient: Transforms
  /** The number of tiles. */
  readonly count: number
  readonly runs: readonly TileRun[]
}

export interface TiledAxisOptions {
  readonly input: number
  readonly output: number
  readonly kernel: number
  readonly before: number
}

export function tiledAxis(points: PointCount, options: TiledAxisOptions): TiledAxis {
  const { input, output, kernel, before } = options
  const outputs = points - kernel + 1
  const count = Math.ceil(output / outputs)
  const outputsOfLast = output - (count - 1) * outputs
  const runs = stretchesOf(count, points, outputs, before, input).flatMap((stretch): TileRun[] => {
    const end = stretch.first + stretch.count
    if (end < count || outputsOfLast === outputs) return [{ ...stretch, outputs }]
    const last = { ...stretch, first: count - 1, count: 1, outputs: outputsOfLast }
    return stretch.count > 1 ? [{ ...stretch, count: stretch.count - 1, outputs }, last] : [last]
  })
  return {
    points,
    outputs,
    forward: transformsOf(points, outputs, kernel),
    weightsGradient: transformsOf(points, kernel, outputs),
    count,
    runs,
  }
}

/** The runs within some consecutive tiles, counted from the first of these. */
export function cutRuns(runs: readonly TileRun[], first: number, count: number): TileRun[] {
  return runs.flatMap((run) => {
    const from = Math.max(run.first, first)
    const to = Math.min(run.first + run.count, first + count)
    return from < to ? [{ ...run, first: from - first, count: to - from }] : []
  })
}

type Numbers = readonly (readonly number[])[]

/** The transform's columns for those inputs that lie inside the image. */
export const columnsOf = (matrix: Numbers, skip: number, count: number): Numbers =>
  matrix.map((row) => row.slice(skip, skip + count))
