import { type Pointer, ProgramBuilder, type Vector } from '../codegen/program.ts'
import type { StepOfKind } from '../plan/steps.ts'
import { type Spread, usableRegisters } from './depthwise.ts'
import { repeatedInput } from './depthwise-multiplier.ts'
import { type Cuts, cutImages } from './depthwise-tasks.ts'
import { meetingsOf } from './group-lanes.ts'
import type { GroupedWay } from './grouped-way.ts'
import {
  argument,
  bytes,
  type Candidate,
  type EqualPieces,
  evenSplit,
  type Part,
  privateArgument,
  runsOf,
  type Stage,
  type TargetTraits,
  threadArgument,
} from './kernel.ts'

type WeightsGradient = StepOfKind<'grouped-conv-weights-gradient'>

const PARTIAL_SUMS = 0

/** How many output pixels of a row have their gradients in registers together, and for how many kernel rows sums are. */
interface WeightsCandidate extends Candidate {
  readonly columns: number
  readonly kernelRows: number
}

const COLUMNS = [8, 4] as const
/** With fewer columns, each input that is loaded would serve too few taps. */
const MIN_COLUMNS = 4
/**
 * Rows are summed in segments of so many values, all channels counted: one comes from memory once, and then serves
 * every vector of channels.
 */
const SEGMENT_VALUES = 4096

/** The tiles that fit the registers: they need a sum for each tap, a gradient for each column, and one value of the input. */
function candidatesOf({ reads, options }: WeightsGradient, traits: TargetTraits): WeightsCandidate[] {
  const { kernelHeight, kernelWidth } = options.geometry
  const width = reads.gradient.shape[2]
  const registers = usableRegisters(traits) - 1
  const fittingRows = Math.floor((registers - Math.min(MIN_COLUMNS, width)) / kernelWidth)
  const kernelRows = Math.min(kernelHeight, Math.max(1, fittingRows))
  const most = Math.min(width, registers - kernelRows * kernelWidth)
  if (most < 1) return []
  const columns = [...new Set(COLUMNS.map((wanted) => Math.min(wanted, most)))]
  return columns.map((count) => ({
    algorithm: 'direct',
    tile: `${kernelRows}x${kernelWidth} by ${count}x${traits.lanes}`,
    columns: count,
    kernelRows,
  }))
}

/** What the kernel's stages share. Partial sums lie as [image][band][tap][filter]. */
interface Work {
  readonly step: WeightsGradient
  readonly traits: TargetTraits
  readonly candidate: WeightsCandidate
  readonly cuts: Cuts
  readonly bands: number
  readonly taps: number
  readonly spread: Spread | null
}

function workOf(step: WeightsGradient, traits: TargetTraits, candidate: WeightsCandidate): Work {
  const { geometry: g } = step.options
  const { input, gradient } = step.reads
  const [images, height, width] = gradient.shape
  const spread = repeatedInput(g, input, gradient, traits.lanes)
  const cuts = cutImages({
    images,
    height,
    rowValues: Math.max(width * gradient.pixelPitch, g.strideHeight * g.inputWidth * input.pixelPitch),
    vectors: gradient.pixelPitch / traits.lanes,
    unit: 1,
    splitsChannels: spread === null,
  })
  const bands = cuts.bands.reduce((total, { count }) => total + count, 0)
  return { step, traits, candidate, cuts, bands, taps: g.kernelHeight * g.kernelWidth, spread }
}

/** Sums of input times gradient over all pixels: each band of an image is summed alone, then the bands are added in order. */
export const depthwiseWeightsGradient: GroupedWay<'grouped-conv-weights-gradient', WeightsCandidate> = {
  fits: (step, traits) =>
    step.reads.input.shape[3] === step.options.groups && candidatesOf(step, traits).length > 0,
  candidates: candidatesOf,
  build(step, traits, candidate) {
    const work = workOf(step, traits, candidate)
    const { gradient } = step.reads
    const { cuts, bands, taps, spread } = work
    return {
      ...candidate,
      privateBuffers: [
        {
          name: `${step.layer}/weights.gradient partial`,
          length: gradient.shape[0] * bands * taps * gradient.pixelPitch,
          lifetime: 'step',
        },
      ],
      threadScratch: spread ? Math.max(...cuts.bands.map(({ size }) => spread.scratch(size))) : 0,
      prologue: [],
      stages: [{ parts: bandParts(work) }, addBands(work)],
    }
  },
}

