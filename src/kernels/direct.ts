import { FLOAT_BYTES, type Pointer, ProgramBuilder } from '../codegen/program.ts'
import type { Activation } from '../layers/index.ts'
import {
  type Argument,
  bytes,
  type Candidate,
  evenSplit,
  type OutputPlace,
  type Part,
  runsOf,
  type TargetTraits,
  vectorBlocks,
  WANTED_TASKS,
} from './kernel.ts'
import { cutStretches, type Stretch } from './stretches.ts'
import { areLarge, isAskedAhead, type TileShape, tileName, tileShapes, writeTile } from './tile.ts'

/**
 * A convolution as the tile computes it: outputs (images, height, width) by vectors of channels, each a sum over
 * kernelHeight x kernelWidth x channels. Forward is one such convolution, an input gradient one for each phase. Pitches
 * in values.
 */
export interface DirectConvolution {
  readonly name: string
  readonly images: number
  /** Rows of output, by the kernel rows that lie inside the input: products with the padding's zeros are left out. */
  readonly rows: readonly Stretch[]
  readonly width: number
  readonly vectors: number
  readonly kernelHeight: number
  readonly kernelWidth: number
  readonly channels: number
  readonly input: Strides & { readonly at: (steps: readonly number[]) => Argument }
  /** Packed by blocks of filters, as conv-forward.ts and flipped-weights.ts do. */
  readonly weights: (values: number, steps: readonly number[]) => Argument
  readonly biases: ((values: number, steps: readonly number[]) => Argument) | null
  readonly output: OutputPlace
  /** Added to the sums. */
  readonly addend?: OutputPlace | undefined
  readonly activation: Activation | undefined
}

interface Strides {
  readonly image: number
  /** From one output row (or pixel) to the next, including the stride. */
  readonly row: number
  readonly pixel: number
  /** Of the input: from one tap to the next. */
  readonly tapRow?: number
  readonly tapPixel?: number
}

export interface DirectCandidate extends Candidate, TileShape {
  /**
   * How rows of pixels are cut. `even`: into pieces of nearly equal length. `column`: into full tiles, and what is left
   * of all rows into upright tiles (13 in fours: three tiles and a column), so that nearly all tiles are full.
   */
  readonly cut: 'even' | 'column'
}

/** Tiles for rows of `width` pixels. */
export function directCandidates(traits: TargetTraits, vectors: number, width: number): DirectCandidate[] {
  const candidates = tileShapes(traits.vectorRegisters, vectors).flatMap((shape) => {
    const cuts: ('even' | 'column')[] =
      width % shape.rows === 0 || width < shape.rows ? ['even'] : ['column', 'even']
    return cuts.map((cut): DirectCandidate => {
      const tile = tileName(shape, traits.lanes) + (cut === 'column' ? ' col' : '')
      return { algorithm: 'direct', tile, ...shape, cut }
    })
  })
  return candidates
}

/** Enough work that a call costs little beside it, and little enough that all threads end at about the same time. */
const MIN_TASK_FLOPS = 1e6

/** The tasks of a convolution: for each image, some rows by one block of filters. */
export function directParts(
  traits: TargetTraits,
  conv: DirectConvolution,
  candidate: DirectCandidate,
): Part[] {
  const taps = conv.kernelHeight * conv.kernelWidth * conv.channels
  const allRows = conv.rows.reduce((sum, { count }) => sum + count, 0)
  const weights = conv.vectors * traits.lanes * taps
  const isAhead = isAskedAhead(traits, weights)
  const aheadEach = isAhead
    ? Math.ceil(bytes(candidate.vectors * traits.lanes) / tilesIn(conv, candidate, allRows)) *
      candidate.unroll
    : 0
  // Then each thread reads some of the weights, and all of the images.
  const isAlongWeights = areLarge(weights) && weights > conv.images * conv.input.image
  return vectorBlocks(conv.vectors, candidate.vectors).flatMap((block) => {
    const blockWidth = block.size * traits.lanes
    const weightsEach = blockWidth * taps
    const flops = 2 * allRows * conv.width * taps * blockWidth
    const wanted = Math.ceil((WANTED_TASKS * candidate.vectors) / (conv.images * conv.vectors))
    const chunks = Math.max(1, Math.min(wanted, allRows, Math.floor(flops / MIN_TASK_FLOPS)))
    return chunksOf(conv.rows, evenSplit(allRows, Math.ceil(allRows / chunks))).map((chunk): Part => {
      const { first, height, rows, count } = chunk
      // image, rows, block: consecutive tasks share the image's rows, which are larger than a block's weights
      const steps = (image: number, chunk: number, perBlock: number) => [image, chunk, perBlock]
      const biases = conv.biases?.(block.first * traits.lanes, steps(0, 0, blockWidth))
      const { input, output, addend } = conv
      const ofOutput = (to: OutputPlace): Argument =>
        to.at(first * to.row + block.first * traits.lanes, steps(to.image, height * to.row, blockWidth))
      const share = (height: number) =>
        Math.floor((weightsEach * height) / allRows / traits.lanes) * traits.lanes
      const inputAt = input.at(steps(input.image, height * input.row, 0))
      return {
        program: directProgram(traits, conv, { ...candidate, vectors: block.size }, rows, aheadEach),
        grid: [conv.images, count, block.count],
        ...(isAlongWeights && { takenAlong: 'weights' }),
        arguments: {
          input: { ...inputAt, byteOffset: inputAt.byteOffset + first * input.row * FLOAT_BYTES },
          weights: conv.weights(block.first * traits.lanes * taps, steps(0, 0, weightsEach)),
          ...(isAhead && {
            ahead: conv.weights(
              block.first * traits.lanes * taps + weightsEach + share(first),
              steps(0, share(height), weightsEach),
            ),
          }),
          ...(biases && { biases }),
          ...(addend && { addend: ofOutput(addend) }),
          output: ofOutput(output),
        },
      }
    })
  })
}

