// The weights gradient of a convolution in groups of any width, by vectors of filters whose lanes may belong to several
// groups.
import { ProgramBuilder } from '../codegen/program.ts'
import type { StepOfKind } from '../plan/steps.ts'
import { groupLoadIn, meetingsOf, onlyChannels, type VectorsAlike, vectorsAlike } from './group-lanes.ts'
import type { GroupedWay } from './grouped-way.ts'
import {
  argument,
  bytes,
  type EqualPieces,
  evenSplit,
  type Part,
  privateArgument,
  runsOf,
  type Stage,
  type TargetTraits,
} from './kernel.ts'

type WeightsGradient = StepOfKind<'grouped-conv-weights-gradient'>

const PARTIAL_SUMS = 0

/** Enough tasks for many threads; how a sum is split must not depend on the number of threads. */
const WANTED_TASKS = 32

/** The pieces that the sum over the images is split into: runs of images, and runs of rows of each; every task sums one. */
interface Pieces {
  readonly images: readonly EqualPieces[]
  readonly rows: readonly EqualPieces[]
  readonly rowPieces: number
  readonly count: number
}

function piecesOf({ reads: { gradient } }: WeightsGradient, { lanes }: TargetTraits): Pieces {
  const [images, height] = gradient.shape
  const wanted = Math.ceil((WANTED_TASKS * lanes) / gradient.pixelPitch)
  const imagePieces = evenSplit(images, Math.ceil(images / Math.min(images, wanted)))
  const rowPieces = evenSplit(height, Math.ceil((height * imagePieces.length) / wanted))
  return {
    images: runsOf(imagePieces),
    rows: runsOf(rowPieces),
    rowPieces: rowPieces.length,
    count: imagePieces.length * rowPieces.length,
  }
}

/** How many sums are in registers, and how many outputs side by side have their gradients there. */
const sizesOf = ({ vectorRegisters }: TargetTraits): { readonly sums: number; readonly pixels: number } =>
  vectorRegisters > 16 ? { sums: 12, pixels: 8 } : { sums: 6, pixels: 4 }

/** How many rows the weights have: taps x channels of a group. */
const rowsOf = ({ reads, options: { geometry: g, groups } }: WeightsGradient): number =>
  (g.kernelHeight * g.kernelWidth * reads.input.shape[3]) / groups

/** Each piece is summed alone, row of pixels by row of pixels; then the pieces are added in order. */
export const groupedWeightsGradientByLanes: GroupedWay<'grouped-conv-weights-gradient'> = {
  fits: () => true,
  candidates: () => [{ algorithm: 'direct', tile: '' }],
  build(step, traits, candidate) {
    const pieces = piecesOf(step, traits)
    const length = pieces.count * rowsOf(step) * step.reads.gradient.pixelPitch
    return {
      ...candidate,
      privateBuffers: [{ name: `${step.layer}/weights.gradient partial`, length, lifetime: 'step' }],
      threadScratch: 0,
      prologue: [],
      stages: [{ parts: pieceParts(step, traits, pieces) }, addPieces(step, traits, pieces.count)],
    }
  },
}

/** Partial sums lie as [piece][vector of filters][tap x channel of the group][lane]. */
function pieceParts(step: WeightsGradient, traits: TargetTraits, pieces: Pieces): Part[] {
  const { lanes } = traits
  const { geometry: g, groups } = step.options
  const { input, gradient } = step.reads
  const channels = input.shape[3] / groups
  const filters = gradient.shape[3]
  const corner = -g.top * input.rowPitch - g.left * input.pixelPitch
  const inputRow = g.strideHeight * input.rowPitch
  const ofVector = rowsOf(step) * lanes
  const ofPiece = rowsOf(step) * gradient.pixelPitch
  const parts: Part[] = []
  let imagePiece = 0
  for (const images of pieces.images) {
    let rowPiece = 0
    for (const rows of pieces.rows) {
      for (const vectors of vectorsAlike(lanes, filters, filters / groups)) {
        parts.push({
          program: pieceProgram(step, traits, vectors, images.size, rows.size),
          grid: [images.count, rows.count, vectors.count],
          arguments: {
            input: argument(
              input,
              corner +
                images.first * input.imagePitch +
                rows.first * inputRow +
                vectors.firstGroup * channels,
              [images.size * input.imagePitch, rows.size * inputRow, vectors.groupStep * channels],
            ),
            gradient: argument(
              gradient,
              images.first * gradient.imagePitch + rows.first * gradient.rowPitch + vectors.first * lanes,
              [images.size * gradient.imagePitch, rows.size * gradient.rowPitch, vectors.step * lanes],
            ),
            partial: privateArgument(
              PARTIAL_SUMS,
              (imagePiece * pieces.rowPieces + rowPiece) * ofPiece + vectors.first * ofVector,
              [pieces.rowPieces * ofPiece, ofPiece, vectors.step * ofVector],
            ),
          },
        })
      }
      rowPiece += rows.count
    }
    imagePiece += images.count
  }
  return parts
}

