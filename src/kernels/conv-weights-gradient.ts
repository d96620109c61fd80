import { FLOAT_BYTES, ProgramBuilder } from '../codegen/program.ts'
import type { StepOfKind } from '../plan/steps.ts'
import { type FilterOperand, packedBefore, packedByTasks } from './conv-weights-gradient-filters.ts'
import {
  type InPlaceCandidate,
  inPlaceCandidates,
  inPlaceWeightsGradient,
} from './conv-weights-gradient-in-place.ts'
import { type InputOperand, packedInput, plainInput } from './conv-weights-gradient-input.ts'
import {
  addGroups,
  groupSums,
  kernelRowRuns,
  splitTasks,
  sumsPlace,
  type TaskSplit,
} from './conv-weights-gradient-tasks.ts'
import {
  type Argument,
  bytes,
  type Candidate,
  type EqualPieces,
  evenSplit,
  type KernelRule,
  type Part,
  runsOf,
  type TargetTraits,
  vectorBlocks,
} from './kernel.ts'
import { type TileShape, tileName, tileShapes, writeTile } from './tile.ts'
import { whyNotWinograd, winogradGradientCandidates } from './winograd/candidates.ts'
import { type WinogradGradientCandidate, winogradWeightsGradient } from './winograd/weights-gradient.ts'

type WeightsGradient = StepOfKind<'conv-weights-gradient'>

interface DirectCandidate extends Candidate, TileShape {
  /** The input is packed by the tile's rows of channels, so that what a tile reads is contiguous. */
  readonly isInputPacked: boolean
  /** Rows of the output whose pixels are summed before the tile moves to the next rows of C. */
  readonly rowsAtOnce: number
}

const PACKED_GRADIENT = 0
const PACKED_INPUT = 1
const PARTIAL_SUMS = 2

/**
 * Pixels that are summed together: as many as the second-level cache holds, or so few that the first-level cache holds
 * them.
 */
const PIXELS_AT_ONCE = [1500, 300, 120]

/** With fewer channels than this packing doesn't pay; a whole kernel row is contiguous anyway. */
const MIN_PACKED_CHANNELS = 8

/**
 * C[kernel column x channels, filters] += A[the same, pixels] * B[pixels, filters], one kernel row at a time. The
 * gradient is packed by blocks of filters, and the input (if it has enough channels) by the tile's rows: in NHWC their
 * strides collide in the first-level cache.
 */
export const convWeightsGradient: KernelRule<
  'conv-weights-gradient',
  DirectCandidate | InPlaceCandidate | WinogradGradientCandidate