function bandParts(work: Work): Part[] {
  const { step, traits, cuts, bands, taps, spread } = work
  const { geometry: g } = step.options
  const { input, gradient } = step.reads
  const corner = -g.top * input.rowPitch - g.left * input.pixelPitch
  const inputRow = g.strideHeight * input.rowPitch
  const ofBand = taps * gradient.pixelPitch
  let firstBand = 0
  return cuts.bands.flatMap((band) => {
    const at = firstBand
    firstBand += band.count
    return cuts.blocks.map((block): Part => {
      const channel = block.first * traits.lanes
      const width = block.size * traits.lanes
      return {
        program: bandProgram(work, band.size, block.size),
        grid: [gradient.shape[0], band.count, block.count],
        arguments: {
          input: argument(input, corner + channel + band.first * inputRow, [
            input.imagePitch,
            band.size * inputRow,
            width,
          ]),
          gradient: argument(gradient, channel + band.first * gradient.rowPitch, [
            gradient.imagePitch,
            band.size * gradient.rowPitch,
            width,
          ]),
          partial: privateArgument(PARTIAL_SUMS, channel + at * ofBand, [bands * ofBand, ofBand, width]),
          ...(spread && { scratch: threadArgument }),
        },
      }
    })
  })
}

/** The pointers of a band's program, and the pitches in values of the input that it reads, which may be a copy in scratch. */
interface Places {
  readonly input: Pointer
  readonly gradient: Pointer
  readonly partial: Pointer
  readonly inputPitches: { readonly row: number; readonly pixel: number }
}

function bandProgram(work: Work, height: number, vectors: number) {
  const { step, traits, candidate, taps, spread } = work
  const { geometry: g } = step.options
  const { input, gradient } = step.reads
  const parameters = ['input', 'gradient', 'partial', ...(spread ? ['scratch'] : [])]
  const b = new ProgramBuilder(`${step.layer} weights gradient ${candidate.tile}`, traits.lanes, parameters)
  const tensor = b.parameter('input')
  if (spread) spread.write(b, { tensor, scratch: b.parameter('scratch') }, height)
  const at: Places = {
    input: spread ? b.parameter('scratch') : tensor,
    gradient: b.parameter('gradient'),
    partial: b.parameter('partial'),
    inputPitches: spread
      ? { row: spread.rowPitch, pixel: spread.pixelPitch }
      : { row: input.rowPitch, pixel: input.pixelPitch },
  }
  const zero = b.splat(0)
  b.walk(taps, [[at.partial, bytes(gradient.pixelPitch)]], () => {
    b.walk(vectors, [[at.partial, b.vectorBytes]], () => b.store(at.partial, 0, zero))
  })

  const { row, pixel } = at.inputPitches
  const rowMoves = [
    [at.input, bytes(g.strideHeight * row)],
    [at.gradient, bytes(gradient.rowPitch)],
  ] as const
  const width = gradient.shape[2]
  b.walk(height, rowMoves, () => {
    for (const { size, count } of runsOf(evenSplit(g.kernelHeight, candidate.kernelRows))) {
      b.loop(count, () => {
        for (const segment of segmentsOf(width, candidate.columns, gradient.pixelPitch)) {
          b.loop(segment.count, () => {
            addSegment(b, work, at, size, segment.size, vectors)
            b.advance(at.input, bytes(segment.size * g.strideWidth * pixel))
            b.advance(at.gradient, bytes(segment.size * gradient.pixelPitch))
          })
        }
        b.advance(at.input, bytes(size * g.dilationHeight * row - width * g.strideWidth * pixel))
        b.advance(at.gradient, -bytes(width * gradient.pixelPitch))
        b.advance(at.partial, bytes(size * g.kernelWidth * gradient.pixelPitch))
      })
    }
    b.advance(at.input, -bytes(g.kernelHeight * g.dilationHeight * row))
    b.advance(at.partial, -bytes(taps * gradient.pixelPitch))
  })
  return b.finish()
}