function pieceProgram(
  step: WeightsGradient,
  traits: TargetTraits,
  vectors: VectorsAlike,
  images: number,
  height: number,
) {
  const { geometry: g, groups } = step.options
  const { input, gradient } = step.reads
  const channels = input.shape[3] / groups
  const width = gradient.shape[2]
  const b = new ProgramBuilder(`${step.layer} weights gradient`, traits.lanes, [
    'input',
    'gradient',
    'partial',
  ])
  const at = {
    input: b.parameter('input'),
    gradient: b.parameter('gradient'),
    partial: b.parameter('partial'),
  }
  const zero = b.splat(0)
  b.walk(rowsOf(step), [[at.partial, b.vectorBytes]], () => b.store(at.partial, 0, zero))
  const load = groupLoadIn(b, vectors, channels, input.pixelPitch)
  const tapPixel = g.dilationWidth * input.pixelPitch

  const most = sizesOf(traits)
  const taps = Math.min(g.kernelWidth, most.sums)
  const channelsAtOnce = Math.max(1, Math.floor(most.sums / taps))
  const inputPixel = g.strideWidth * input.pixelPitch

  /** Adds a row of pixels to the partial sums of some taps of a kernel row and some channels of the group. */
  const addRow = (tapCount: number, firstChannel: number, channelCount: number): void => {
    const sums = Array.from({ length: tapCount * channelCount }, () => b.splat(0))
    for (const { size, count } of runsOf(evenSplit(width, most.pixels))) {
      const meetings = meetingsOf(size, tapCount, inputPixel, tapPixel)
      b.loop(count, () => {
        const given = Array.from({ length: size }, (_, i) =>
          b.load(at.gradient, bytes(i * gradient.pixelPitch)),
        )
        for (let channel = 0; channel < channelCount; channel++) {
          for (const [offset, outputs] of meetings) {
            const value = load.byNumber
              ? load(at.input, bytes(offset), firstChannel + channel)
              : load(at.input, bytes(offset + firstChannel + channel), 0)
            for (const { output, tap } of outputs)
              b.fma(sums[tap * channelCount + channel]!, value, given[output]!)
          }
        }
        b.advance(at.input, bytes(size * inputPixel))
        b.advance(at.gradient, bytes(size * gradient.pixelPitch))
      })
    }
    b.advance(at.input, -bytes(width * inputPixel))
    b.advance(at.gradient, -bytes(width * gradient.pixelPitch))
    for (const [i, sum] of sums.entries()) {
      const [tap, channel] = [Math.floor(i / channelCount), i % channelCount]
      const offset = (tap * channels + firstChannel + channel) * b.vectorBytes
      b.store(at.partial, offset, b.add(b.load(at.partial, offset), sum))
    }
  }
  const addKernelRow = (): void => {
    for (const { size: tapCount, count: tapRounds } of runsOf(evenSplit(g.kernelWidth, taps))) {
      b.loop(tapRounds, () => {
        if (load.byNumber) {
          let first = 0
          for (const size of evenSplit(channels, channelsAtOnce)) {
            addRow(tapCount, first, size)
            first += size
          }
        } else {
          for (const { size, count } of runsOf(evenSplit(channels, channelsAtOnce))) {
            b.loop(count, () => {
              addRow(tapCount, 0, size)
              b.advance(at.input, bytes(size))
              b.advance(at.partial, size * b.vectorBytes)
            })
          }
          b.advance(at.input, -bytes(channels))
          b.advance(at.partial, -channels * b.vectorBytes)
        }
        b.advance(at.input, bytes(tapCount * tapPixel))
        b.advance(at.partial, tapCount * channels * b.vectorBytes)
      })
    }
    b.advance(at.input, -bytes(g.kernelWidth * tapPixel))
    b.advance(at.partial, -g.kernelWidth * channels * b.vectorBytes)
  }

  const imageMoves = [
    [at.input, bytes(input.imagePitch)],
    [at.gradient, bytes(gradient.imagePitch)],
  ] as const
  const rowMoves = [
    [at.input, bytes(g.strideHeight * input.rowPitch)],
    [at.gradient, bytes(gradient.rowPitch)],
  ] as const
  const kernelRows = [
    [at.input, bytes(g.dilationHeight * input.rowPitch)],
    [at.partial, g.kernelWidth * channels * b.vectorBytes],
  ] as const
  b.walk(images, imageMoves, () => {
    b.walk(height, rowMoves, () => b.walk(g.kernelHeight, kernelRows, addKernelRow))
  })
  return b.finish()
}

/** Adds up the pieces, in order, to the gradient. */
function addPieces(step: WeightsGradient, traits: TargetTraits, pieces: number): Stage {
  const { weightsGradient } = step.writes
  const rows = rowsOf(step)
  const filters = step.reads.gradient.shape[3]
  const ofVector = rows * traits.lanes
  const ofPiece = rows * step.reads.gradient.pixelPitch
  const parts = vectorsAlike(traits.lanes, filters, filters).map((vectors): Part => {
    const b = new ProgramBuilder(`${step.layer} weights gradient sum`, traits.lanes, ['partial', 'weights'])
    const [partial, weights] = [b.parameter('partial'), b.parameter('weights')]
    const only = onlyChannels(b, vectors)
    const moves = [
      [partial, b.vectorBytes],
      [weights, bytes(weightsGradient.pixelPitch)],
    ] as const
    b.walk(rows, moves, () => {
      const sum = b.splat(0)
      b.walk(pieces, [[partial, bytes(ofPiece)]], () => b.assign(sum, b.add(sum, b.load(partial))))
      b.store(weights, 0, only(sum))
    })
    return {
      program: b.finish(),
      grid: [vectors.count],
      arguments: {
        partial: privateArgument(PARTIAL_SUMS, vectors.first * ofVector, [vectors.step * ofVector]),
        weights: argument(weightsGradient, vectors.first * traits.lanes, [vectors.step * traits.lanes]),
      },
    }
  })
  return { parts }
}
