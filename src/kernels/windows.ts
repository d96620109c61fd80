// What poolings share: going over an image's windows, which the padding cuts off at the edges.
import { type Pointer, ProgramBuilder } from '../codegen/program.ts'
import type { WindowGeometry } from '../layers/index.ts'
import type { View } from '../plan/views.ts'
import { clearChannels } from './copy.ts'
import {
  argument,
  bytes,
  type EqualPieces,
  evenSplit,
  type Part,
  runsOf,
  type TargetTraits,
  vectorBlocks,
  WANTED_TASKS,
} from './kernel.ts'
import { eachVector, linesPerTask, MIN_TASK_VALUES } from './rows.ts'
import { type Stretch, stretchesOf } from './stretches.ts'

const verticalStretches = (g: WindowGeometry) =>
  stretchesOf(g.outputHeight, g.kernelHeight, g.strideHeight, g.top, g.inputHeight, g.dilationHeight)
const horizontalStretches = (g: WindowGeometry) =>
  stretchesOf(g.outputWidth, g.kernelWidth, g.strideWidth, g.left, g.inputWidth, g.dilationWidth)

const firstTap = (g: WindowGeometry, view: View, y: Stretch, x: Stretch): number =>
  (y.first * g.strideHeight - g.top + y.skip * g.dilationHeight) * view.rowPitch +
  (x.first * g.strideWidth - g.left + x.skip * g.dilationWidth) * view.pixelPitch

/** Windows that are cut alike: how many of their rows and columns lie inside the image. */
export interface WindowShape {
  readonly rows: Stretch
  readonly columns: Stretch
  /** From one row, and one column, to the next, in pixels. */
  readonly down: number
  readonly right: number
}

/** The offsets of a window's values, row-major, counted from its first value inside the image. */
export function windowOffsets(view: View, { rows, columns, down, right }: WindowShape): number[] {
  const offsets: number[] = []
  for (let row = 0; row < rows.taps; row++) {
    for (let column = 0; column < columns.taps; column++) {
      offsets.push(bytes(row * down * view.rowPitch + column * right * view.pixelPitch))
    }
  }
  return offsets
}

/** Windows with more values than this, as in a global pooling, become loops. */
const UNROLLED_TAPS = 25

export const isLoop = ({ rows, columns }: WindowShape): boolean => rows.taps * columns.taps > UNROLLED_TAPS

/** Calls `write` for each of a window's values, the first of which `at` points to; unrolled if there are few. */
export function eachTap(
  b: ProgramBuilder,
  view: View,
  window: WindowShape,
  at: Pointer,
  write: (offset: number) => void,
): void {
  eachTapOfTwo(b, window, [view, at], [view, at], write)
}

/** The same in two tensors, whose pitches may differ. */
export function eachTapOfTwo(
  b: ProgramBuilder,
  window: WindowShape,
  [one, atOne]: readonly [View, Pointer],
  [other, atOther]: readonly [View, Pointer],
  write: (offset: number, otherOffset: number) => void,
): void {
  const { rows, columns, down, right } = window
  if (!isLoop(window)) {
    const others = windowOffsets(other, window)
    windowOffsets(one, window).forEach((offset, i) => {
      write(offset, others[i]!)
    })
    return
  }
  const moves = (pitch: 'rowPitch' | 'pixelPitch', step: number) => {
    const first = [atOne, bytes(step * one[pitch])] as const
    return atOne === atOther ? [first] : [first, [atOther, bytes(step * other[pitch])] as const]
  }
  b.walk(rows.taps, moves('rowPitch', down), () =>
    b.walk(columns.taps, moves('pixelPitch', right), () => write(0, 0)),
  )
}

/** Channels are divided among tasks if each image has only one window, over all its pixels. */
function blocksOfVectors(
  [images, height, width]: View['shape'],
  windowValues: number,
  vectors: number,
): EqualPieces[] {
  const wanted = height * width === 1 ? Math.ceil(WANTED_TASKS / images) : 1
  const blocks = Math.max(1, Math.min(vectors, wanted, Math.floor(windowValues / MIN_TASK_VALUES)))
  return vectorBlocks(vectors, Math.ceil(vectors / blocks))
}

/**
 * Forward: `write` computes one vector of channels of a window. `at` points to the window's first value; the result
 * goes to `offset` of `to`.
 */