> = {
  candidates: (step, traits) => {
    const { reads, options } = step
    const [, height, width] = reads.gradient.shape
    const shapes = tileShapes(traits.vectorRegisters, reads.gradient.pixelPitch / traits.lanes)
    const few = PIXELS_AT_ONCE.map((pixels) => Math.max(1, Math.min(height, Math.floor(pixels / width))))
    const isInputPacked = reads.input.shape[3] >= MIN_PACKED_CHANNELS
    const ways = [...new Set(few)].map((rowsAtOnce) => ({ isInputPacked, rowsAtOnce }))
    const direct = shapes.flatMap((shape) =>
      ways.map((way): DirectCandidate => {
        const part = way.rowsAtOnce < height ? `, ${way.rowsAtOnce} rows` : ''
        return {
          algorithm: 'direct',
          tile: tileName(shape, traits.lanes) + part,
          family: 'packed',
          ...shape,
          ...way,
        }
      }),
    )
    return [
      ...direct,
      ...inPlaceCandidates(step, traits),
      ...winogradGradientCandidates(traits, options.geometry, reads.gradient.pixelPitch),
    ]
  },

  whyNot: (step) => whyNotWinograd(step.options.geometry),

  build(step, traits, candidate) {
    if ('packsGradient' in candidate) return inPlaceWeightsGradient(step, traits, candidate)
    if ('points' in candidate) return winogradWeightsGradient(step, traits, candidate)
    const blocks = vectorBlocks(step.reads.gradient.pixelPitch / traits.lanes, candidate.vectors)
    const input = candidate.isInputPacked
      ? packedInput(step, candidate.rows, PACKED_INPUT)
      : plainInput(step, candidate.rows)
    const split = splitTasks(step, blocks, input)
    const filters = split.packsGradient
      ? packedByTasks(step, candidate.rowsAtOnce)
      : packedBefore(step, blocks, PACKED_GRADIENT)
    const packs = [...filters.packs(traits), ...input.packs(traits)]
    const products = blocks.flatMap((block) =>
      input.pieces.flatMap((piece) =>
        productParts(step, traits, candidate, { block, piece, input, filters, split }),
      ),
    )
    return {
      ...candidate,
      privateBuffers: [
        { name: `${step.layer}/sums.gradient packed`, length: filters.packedLength, lifetime: 'step' },
        { name: `${step.layer}/input packed`, length: input.packedLength, lifetime: 'step' },
        groupSums(step, split.groups),
      ],
      threadScratch: filters.threadScratch,
      prologue: [],
      stages: [
        ...(packs.length > 0 ? [{ parts: packs }] : []),
        { parts: products },
        ...addGroups(step, traits, PARTIAL_SUMS, split.groups),
      ],
    }
  },
}

/** What one kind of task computes. */
interface Product {
  readonly block: EqualPieces
  readonly piece: EqualPieces
  readonly input: InputOperand
  readonly filters: FilterOperand
  readonly split: TaskSplit
}

/**
 * A task computes some kernel rows, pieces of channels and blocks of filters, over the images of a group. The sums are
 * written to memory after each image, which is more exact than one long sum.
 */
function productParts(
  step: WeightsGradient,
  traits: TargetTraits,
  candidate: DirectCandidate,
  product: Product,
): Part[] {
  const { block, piece, input, filters, split } = product
  const { geometry: g } = step.options
  const { weightsGradient } = step.writes
  const [images] = step.reads.gradient.shape
  const blockWidth = block.size * traits.lanes
  const distance = input.distances(piece)
  const cRow = weightsGradient.pixelPitch
  const cKernelRow = g.kernelWidth * step.reads.input.shape[3] * cRow

  const groups = runsOf(evenSplit(images, split.imagesEach))
  const blockRuns = runsOf(
    evenSplit(block.count, Math.ceil(block.count / Math.min(split.blockCuts, block.count))),
  )
  const pieceRuns = runsOf(
    evenSplit(piece.count, Math.ceil(piece.count / Math.min(split.pieceCuts, piece.count))),
  )
  const kernelRuns = kernelRowRuns(g, split.kernelRowsEach)
  const parts: Part[] = []
  let firstGroup = 0
  for (const group of groups) {
    for (const blocks of blockRuns) {
      for (const [pieces, kernelRows] of pieceRuns.flatMap((run) =>
        kernelRuns.map((rows) => [run, rows] as const),
      )) {
        const firstFilter = block.first * traits.lanes + blocks.first * blockWidth
        const c =
          firstFilter + (piece.first + pieces.first * piece.size) * cRow + kernelRows.first * cKernelRow
        const cSteps = [
          split.kernelRowsEach * cKernelRow,
          pieces.size * piece.size * cRow,
          blocks.size * blockWidth,
        ]
        parts.push({
          program: productProgram(step, traits, candidate, product, {
            images: group.size,
            pieces: pieces.size,
            blocks: blocks.size,
            rows: kernelRows.pixelRows,
          }),
          grid: [group.count, kernelRows.count, pieces.count, blocks.count],
          arguments: {
            input: moved(
              input.at(piece, pieces.first, [
                group.size * distance.image,
                split.kernelRowsEach * distance.tapRow,
                pieces.size * distance.piece,
                0,
              ]),
              group.first * distance.image +
                kernelRows.first * distance.tapRow +
                kernelRows.firstPixelRow * distance.row,
            ),
            ...filters.at(group, kernelRows.firstPixelRow, block, blocks, traits.lanes),
            weights: sumsPlace(step, PARTIAL_SUMS, split.groups, firstGroup, c, cSteps),
          },
        })
      }
    }
    firstGroup += group.count
  }
  return parts
}

