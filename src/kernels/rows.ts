import { FLOAT_BYTES, type Pointer, ProgramBuilder, type Vector } from '../codegen/program.ts'
import type { View } from '../plan/views.ts'
import { type Argument, argument, bytes, evenSplit, type Part, runsOf, type TargetTraits } from './kernel.ts'

/** Values that a task of a memory-bound step goes over: some ten microseconds' worth. */
export const VALUES_PER_TASK = 65536

/**
 * The tasks of a step that goes row by row over tensors of one height: `write` writes the program for one row, its
 * pointers standing at the row's first pixel. What else the row needs (scratch) comes by `others`.
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
  const rowsPerTask = Math.max(1, Math.floor(VALUES_PER_TASK / (width * first.pixelPitch)))
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

/** Puts an input's gradient where it belongs, or adds it to what other layers gave. */
export function storeGradient(
  b: ProgramBuilder,
  to: Pointer,
  offset: number,
  gradient: Vector,
  { adds }: { readonly adds: boolean },
): void {
  b.store(to, offset, adds ? b.add(b.load(to, offset), gradient) : gradient)
}

/** Vectors that are written out before a loop is made of them. */
const UNROLLED_VECTORS = 4

/** Calls `write` for each of `count` vectors that follow each other; all pointers move together. */
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

/** The vectors of a row of pixels: they follow each other in every view of one channel pitch. */
export function eachVectorOfRow(
  b: ProgramBuilder,
  view: View,
  pointers: readonly Pointer[],
  write: (offset: number) => void,
): void {
  eachVector(b, (view.shape[2] * view.pixelPitch) / b.lanes, pointers, write)
}

/**
 * The same for what does not make zeros of zeros: `isChannel` masks the padded channels of a pixel's last vector, and is
 * null where a vector has none.
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

/** The vectors of one pixel's channels; `isChannel` makes the mask of the last one, and is null where all lanes are channels. */
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