export function windowParts(
  traits: TargetTraits,
  name: string,
  g: WindowGeometry,
  { input, output }: { readonly input: View; readonly output: View },
  write: (b: ProgramBuilder, window: WindowShape, at: Pointer, to: Pointer, offset: number) => void,
): Part[] {
  const columns = horizontalStretches(g)
  const dilation = { down: g.dilationHeight, right: g.dilationWidth }
  const blocks = blocksOfVectors(
    output.shape,
    g.kernelHeight * input.rowPitch,
    output.pixelPitch / traits.lanes,
  )
  return verticalStretches(g).flatMap((y) =>
    runsOf(
      evenSplit(y.count, linesPerTask(output.shape[0], y.count, g.kernelHeight * input.rowPitch)),
    ).flatMap((rows) =>
      blocks.map((block): Part => {
        const b = new ProgramBuilder(name, traits.lanes, ['input', 'output'])
        const [from, to] = [b.parameter('input'), b.parameter('output')]
        const rowMoves = [
          [from, bytes(g.strideHeight * input.rowPitch)],
          [to, bytes(output.rowPitch)],
        ] as const
        b.walk(rows.size, rowMoves, () => {
          for (const x of columns) {
            const start = firstTap(g, input, y, x) - firstTap(g, input, y, columns[0]!)
            const at = b.point(from, bytes(start))
            b.loop(x.count, () => {
              eachVector(b, block.size, [at, to], (offset) => {
                write(b, { rows: y, columns: x, ...dilation }, at, to, offset)
              })
              b.advance(at, bytes(g.strideWidth * input.pixelPitch))
              b.advance(to, bytes(output.pixelPitch))
            })
          }
          b.advance(to, -bytes(output.shape[2] * output.pixelPitch))
        })
        const [inputRows, outputRows] = [g.strideHeight * input.rowPitch, output.rowPitch]
        const firstInput = firstTap(g, input, y, columns[0]!) + rows.first * inputRows
        const firstOutput = (y.first + rows.first) * outputRows
        const place = (view: View, first: number, rowStep: number) =>
          argument(view, first + block.first * traits.lanes, [
            view.imagePitch,
            rows.size * rowStep,
            block.size * traits.lanes,
          ])
        return {
          program: b.finish(),
          grid: [output.shape[0], rows.count, block.count],
          arguments: {
            input: place(input, firstInput, inputRows),
            output: place(output, firstOutput, outputRows),
          },
        }
      }),
    ),
  )
}

/** Vectors of channels that one task of a gradient owns. Windows overlap, so a task takes whole planes. */
const VECTORS_PER_TASK = 64

/**
 * Backward: every window adds to the gradients of its values. A task owns some channels of one image, so no two tasks
 * add to the same float, and goes through the windows in order. `onWindows` are tensors of the output's shape,
 * `onImages` of the input's. The last of these is the one that is added to; it is cleared before unless `adds` is set.
 * `write` has pointers to all of them, at one vector of a window's first value.
 */
export function windowGradientParts(
  traits: TargetTraits,
  name: string,
  options: { readonly geometry: WindowGeometry; readonly adds: boolean },
  onWindows: readonly View[],
  onImages: readonly View[],
  write: (
    b: ProgramBuilder,
    window: WindowShape,
    onWindows: readonly Pointer[],
    onImages: readonly Pointer[],
  ) => void,
): Part[] {
  const { geometry: g, adds } = options
  const inputGradient = onImages.at(-1)!
  const views = [...onWindows, ...onImages]
  const parameters = views.map((_, i) => `tensor ${i}`)
  const vectorRuns = runsOf(evenSplit(inputGradient.pixelPitch / traits.lanes, VECTORS_PER_TASK))
  return vectorRuns.map((run): Part => {
    const b = new ProgramBuilder(name, traits.lanes, parameters)
    const pointers = parameters.map((parameter) => b.parameter(parameter))
    const [atWindows, atImages] = [pointers.slice(0, onWindows.length), pointers.slice(onWindows.length)]
    if (!adds) clearChannels(b, atImages.at(-1)!, inputGradient, run.size)
    for (const rows of verticalStretches(g)) {
      for (const columns of horizontalStretches(g)) {
        const taps = atImages.map((pointer, i) =>
          b.point(pointer, bytes(firstTap(g, onImages[i]!, rows, columns))),
        )
        const shift = (view: View) => bytes(rows.first * view.rowPitch + columns.first * view.pixelPitch)
        for (const [i, view] of onWindows.entries()) b.advance(atWindows[i]!, shift(view))
        const rowMoves = [
          ...onImages.map((view, i) => [taps[i]!, bytes(g.strideHeight * view.rowPitch)] as const),
          ...onWindows.map((view, i) => [atWindows[i]!, bytes(view.rowPitch)] as const),
        ]
        const columnMoves = [
          ...onImages.map((view, i) => [taps[i]!, bytes(g.strideWidth * view.pixelPitch)] as const),
          ...onWindows.map((view, i) => [atWindows[i]!, bytes(view.pixelPitch)] as const),
        ]
        const vectorMoves = [...taps, ...atWindows].map((pointer) => [pointer, b.vectorBytes] as const)
        b.walk(rows.count, rowMoves, () =>
          b.walk(columns.count, columnMoves, () =>
            b.walk(run.size, vectorMoves, () =>
              write(b, { rows, columns, down: g.dilationHeight, right: g.dilationWidth }, atWindows, taps),
            ),
          ),
        )
        for (const [i, view] of onWindows.entries()) b.advance(atWindows[i]!, -shift(view))
      }
    }
    const first = run.first * traits.lanes
    return {
      program: b.finish(),
      grid: [inputGradient.shape[0], run.count],
      arguments: Object.fromEntries(
        views.map((view, i) => [
          parameters[i]!,
          argument(view, first, [view.imagePitch, run.size * traits.lanes]),
        ]),
      ),
    }
  })
}