/** Rows of output in one task, and how many such tasks follow each other. */
interface Chunk {
  readonly first: number
  readonly height: number
  readonly rows: readonly Stretch[]
  readonly count: number
}

/** Cuts rows into pieces; consecutive pieces that are alike share one program. */
function chunksOf(rows: readonly Stretch[], pieces: readonly number[]): Chunk[] {
  const chunks: { first: number; height: number; rows: readonly Stretch[]; count: number }[] = []
  let first = 0
  for (const height of pieces) {
    const own = cutStretches(rows, first, height)
    const last = chunks.at(-1)
    if (last?.height === height && JSON.stringify(last.rows) === JSON.stringify(own)) last.count++
    else chunks.push({ first, height, rows: own, count: 1 })
    first += height
  }
  return chunks
}

/** About so many tiles use each block of weights. */
const tilesIn = ({ width }: DirectConvolution, { rows, cut }: DirectCandidate, height: number): number =>
  height * (cut === 'column' ? width / rows : Math.ceil(width / rows))

function directProgram(
  traits: TargetTraits,
  conv: DirectConvolution,
  candidate: DirectCandidate,
  rows: readonly Stretch[],
  aheadPerRound: number,
) {
  const { kernelHeight, kernelWidth, channels, width } = conv
  const optional = [...(conv.biases ? ['biases'] : []), ...(conv.addend ? ['addend'] : [])]
  const isAhead = aheadPerRound > 0
  const parameters = ['input', 'weights', ...optional, ...(isAhead ? ['ahead'] : []), 'output']
  const b = new ProgramBuilder(`${conv.name} ${candidate.tile}`, traits.lanes, parameters)
  const [input, weights, output] = [b.parameter('input'), b.parameter('weights'), b.parameter('output')]
  /** What moves from output to output, and how far. */
  const moving: readonly (readonly [Pointer, Strides])[] = [
    [input, conv.input],
    [output, conv.output],
    ...(conv.addend ? [[b.parameter('addend'), conv.addend] as const] : []),
  ]
  const move = (along: 'row' | 'pixel', count: number): void => {
    for (const [pointer, strides] of moving) b.advance(pointer, count * bytes(strides[along]))
  }
  const begin = conv.biases ? b.parameter('biases') : 'zero'
  const block = candidate.vectors * traits.lanes
  const tapRow = { a: bytes(conv.input.tapRow!), b: bytes(kernelWidth * channels * block) }
  const sumOf = (kernelRows: number) => [
    { count: kernelRows, ...tapRow },
    { count: kernelWidth, a: bytes(conv.input.tapPixel!), b: bytes(channels * block) },
    { count: channels, a: bytes(1), b: bytes(block) },
  ]

  /** Computes a line of pixels, along a row or down a column, in tiles. */
  const line = (along: 'row' | 'pixel', pieces: readonly number[], kernelRows: number): void => {
    const sum = sumOf(kernelRows)
    const [inputStep, outputStep] = [bytes(conv.input[along]), bytes(conv.output[along])]
    for (const { size, count } of runsOf(pieces)) {
      b.loop(count, () => {
        const tile = { ...candidate, rows: size, sum, aRow: inputStep, cRow: outputStep }
        const addend = conv.addend && { at: b.parameter('addend'), row: bytes(conv.addend[along]) }
        writeTile(
          b,
          tile,
          { a: input, b: weights, c: output },
          { begin, addend, activation: conv.activation },
          isAhead ? { at: b.parameter('ahead'), bytesPerRound: aheadPerRound } : undefined,
        )
        move(along, size)
      })
    }
    const length = pieces.reduce((total, piece) => total + piece, 0)
    move(along, -length)
  }

  const full = candidate.cut === 'column' ? width - (width % candidate.rows) : width
  const rowPieces = evenSplit(full, candidate.rows)
  for (const { count, skip, taps } of rows) {
    b.advance(input, skip * tapRow.a)
    b.advance(weights, skip * tapRow.b)
    b.loop(count, () => {
      line('pixel', rowPieces, taps)
      move('row', 1)
    })
    b.advance(input, -skip * tapRow.a)
    b.advance(weights, -skip * tapRow.b)
  }
  const height = rows.reduce((sum, { count }) => sum + count, 0)
  move('row', -height)
  if (full < width) {
    move('pixel', full)
    b.walk(
      width - full,
      moving.map(([pointer, { pixel }]) => [pointer, bytes(pixel)] as const),
      // The pixels of an upright tile lie in several rows, so all kernel rows are summed, including those over the
      // halo's zeros.
      () => line('row', evenSplit(height, candidate.rows), kernelHeight),
    )
  }
  return b.finish()
}
