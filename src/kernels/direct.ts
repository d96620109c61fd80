import { FLOAT_BYTES, ProgramBuilder } from '../codegen/program.ts'
import {
  type Argument,
  bytes,
  type Candidate,
  evenSplit,
  type Part,
  runsOf,
  type TargetTraits,
  vectorBlocks,
} from './kernel.ts'
import { type TileShape, tileShapes, writeTile } from './tile.ts'

/**
 * A convolution as the tile sees it: outputs (images, height, width) by vectors of channels, each a sum over
 * kernelHeight x kernelWidth x channels. Forward is one; an input gradient is one for each phase. Pitches in values.
 */
export interface DirectConvolution {
  readonly name: string
  readonly images: number
  readonly height: number
  readonly width: number
  readonly vectors: number
  readonly kernelHeight: number
  readonly kernelWidth: number
  readonly channels: number
  readonly input: Strides & { readonly at: (steps: readonly number[]) => Argument }
  /** Packed: see pack.ts. */
  readonly weights: (values: number, steps: readonly number[]) => Argument
  readonly biases: ((values: number, steps: readonly number[]) => Argument) | null
  readonly output: Strides & { readonly at: (values: number, steps: readonly number[]) => Argument }
  readonly relu: boolean
}

interface Strides {
  readonly image: number
  /** From one output row (or pixel) to the next: a stride is in it. */
  readonly row: number
  readonly pixel: number
  /** For the input: from one tap to the next. */
  readonly tapRow?: number
  readonly tapPixel?: number
}

export interface DirectCandidate extends Candidate, TileShape {
  /**
   * How rows of pixels are cut: `even` in pieces as even as can be; `column` in full tiles, and what is left of all rows
   * in tiles that stand upright (13 in fours: three tiles and a column), so that nearly all tiles are full.
   */
  readonly cut: 'even' | 'column'
}

/** Tiles for rows of `width` pixels. */
export function directCandidates(traits: TargetTraits, vectors: number, width: number): DirectCandidate[] {
  const candidates = tileShapes(traits.vectorRegisters, vectors).flatMap((shape) => {
    const cuts: ('even' | 'column')[] =
      width % shape.rows === 0 || width < shape.rows ? ['even'] : ['column', 'even']
    return cuts.map((cut): DirectCandidate => {
      const unrolled = shape.unroll > 1 ? ` by ${shape.unroll}` : ''
      const size = `${shape.rows}x${shape.vectors * traits.lanes}`
      return { algorithm: 'direct', tile: size + unrolled + (cut === 'column' ? ' col' : ''), ...shape, cut }
    })
  })
  return candidates
}

/** Enough work that a call costs nothing beside it, little enough that threads end together. */
const MIN_TASK_FLOPS = 1e6
const WANTED_TASKS = 32

/** The tasks of a convolution: image by image, some rows by one block of filters each. */
export function directParts(
  traits: TargetTraits,
  conv: DirectConvolution,
  candidate: DirectCandidate,
): Part[] {
  const taps = conv.kernelHeight * conv.kernelWidth * conv.channels
  return vectorBlocks(conv.vectors, candidate.vectors).flatMap((block) => {
    const blockWidth = block.size * traits.lanes
    const flops = 2 * conv.height * conv.width * taps * blockWidth
    const wanted = Math.ceil((WANTED_TASKS * candidate.vectors) / (conv.images * conv.vectors))
    const chunks = Math.max(1, Math.min(wanted, conv.height, Math.floor(flops / MIN_TASK_FLOPS)))
    return runsOf(evenSplit(conv.height, Math.ceil(conv.height / chunks))).map((rows): Part => {
      const { first, size: height } = rows
      // image, rows, block: tasks that follow each other share the image's rows, which are larger than a block's weights
      const steps = (image: number, chunk: number, perBlock: number) => [image, chunk, perBlock]
      const biases = conv.biases?.(block.first * traits.lanes, steps(0, 0, blockWidth))
      const { input, output } = conv
      const inputAt = input.at(steps(input.image, height * input.row, 0))
      return {
        program: directProgram(traits, conv, { ...candidate, vectors: block.size }, height),
        grid: [conv.images, rows.count, block.count],
        arguments: {
          input: { ...inputAt, byteOffset: inputAt.byteOffset + first * input.row * FLOAT_BYTES },
          weights: conv.weights(block.first * traits.lanes * taps, steps(0, 0, blockWidth * taps)),
          ...(biases && { biases }),
          output: output.at(
            first * output.row + block.first * traits.lanes,
            steps(output.image, height * output.row, blockWidth),
          ),
        },
      }
    })
  })
}

function directProgram(
  traits: TargetTraits,
  conv: DirectConvolution,
  candidate: DirectCandidate,
  height: number,
) {
  const { kernelHeight, kernelWidth, channels, width } = conv
  const parameters = ['input', 'weights', ...(conv.biases ? ['biases'] : []), 'output']
  const b = new ProgramBuilder(`${conv.name} ${candidate.tile}`, traits.lanes, parameters)
  const [input, weights, output] = [b.parameter('input'), b.parameter('weights'), b.parameter('output')]
  const begin = conv.biases ? b.parameter('biases') : 'zero'
  const block = candidate.vectors * traits.lanes
  const sum = [
    { count: kernelHeight, a: bytes(conv.input.tapRow!), b: bytes(kernelWidth * channels * block) },
    { count: kernelWidth, a: bytes(conv.input.tapPixel!), b: bytes(channels * block) },
    { count: channels, a: bytes(1), b: bytes(block) },
  ]

  /** A line of pixels, along a row or down a column, in tiles. */
  const line = (along: 'row' | 'pixel', pieces: readonly number[]): void => {
    const [inputStep, outputStep] = [bytes(conv.input[along]), bytes(conv.output[along])]
    for (const { size, count } of runsOf(pieces)) {
      b.loop(count, () => {
        const tile = { ...candidate, rows: size, sum, aRow: inputStep, cRow: outputStep }
        writeTile(b, tile, { a: input, b: weights, c: output }, { begin, relu: conv.relu })
        b.advance(input, size * inputStep)
        b.advance(output, size * outputStep)
      })
    }
    const length = pieces.reduce((total, piece) => total + piece, 0)
    b.advance(input, -length * inputStep)
    b.advance(output, -length * outputStep)
  }

  const full = candidate.cut === 'column' ? width - (width % candidate.rows) : width
  const rowPieces = evenSplit(full, candidate.rows)
  b.walk(
    height,
    [
      [input, bytes(conv.input.row)],
      [output, bytes(conv.output.row)],
    ],
    () => line('pixel', rowPieces),
  )
  if (full < width) {
    b.advance(input, bytes(full * conv.input.pixel))
    b.advance(output, bytes(full * conv.output.pixel))
    b.walk(
      width - full,
      [
        [input, bytes(conv.input.pixel)],
        [output, bytes(conv.output.pixel)],
      ],
      () => line('row', evenSplit(height, candidate.rows)),
    )
  }
  return b.finish()
}
