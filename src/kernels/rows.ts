import { FLOAT_BYTES, type Pointer, ProgramBuilder, type Vector } from '../codegen/program.ts'
import type { View } from '../plan/views.ts'
import {
  type Argument,
  argument,
  bytes,
  evenSplit,
  type Part,
  runsOf,
  type TargetTraits,
  WANTED_TASKS,
} from './kernel.ts'

/** Most values in one task of a memory-bound step: some ten microseconds of work. */
export const VALUES_PER_TASK = 65536
/** With fewer values, a task takes less time than a thread needs to take it. */
export const MIN_TASK_VALUES = 4096

/**
 * How many lines of an image of `lines`, each with so many values, make a task: there should be tasks for many threads
 * even with few images.
 */
export function linesPerTask(images: number, lines: number, lineValues: number): number {
  const fromTo = (values: number): number => Math.max(1, Math.floor(values / lineValues))
  const forThreads = Math.ceil(lines / Math.ceil(WANTED_TASKS / images))
  return Math.min(fromTo(VALUES_PER_TASK), Math.max(forThreads, fromTo(MIN_TASK_VALUES)))
}

/**
 * The tasks of a step that goes row by row over tensors of the same height. `write` writes the program for one row,
 * whose pointers are at the row's first pixel; `others` are further arguments that it needs, such as scratch.
 */
export function rowParts(
  traits: TargetTraits,
  name: string,
  views: Readonly<Record<string, View>>,
  write: (b: ProgramBuilder, row: Readonly<Record<string, Pointer>>) => void,
  others: Readonly<Record<string, Argument>> = {},
): Part[] {
  const first = Object.values(views)[0]!
  const [images, height, width] = first.shape
  const rowsPerTask = linesPerTask(images, height, width * first.pixelPitch)
  return runsOf(evenSplit(height, rowsPerTask)).map((rows): Part => {
    const parameters = [...Object.keys(views), ...Object.keys(others)]
    const b = new ProgramBuilder(name, traits.lanes, parameters)
    const pointers = Object.fromEntries(parameters.map((parameter) => [parameter, b.parameter(parameter)]))
    const moves = Object.entries(views).map(
      ([key, view]) => [pointers[key]!, view.rowPitch * FLOAT_BYTES] as const,
    )
    b.walk(rows.size, moves, () => write(b, pointers))
    const viewArguments = Object.entries(views).map(([key, view]) => [
      key,
      argument(view, rows.first * view.rowPitch, [view.imagePitch, rows.size * view.rowPitch]),
    ])
    return {
      program: b.finish(),
      grid: [images, rows.count],
      arguments: { ...Object.fromEntries(viewArguments), ...others },
    }
  })
}

/** Stores an input's gradient, or adds it to what other layers wrote. */
export function storeGradient(
  b: ProgramBuilder,
  to: Pointer,
  offset: number,
  gradient: Vector,
  { adds }: { readonly adds: boolean },
): void {
  b.store(to, offset, adds ? b.add(b.load(to, offset), gradient) : gradient)
}

/** Up to this many vectors are written out; more become a loop. */
const UNROLLED_VECTORS = 4

/** Calls `write` for each of `count` consecutive vectors; all pointers move together. */
export function eachVector(
  b: ProgramBuilder,
  count: number,
  pointers: readonly Pointer[],
  write: (offset: number) => void,
): void {
  const rounds = Math.floor(count / UNROLLED_VECTORS)
  const done = rounds * UNROLLED_VECTORS
  b.loop(rounds, () => {
    for (let v = 0; v < UNROLLED_VECTORS; v++) write(v * b.vectorBytes)
    for (const pointer of pointers) b.advance(pointer, UNROLLED_VECTORS * b.vectorBytes)
  })
  for (let v = done; v < count; v++) write((v - done) * b.vectorBytes)
  for (const pointer of pointers) b.advance(pointer, -done * b.vectorBytes)
}

/** Goes over the vectors of a row of pixels, which are contiguous in every view with the same channel pitch. */
export function eachVectorOfRow(
  b: ProgramBuilder,
  view: View,
  pointers: readonly Pointer[],
  write: (offset: number) => void,
): void {
  eachVector(b, (view.shape[2] * view.pixelPitch) / b.lanes, pointers, write)
}

/**
 * The same for operations that do not keep zeros zero: `isChannel` masks the padded channels of a pixel's last vector;
 * null if a vector has none.
 */
export function eachVectorOfPixels(
  b: ProgramBuilder,
  view: View,
  pointers: readonly Pointer[],
  write: (offset: number, isChannel: Vector | null) => void,
): void {
  const [, , width, channels] = view.shape
  const rest = channels % b.lanes
  if (rest === 0) {
    eachVectorOfRow(b, view, pointers, (offset) => write(offset, null))
    return
  }
  const isChannel = b.binary('lessThan', b.unary('toFloat', b.laneIndexes()), b.splat(rest))
  const whole = Math.floor(channels / b.lanes)
  const pixels = pointers.map((pointer) => [pointer, bytes(view.pixelPitch)] as const)
  b.walk(width, pixels, () => {
    eachVector(b, whole, pointers, (offset) => write(offset, null))
    write(whole * b.vectorBytes, isChannel)
  })
}

/**
 * The vectors of one pixel's channels; `isChannel` makes the mask of the last one, and is null if all its lanes are
 * channels.
 */
export function eachVectorOfChannels(
  b: ProgramBuilder,
  view: View,
  pointers: readonly Pointer[],
  write: (offset: number, isChannel: (() => Vector) | null) => void,
): void {
  const channels = view.shape[3]
  const whole = Math.floor(channels / b.lanes)
  eachVector(b, whole, pointers, (offset) => write(offset, null))
  const rest = channels % b.lanes
  if (rest === 0) return
  write(whole * b.vectorBytes, () => b.binary('lessThan', b.unary('toFloat', b.laneIndexes()), b.splat(rest)))
}

/**
 * Calls `write` for each vector of each pixel of a row; `fixed` names the pointers to values by channel, the same for
 * every pixel, and `ofPixels` are tensors of one channel, whose pointers stay at each pixel's value.
 */
export function eachVectorOfRowPixels(
  b: ProgramBuilder,
  views: Readonly<Record<string, View>>,
  row: Readonly<Record<string, Pointer>>,
  fixed: readonly string[],
  write: (offset: number, isChannel: (() => Vector) | null) => void,
  ofPixels: Readonly<Record<string, View>> = {},
): void {
  const view = Object.values(views)[0]!
  const moves = Object.entries({ ...views, ...ofPixels }).map(
    ([name, each]) => [row[name]!, bytes(each.pixelPitch)] as const,
  )
  const pointers = [...Object.keys(views), ...fixed].map((name) => row[name]!)
  b.walk(view.shape[2], moves, () => eachVectorOfChannels(b, view, pointers, write))
}

/** A mask of the first lane: tensors of one channel have zeros in the others. */
export const firstLane = (b: ProgramBuilder): Vector =>
  b.binary('lessThan', b.unary('toFloat', b.laneIndexes()), b.splat(1))