/** A row in segments of whole tiles, the last of which may be shorter. */
function segmentsOf(width: number, columns: number, pitch: number): EqualPieces[] {
  const tiles = Math.max(1, Math.floor(SEGMENT_VALUES / (columns * pitch)))
  return runsOf(evenSplit(width, columns * tiles))
}

/**
 * Adds the products of a row's segment to the sums of some kernel rows, for all vectors of channels. The segment is summed
 * alone first: added one by one to a long sum, thousands of products would lose digits.
 */
function addSegment(
  b: ProgramBuilder,
  { step, candidate }: Work,
  at: Places,
  kernelRows: number,
  width: number,
  vectors: number,
): void {
  const { geometry: g } = step.options
  const { gradient } = step.reads
  const taps = kernelRows * g.kernelWidth
  const [pixel, row] = [bytes(at.inputPitches.pixel), bytes(at.inputPitches.row)]
  const offsetOf = (tap: number): number => bytes(tap * gradient.pixelPitch)
  const channelMoves = [at.input, at.gradient, at.partial].map((pointer) => [pointer, b.vectorBytes] as const)
  b.walk(vectors, channelMoves, () => {
    const sums = Array.from({ length: taps }, () => b.splat(0))
    for (const { size, count } of runsOf(evenSplit(width, candidate.columns))) {
      b.loop(count, () => {
        const given = Array.from({ length: size }, (_, x) =>
          b.load(at.gradient, bytes(x * gradient.pixelPitch)),
        )
        for (const [column, uses] of meetingsOf(size, g.kernelWidth, g.strideWidth, g.dilationWidth)) {
          // All kernel rows at one column, one after the other: their sums don't wait for each other.
          for (let ky = 0; ky < kernelRows; ky++) {
            const value = b.load(at.input, ky * g.dilationHeight * row + column * pixel)
            for (const { output, tap } of uses) b.fma(sums[ky * g.kernelWidth + tap]!, value, given[output]!)
          }
        }
        b.advance(at.input, size * g.strideWidth * pixel)
        b.advance(at.gradient, bytes(size * gradient.pixelPitch))
      })
    }
    b.advance(at.input, -width * g.strideWidth * pixel)
    b.advance(at.gradient, -bytes(width * gradient.pixelPitch))
    for (const [tap, sum] of sums.entries())
      b.store(at.partial, offsetOf(tap), b.add(b.load(at.partial, offsetOf(tap)), sum))
  })
}

/** The gradient: the bands of each image are added in order, then the images. */
function addBands({ step, traits, bands, taps }: Work): Stage {
  const { gradient } = step.reads
  const { weightsGradient } = step.writes
  const [images, , , filters] = gradient.shape
  const ofBand = taps * gradient.pixelPitch
  const b = new ProgramBuilder(`${step.layer} weights gradient sum`, traits.lanes, ['partial', 'weights'])
  const [partial, weights] = [b.parameter('partial'), b.parameter('weights')]
  const add = (sum: Vector, value: Vector): void => b.assign(sum, b.add(sum, value))
  const moves = [
    [partial, b.vectorBytes],
    [weights, b.vectorBytes],
  ] as const
  b.walk(Math.ceil(filters / traits.lanes), moves, () => {
    const sum = b.splat(0)
    b.walk(images, [[partial, bytes(bands * ofBand)]], () => {
      const ofImage = b.splat(0)
      b.walk(bands, [[partial, bytes(ofBand)]], () => add(ofImage, b.load(partial)))
      add(sum, ofImage)
    })
    b.store(weights, 0, sum)
  })
  const part: Part = {
    program: b.finish(),
    grid: [taps],
    arguments: {
      partial: privateArgument(PARTIAL_SUMS, 0, [gradient.pixelPitch]),
      weights: argument(weightsGradient, 0, [weightsGradient.pixelPitch]),
    },
  }
  return { parts: [part] }
}
