import { FLOAT_BYTES, type Pointer, type ProgramBuilder, type Vector } from '../codegen/program.ts'
import type { LrnOptions } from '../layers/index.ts'
import { type LrnReach, reachOf, turned } from '../layers/lrn.ts'
import type { View } from '../plan/views.ts'
import { roundUp } from '../tensor.ts'
import { evenSplit, onlyWay, runsOf, threadArgument } from './kernel.ts'
import { inversePower } from './math.ts'
import { eachVector, rowParts } from './rows.ts'

/**
 * Values of pixels that are processed together. What is written to the scratch must have left the store buffer before
 * the window sums read it at other alignments, and must still be in the first-level cache.
 */
const VALUES_AT_ONCE = 1024

/** A thread's scratch for some pixels: their channels with zeros on both sides, so that no window has to be cut off. */
class WindowScratch {
  readonly #b: ProgramBuilder
  readonly pixels: number
  readonly pitch: number
  readonly #margin: number

  constructor(b: ProgramBuilder, view: View, reach: LrnReach) {
    this.#b = b
    this.#margin = marginOf(reach, b.lanes)
    this.pitch = scratchPitch(view, reach, b.lanes)
    this.pixels = pixelsAtOnce(view)
  }

  get pitchBytes(): number {
    return this.pitch * FLOAT_BYTES
  }

