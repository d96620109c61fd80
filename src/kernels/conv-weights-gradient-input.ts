import { ProgramBuilder } from '../codegen/program.ts'
import { dilatedKernel } from '../plan/geometry.ts'
import type { StepOfKind } from '../plan/steps.ts'
import { copyValues } from './copy.ts'
import {
  type Argument,
  argument,
  bytes,
  type EqualPieces,
  evenSplit,
  type Part,
  privateArgument,
  runsOf,
  type TargetTraits,
} from './kernel.ts'

type WeightsGradient = StepOfKind<'conv-weights-gradient'>

/**
 * The operand A of the tile: rows of kernel column x channels, in pieces of the tile's rows, by pixels. Distances in
 * values.
 */
export interface InputOperand {
  /** Pieces of equal size, as runs. */
  readonly pieces: readonly EqualPieces[]
  /** Kernel columns that are tasks of their own; 1 if a piece covers a whole kernel row. */
  readonly columns: number
  readonly packedLength: number
  packs(traits: TargetTraits): Part[]
  /** The first piece of a run; it moves by `steps`. */
  at(piece: EqualPieces, index: number, steps: readonly number[]): Argument
  distances(piece: EqualPieces): {
    readonly image: number
    readonly row: number
    readonly pixel: number
    readonly tapRow: number
    readonly tapColumn: number
    readonly piece: number
  }
}

/** The input as it lies in memory. If pixels are contiguous, a kernel row's columns are rows of A just like channels. */
export function plainInput(step: WeightsGradient, rows: number): InputOperand {
  const { geometry: g } = step.options
  const { input } = step.reads
  const channels = input.shape[3]
  const isContiguous = input.pixelPitch === channels && (g.kernelWidth === 1 || g.dilationWidth === 1)
  const corner = -g.top * input.rowPitch - g.left * input.pixelPitch
  return {
    pieces: runsOf(evenSplit(isContiguous ? g.kernelWidth * channels : channels, rows)),
    columns: isContiguous ? 1 : g.kernelWidth,
    packedLength: 0,
    packs: () => [],
    at: (piece, index, steps) => argument(input, corner + piece.first + index * piece.size, steps),
    distances: (piece) => ({
      image: input.imagePitch,
      row: g.strideHeight * input.rowPitch,
      pixel: g.strideWidth * input.pixelPitch,
      tapRow: g.dilationHeight * input.rowPitch,
      tapColumn: g.dilationWidth * input.pixelPitch,
      piece: piece.size,
    }),
  }
}

/**
 * The input packed as [image][piece][row][column][channel of the piece], padding included, in this private buffer of
 * the kernel.
 */
export function packedInput(step: WeightsGradient, rows: number, privateBuffer: number): InputOperand {
  const { geometry: g } = step.options
  const { input } = step.reads
  const [images, , , channels] = input.shape
  const kernel = dilatedKernel(g)
  const height = (g.outputHeight - 1) * g.strideHeight + kernel.height
  const width = (g.outputWidth - 1) * g.strideWidth + kernel.width
  const corner = -g.top * input.rowPitch - g.left * input.pixelPitch
  const imageLength = height * width * channels
  const pieces = runsOf(evenSplit(channels, rows))
  return {
    pieces,
    columns: g.kernelWidth,
    packedLength: images * imageLength,
    at: (piece, index, steps) =>
      privateArgument(privateBuffer, (piece.first + index * piece.size) * height * width, steps),
    distances: ({ size }) => ({
      image: imageLength,
      row: g.strideHeight * width * size,
      pixel: g.strideWidth * size,
      tapRow: g.dilationHeight * width * size,
      tapColumn: g.dilationWidth * size,
      piece: height * width * size,
    }),
    packs: (traits) =>
      pieces.map((piece): Part => {
        const b = new ProgramBuilder(`pack ${step.layer} input`, traits.lanes, ['input', 'packed'])
        const [from, to] = [b.parameter('input'), b.parameter('packed')]
        const copyRows = (count: number, how: 'exactly' | 'by vectors'): void => {
          b.loop(count, () => {
            b.walk(width, [[from, bytes(input.pixelPitch)]], () => {
              copyValues(b, from, to, piece.size, how)
              b.advance(to, bytes(piece.size))
            })
            b.advance(from, bytes(input.rowPitch))
          })
        }
        // What a whole vector writes beyond its values belongs to later pixels, which overwrite it; the last row has
        // too few of them for that.
        const inexact = width * Math.min(piece.size, input.pixelPitch) > 2 * traits.lanes ? height - 1 : 0
        b.loop(piece.count, () => {
          copyRows(inexact, 'by vectors')
          copyRows(height - inexact, 'exactly')
          b.advance(from, bytes(piece.size - height * input.rowPitch))
        })
        return {
          program: b.finish(),
          grid: [images],
          arguments: {
            input: argument(input, corner + piece.first, [input.imagePitch]),
            packed: privateArgument(privateBuffer, piece.first * height * width, [imageLength]),
          },
        }
      }),
  }
}