/** What one task covers. */
interface TaskSize {
  readonly images: number
  readonly pieces: number
  readonly blocks: number
  readonly rows: number
}

function productProgram(
  step: WeightsGradient,
  traits: TargetTraits,
  candidate: DirectCandidate,
  { block, piece, input, filters, split }: Product,
  size: TaskSize,
) {
  const width = step.reads.gradient.shape[2]
  const blockWidth = block.size * traits.lanes
  const distance = input.distances(piece)
  const cRow = step.writes.weightsGradient.pixelPitch
  const cColumn = step.reads.input.shape[3] * cRow
  const cKernelRow = step.options.geometry.kernelWidth * cColumn

  const name = `${step.layer} weights gradient ${candidate.tile}`
  const b = new ProgramBuilder(name, traits.lanes, ['input', ...filters.parameters, 'weights'])
  const filterRows = filters.open(b, block)
  const { moving } = filterRows
  const at = { a: b.parameter('input'), b: filterRows.b, c: b.parameter('weights') }
  const overKernel = (write: () => void): void =>
    b.walk(
      split.kernelRowsEach,
      [
        [at.a, bytes(distance.tapRow)],
        [at.c, bytes(cKernelRow)],
      ],
      () =>
        b.walk(
          input.columns,
          [
            [at.a, bytes(distance.tapColumn)],
            [at.c, bytes(cColumn)],
          ],
          write,
        ),
    )
  const zero = b.splat(0)
  overKernel(() =>
    b.walk(size.pieces * piece.size, [[at.c, bytes(cRow)]], () => {
      for (let v = 0; v < size.blocks * block.size; v++) b.store(at.c, v * b.vectorBytes, zero)
    }),
  )
  const inputRow = bytes(distance.row)
  /** Computes a tile for each piece and block, from the pixels of some rows of the image. */
  const addPixels = (pixelRows: number): void => {
    const sum = [
      { count: pixelRows, a: inputRow, b: bytes(width * blockWidth) },
      { count: width, a: bytes(distance.pixel), b: bytes(blockWidth) },
    ]
    const tile = {
      rows: piece.size,
      vectors: block.size,
      unroll: candidate.unroll,
      sum,
      aRow: FLOAT_BYTES,
      cRow: bytes(cRow),
    }
    const overBlocks = [
      [at.b, filterRows.blockStep(pixelRows)],
      [at.c, bytes(blockWidth)],
    ] as const
    const overPieces = [
      [at.a, bytes(distance.piece)],
      [at.c, bytes(piece.size * cRow)],
    ] as const
    b.walk(size.blocks, overBlocks, () => {
      b.walk(size.pieces, overPieces, () => writeTile(b, tile, at, { begin: 'accumulate' }))
    })
  }
  const overImages = [
    [at.a, bytes(distance.image)],
    [moving.pointer, moving.image],
  ] as const
  b.walk(size.images, overImages, () => {
    for (const { size: rows, count } of runsOf(evenSplit(size.rows, candidate.rowsAtOnce))) {
      b.loop(count, () => {
        filterRows.take(rows, size.blocks)
        overKernel(() => addPixels(rows))
        b.advance(at.a, rows * inputRow)
        b.advance(moving.pointer, rows * moving.row)
      })
    }
    b.advance(at.a, -size.rows * inputRow)
    b.advance(moving.pointer, -size.rows * moving.row)
  })
  return b.finish()
}

const moved = (from: Argument, values: number): Argument => ({
  ...from,
  byteOffset: from.byteOffset + bytes(values),
})