  /** Where an area's first channel is, in bytes. */
  area(index: number): number {
    return (index * this.pixels * this.pitch + this.#margin) * FLOAT_BYTES
  }

  /** Writes zeros on both sides of each pixel of some areas. */
  clearMargins(scratch: Pointer, channels: number, areas: readonly number[]): void {
    const b = this.#b
    const zero = b.splat(0)
    for (const area of areas) {
      const at = b.point(scratch, this.area(area))
      b.walk(this.pixels, [[at, this.pitchBytes]], () => {
        for (let c = 0; c < this.#margin; c += b.lanes) {
          b.store(at, (c - this.#margin) * FLOAT_BYTES, zero)
          b.store(at, (channels + c) * FLOAT_BYTES, zero)
        }
      })
    }
  }

  /** The sum over the window of each channel in a vector. */
  windowSum(at: Pointer, offset: number, { below, above }: LrnReach): Vector {
    const b = this.#b
    // By recursive halves: the chains of additions are short, and few sums are in registers at once.
    const sum = (from: number, to: number): Vector => {
      if (from === to) return b.load(at, offset + from * FLOAT_BYTES)
      const middle = Math.floor((from + to) / 2)
      return b.add(sum(from, middle), sum(middle + 1, to))
    }
    return sum(-below, above)
  }
}

const pixelsAtOnce = (view: View): number =>
  Math.max(1, Math.min(view.shape[2], Math.floor(VALUES_AT_ONCE / view.pixelPitch)))

const marginOf = ({ below, above }: LrnReach, lanes: number): number => roundUp(Math.max(below, above), lanes)

const scratchPitch = (view: View, reach: LrnReach, lanes: number): number =>
  view.pixelPitch + 2 * marginOf(reach, lanes)

const scratchLength = (view: View, reach: LrnReach, lanes: number, areas: number): number =>
  areas * pixelsAtOnce(view) * scratchPitch(view, reach, lanes)

/** bias + alpha * the sum of squares */
function scaleOf(b: ProgramBuilder, options: LrnOptions, squares: Vector): Vector {
  const scale = b.splat(options.bias)
  b.fma(scale, squares, b.splat(options.alpha))
  return scale
}

/** Calls `write` for some pixels at a time, along a row; the pointers move to each chunk's first pixel. */
function eachChunk(
  b: ProgramBuilder,
  scratch: WindowScratch,
  width: number,
  pointers: readonly (readonly [Pointer, View])[],
  write: (pixels: number) => void,
): void {
  for (const run of runsOf(evenSplit(width, scratch.pixels))) {
    b.loop(run.count, () => {
      write(run.size)
      for (const [pointer, view] of pointers) b.advance(pointer, run.size * view.pixelPitch * FLOAT_BYTES)
    })
  }
  for (const [pointer, view] of pointers) b.advance(pointer, -width * view.pixelPitch * FLOAT_BYTES)
}

/** Limits the reach: no window needs to reach further than from the first channel to the last. */
function clippedReach(options: LrnOptions, { shape }: View): LrnReach {
  const { below, above } = reachOf(options)
  return { below: Math.min(below, shape[3] - 1), above: Math.min(above, shape[3] - 1) }
}

const bytesOf = (view: View) => view.pixelPitch * FLOAT_BYTES

export const lrnForward = onlyWay<'lrn-forward'>((step, traits) => {
  const { options } = step
  const reach = clippedReach(options, step.reads.input)
  const views = { input: step.reads.input, output: step.writes.output }
  const vectors = views.input.pixelPitch / traits.lanes
  const parts = rowParts(
    traits,
    step.layer,
    views,
    (b, { input, output, scratch }) => {
      const window = new WindowScratch(b, views.input, reach)
      window.clearMargins(scratch!, views.input.pixelPitch, [0])
      const at = b.point(scratch!, window.area(0))
      eachChunk(
        b,
        window,
        views.input.shape[2],
        [
          [input!, views.input],
          [output!, views.output],
        ],
        (pixels) => {
          squares(b, input!, views.input, at, window, pixels)
          const moves = [
            [input!, bytesOf(views.input)],
            [output!, bytesOf(views.output)],
            [at, window.pitchBytes],
          ] as const
          b.walk(pixels, moves, () => {
            eachVector(b, vectors, [input!, output!, at], (offset) => {
              const scale = scaleOf(b, options, window.windowSum(at, offset, reach))
              b.store(output!, offset, b.mul(b.load(input!, offset), inversePower(b, scale, options.beta)))
            })
          })
        },
      )
    },
    { scratch: threadArgument },
  )
  return {
    threadScratch: scratchLength(views.input, reach, traits.lanes, 1),
    stages: [{ parts }],
  }
})

function squares(
  b: ProgramBuilder,
  input: Pointer,
  view: View,
  at: Pointer,
  window: WindowScratch,
  pixels: number,
): void {
  const moves = [
    [input, bytesOf(view)],
    [at, window.pitchBytes],
  ] as const
  b.walk(pixels, moves, () => {
    eachVector(b, view.pixelPitch / b.lanes, [input, at], (offset) => {
      const value = b.load(input, offset)
      b.store(at, offset, b.mul(value, value))
    })
  })
}

const SQUARES = 0
/** dy_j x_j scale_j^(-beta-1), summed over the windows that a channel is in. */
const ACROSS = 1
/** dy_c scale_c^-beta */
const DIRECT = 2

export const lrnBackward = onlyWay<'lrn-backward'>((step, traits) => {
  const { options } = step
  const reach = clippedReach(options, step.reads.input)
  const views = { ...step.reads, ...step.writes }
  const vectors = views.input.pixelPitch / traits.lanes
  const parts = rowParts(
    traits,
    `${step.layer} gradient`,
    views,
    (b, { input, outputGradient, inputGradient, scratch }) => {
      const window = new WindowScratch(b, views.input, reach)
      window.clearMargins(scratch!, views.input.pixelPitch, [SQUARES, ACROSS])
      const [square, across, direct] = [SQUARES, ACROSS, DIRECT].map((area) =>
        b.point(scratch!, window.area(area)),
      )
      const rowPointers = [
        [input!, views.input],
        [outputGradient!, views.outputGradient],
        [inputGradient!, views.inputGradient],
      ] as const
      eachChunk(b, window, views.input.shape[2], rowPointers, (pixels) => {
        squares(b, input!, views.input, square!, window, pixels)
        const scratches = [square!, across!, direct!].map((pointer) => [pointer, window.pitchBytes] as const)
        const moves = [
          ...rowPointers.map(([pointer, view]) => [pointer, bytesOf(view)] as const),
          ...scratches,
        ]
        const pointers = moves.map(([pointer]) => pointer)
        b.walk(pixels, moves, () => {
          eachVector(b, vectors, pointers, (offset) => {
            const scale = scaleOf(b, options, window.windowSum(square!, offset, reach))
            const inverse = b.div(b.splat(1), scale)
            const own = b.mul(b.load(outputGradient!, offset), inversePower(b, scale, options.beta))
            b.store(direct!, offset, own)
            b.store(across!, offset, b.mul(b.mul(own, b.load(input!, offset)), inverse))
          })
        })
        b.walk(pixels, moves, () => {
          eachVector(b, vectors, pointers, (offset) => {
            const factor = b.mul(b.load(input!, offset), b.splat(-2 * options.alpha * options.beta))
            const sum = b.load(direct!, offset)
            b.fma(sum, factor, window.windowSum(across!, offset, turned(reach)))
            b.store(inputGradient!, offset, sum)
          })
        })
      })
    },
    { scratch: threadArgument },
  )
  return {
    threadScratch: scratchLength(views.input, reach, traits.lanes, 3),
    stages: [{ parts }],
  }
})
