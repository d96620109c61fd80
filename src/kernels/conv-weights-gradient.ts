import { FLOAT_BYTES, type Pointer, ProgramBuilder } from '../codegen/program.ts'
import type { WindowGeometry } from '../layers/index.ts'
import type { StepOfKind } from '../plan/steps.ts'
import { type InputOperand, packedInput, plainInput } from './conv-weights-gradient-input.ts'
import { copyPixels } from './copy.ts'
import {
  type Argument,
  argument,
  bytes,
  type Candidate,
  evenSplit,
  type KernelRule,
  type Part,
  privateArgument,
  type Run,
  runsOf,
  type Stage,
  type TargetTraits,
  threadArgument,
  vectorBlocks,
} from './kernel.ts'
import { eachVector } from './rows.ts'
import { type TileShape, tileName, tileShapes, writeTile } from './tile.ts'
import { whyNotWinograd, winogradGradientCandidates } from './winograd/candidates.ts'
import { type WinogradGradientCandidate, winogradWeightsGradient } from './winograd/weights-gradient.ts'

type WeightsGradient = StepOfKind<'conv-weights-gradient'>

interface DirectCandidate extends Candidate, TileShape {
  /** The input packed by the tile's rows of channels, so that what a tile reads lies side by side. */
  readonly isInputPacked: boolean
  /** Rows of the output whose pixels are summed before the next rows of C are taken. */
  readonly rowsAtOnce: number
}

const PACKED_GRADIENT = 0
const PACKED_INPUT = 1
const PARTIAL_SUMS = 2

/** Enough tasks that all threads end together. */
const WANTED_TASKS = 48
/** So few that C is cut further, although then more tasks read each image. */
const FEW_TASKS = 24

/** Sums that a task adds to, image after image: they and an image's input stay in the second-level cache. */
const SUMS_PER_TASK = 65536

/** Pixels that are summed at once: as many as the second-level cache holds, or so few that the first one does. */
const PIXELS_AT_ONCE = [1500, 300, 120]

/** Below this many channels a tile of them is not worth packing; a whole kernel row lies side by side anyway. */
const MIN_PACKED_CHANNELS = 8

/**
 * C[kernel column x channels, filters] += A[the same, pixels] * B[pixels, filters], one kernel row at a time. The
 * gradient is packed by blocks of filters, and the input (where it has the channels) by the tile's rows: in NHWC their
 * strides collide in the first-level cache.
 */
export const convWeightsGradient: KernelRule<
  'conv-weights-gradient',
  DirectCandidate | WinogradGradientCandidate
> = {
  candidates: ({ reads, options }, traits) => {
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
          ...shape,
          ...way,
        }
      }),
    )
    return [...direct, ...winogradGradientCandidates(traits, options.geometry, reads.gradient.pixelPitch)]
  },

  whyNot: (step) => whyNotWinograd(step.options.geometry),

  build(step, traits, candidate) {
    if ('points' in candidate) return winogradWeightsGradient(step, traits, candidate)
    const { gradient } = step.reads
    const [images, height, width] = gradient.shape
    const blocks = vectorBlocks(gradient.pixelPitch / traits.lanes, candidate.vectors)
    const input = candidate.isInputPacked
      ? packedInput(step, candidate.rows, PACKED_INPUT)
      : plainInput(step, candidate.rows)
    const split = splitTasks(step, blocks, input)
    const packs = [
      ...(split.packsGradient ? [] : blocks.map((block) => packGradient(step, traits, block))),
      ...input.packs(traits),
    ]
    const products = blocks.flatMap((block) =>
      input.pieces.flatMap((piece) => productParts(step, traits, candidate, block, input, piece, split)),
    )
    return {
      ...candidate,
      privateBuffers: [
        {
          name: `${step.layer}/sums.gradient packed`,
          length: split.packsGradient ? 0 : images * height * width * gradient.pixelPitch,
          lifetime: 'step',
        },
        { name: `${step.layer}/input packed`, length: input.packedLength, lifetime: 'step' },
        {
          name: `${step.layer}/weights.gradient partial`,
          length: split.groups > 1 ? split.groups * sumsOf(step) : 0,
          lifetime: 'step',
        },
      ],
      threadScratch: split.packsGradient ? candidate.rowsAtOnce * width * gradient.pixelPitch : 0,
      prologue: [],
      stages: [
        ...(packs.length > 0 ? [{ parts: packs }] : []),
        { parts: products },
        ...(split.groups > 1 ? [addGroups(step, traits, split)] : []),
      ],
    }
  },
}

/** Values of C, its padded columns too. */
const sumsOf = ({ writes }: WeightsGradient): number =>
  writes.weightsGradient.shape[2] * writes.weightsGradient.pixelPitch

/** How C and the images are cut into tasks: by the shapes alone, so that the bits are the same on any threads. */
interface TaskSplit {
  /** Each sums its images on its own; what they made is added in order. */
  readonly groups: number
  readonly imagesEach: number
  /** Kernel rows of a task: all or one. */
  readonly kernelRowsEach: number
  /** Pieces that the blocks of filters, and those of channels, are cut into. */
  readonly blockCuts: number
  readonly pieceCuts: number
  /** One task reads an image's gradient, so it packs it itself, in its scratch: memory is read once and not written. */
  readonly packsGradient: boolean
}

/**
 * Every task reads its images' input and gradient, so few tasks for each image are few reads of memory: as much of C as
 * stays in the cache, and groups of images. With few images C is cut further.
 */
function splitTasks(step: WeightsGradient, blocks: readonly Run[], input: InputOperand): TaskSplit {
  const { kernelHeight } = step.options.geometry
  const [images] = step.reads.gradient.shape
  const blockCount = blocks.reduce((sum, { count }) => sum + count, 0)
  const pieceCount = input.pieces.reduce((sum, { count }) => sum + count, 0)
  const sums = sumsOf(step)
  let kernelRowsEach = sums <= SUMS_PER_TASK ? kernelHeight : 1
  let blockCuts = Math.min(blockCount, Math.ceil((sums * kernelRowsEach) / kernelHeight / SUMS_PER_TASK))
  let pieceCuts = 1
  const tasksOfImage = () => (kernelHeight / kernelRowsEach) * blockCuts * pieceCuts
  const wantedGroups = Math.min(images, Math.ceil(WANTED_TASKS / tasksOfImage()))
  const imagesEach = Math.ceil(images / wantedGroups)
  const groups = Math.ceil(images / imagesEach)
  const missing = () => Math.ceil(FEW_TASKS / (groups * tasksOfImage()))
  if (missing() > 1) kernelRowsEach = 1
  if (missing() > 1) blockCuts = Math.min(blockCount, blockCuts * missing())
  if (missing() > 1) pieceCuts = Math.min(pieceCount, missing())
  return { groups, imagesEach, kernelRowsEach, blockCuts, pieceCuts, packsGradient: tasksOfImage() === 1 }
}

/** [block][image][pixel][filter of the block] */
function packGradient(step: WeightsGradient, traits: TargetTraits, block: Run): Part {
  const { gradient } = step.reads
  const [images, height, width] = gradient.shape
  const pixels = height * width
  const blockWidth = block.size * traits.lanes
  const b = new ProgramBuilder(`pack ${step.layer} gradient`, traits.lanes, ['gradient', 'packed'])
  const [from, to] = [b.parameter('gradient'), b.parameter('packed')]
  b.walk(
    block.count,
    [
      [from, bytes(blockWidth)],
      [to, bytes(images * pixels * blockWidth)],
    ],
    () => {
      b.walk(height, [[from, bytes(gradient.rowPitch)]], () => {
        copyPixels(b, from, to, width, gradient.pixelPitch, block.size)
      })
      b.advance(to, -bytes(pixels * blockWidth))
    },
  )
  return {
    program: b.finish(),
    grid: [images],
    arguments: {
      gradient: argument(gradient, block.first * traits.lanes, [gradient.imagePitch]),
      packed: privateArgument(PACKED_GRADIENT, block.first * traits.lanes * images * pixels, [
        pixels * blockWidth,
      ]),
    },
  }
}

/** Kernel rows that are summed over the same rows of the output: the others of these meet the padding's zeros alone. */
interface KernelRowRun {
  readonly first: number
  readonly count: number
  readonly firstPixelRow: number
  readonly pixelRows: number
}

function kernelRowRuns(g: WindowGeometry, kernelRowsEach: number): KernelRowRun[] {
  if (kernelRowsEach > 1 || g.kernelHeight === 1)
    return [{ first: 0, count: g.kernelHeight / kernelRowsEach, firstPixelRow: 0, pixelRows: g.outputHeight }]
  const runs: { first: number; count: number; firstPixelRow: number; pixelRows: number }[] = []
  for (let row = 0; row < g.kernelHeight; row++) {
    const tap = row * g.dilationHeight
    const from = Math.max(0, Math.ceil((g.top - tap) / g.strideHeight))
    const to = Math.min(g.outputHeight, Math.floor((g.inputHeight - 1 + g.top - tap) / g.strideHeight) + 1)
    const pixelRows = Math.max(0, to - from)
    const firstPixelRow = pixelRows === 0 ? 0 : from
    const last = runs.at(-1)
    if (last?.firstPixelRow === firstPixelRow && last.pixelRows === pixelRows) last.count++
    else runs.push({ first: row, count: 1, firstPixelRow, pixelRows })
  }
  return runs
}

/**
 * A task is some kernel rows by some pieces of channels and blocks of filters, over the images of a group. The sums go to
 * memory after each image: more exact than one long sum.
 */
function productParts(
  step: WeightsGradient,
  traits: TargetTraits,
  candidate: DirectCandidate,
  block: Run,
  input: InputOperand,
  piece: Run,
  split: TaskSplit,
): Part[] {
  const { geometry: g } = step.options
  const { gradient } = step.reads
  const { weightsGradient } = step.writes
  const [images, height, width] = gradient.shape
  const pixels = height * width
  const blockWidth = block.size * traits.lanes
  const packedBlock = images * pixels * blockWidth
  const distance = input.distances(piece)
  const cRow = weightsGradient.pixelPitch
  const cColumn = step.reads.input.shape[3] * cRow
  const cKernelRow = g.kernelWidth * cColumn

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
        const gradientAt = block.first * traits.lanes * images * pixels + blocks.first * packedBlock
        const imageBlock = pixels * blockWidth
        parts.push({
          program: productProgram(group.size, pieces.size, blocks.size, kernelRows.pixelRows),
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
            ...(split.packsGradient
              ? {
                  gradient: moved(
                    argument(gradient, firstFilter, [group.size * gradient.imagePitch]),
                    group.first * gradient.imagePitch + kernelRows.firstPixelRow * gradient.rowPitch,
                  ),
                  packed: threadArgument,
                }
              : {
                  packed: privateArgument(
                    PACKED_GRADIENT,
                    gradientAt + group.first * imageBlock + kernelRows.firstPixelRow * width * blockWidth,
                    [group.size * imageBlock, 0, 0, blocks.size * packedBlock],
                  ),
                }),
            weights:
              split.groups > 1
                ? privateArgument(PARTIAL_SUMS, firstGroup * sumsOf(step) + c, [sumsOf(step), ...cSteps])
                : argument(weightsGradient, c, [0, ...cSteps]),
          },
        })
      }
    }
    firstGroup += group.count
  }
  return parts

  function productProgram(imageCount: number, pieceCount: number, blockCount: number, rowCount: number) {
    const name = `${step.layer} weights gradient ${candidate.tile}`
    const parameters = ['input', ...(split.packsGradient ? ['gradient'] : []), 'packed', 'weights']
    const b = new ProgramBuilder(name, traits.lanes, parameters)
    const at = { a: b.parameter('input'), b: b.parameter('packed'), c: b.parameter('weights') }
    const from = split.packsGradient ? b.parameter('gradient') : null
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
      b.walk(pieceCount * piece.size, [[at.c, bytes(cRow)]], () => {
        for (let v = 0; v < blockCount * block.size; v++) b.store(at.c, v * b.vectorBytes, zero)
      }),
    )
    const inputRow = bytes(distance.row)
    const gradientRow = bytes(width * blockWidth)
    /** A tile for each piece and block, from the pixels of some rows of the image. */
    const addPixels = (pixelRows: number): void => {
      const sum = [
        { count: pixelRows, a: inputRow, b: gradientRow },
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
        [at.b, from === null ? bytes(packedBlock) : pixelRows * gradientRow],
        [at.c, bytes(blockWidth)],
      ] as const
      const overPieces = [
        [at.a, bytes(distance.piece)],
        [at.c, bytes(piece.size * cRow)],
      ] as const
      b.walk(blockCount, overBlocks, () => {
        b.walk(pieceCount, overPieces, () => writeTile(b, tile, at, { begin: 'accumulate' }))
      })
    }
    /** [block][pixel][filter of the block] of some rows of the image. */
    const packRows = (gradientPointer: Pointer, rows: number): void => {
      const overBlocks = [
        [gradientPointer, bytes(blockWidth)],
        [at.b, rows * gradientRow],
      ] as const
      b.walk(blockCount, overBlocks, () => {
        b.walk(rows, [[gradientPointer, bytes(gradient.rowPitch)]], () => {
          copyPixels(b, gradientPointer, at.b, width, gradient.pixelPitch, block.size)
        })
        b.advance(at.b, -rows * gradientRow)
      })
    }
    const overImages = [
      [at.a, bytes(distance.image)],
      from === null
        ? ([at.b, bytes(pixels * blockWidth)] as const)
        : ([from, bytes(gradient.imagePitch)] as const),
    ] as const
    b.walk(imageCount, overImages, () => {
      for (const { size, count } of runsOf(evenSplit(rowCount, candidate.rowsAtOnce))) {
        b.loop(count, () => {
          if (from !== null) packRows(from, size)
          overKernel(() => addPixels(size))
          b.advance(at.a, size * inputRow)
          if (from === null) b.advance(at.b, size * gradientRow)
          else b.advance(from, size * bytes(gradient.rowPitch))
        })
      }
      b.advance(at.a, -rowCount * inputRow)
      if (from === null) b.advance(at.b, -rowCount * gradientRow)
      else b.advance(from, -rowCount * bytes(gradient.rowPitch))
    })
    return b.finish()
  }
}

const moved = (from: Argument, values: number): Argument => ({
  ...from,
  byteOffset: from.byteOffset + bytes(values),
})

/** Values of C that one task adds up. */
const ADDED_PER_TASK = 8192

/** C is the sum of what the groups of images made, in their order. */
function addGroups(step: WeightsGradient, traits: TargetTraits, { groups }: TaskSplit): Stage {
  const { weightsGradient } = step.writes
  const vectors = sumsOf(step) / traits.lanes
  const parts = runsOf(evenSplit(vectors, ADDED_PER_TASK / traits.lanes)).map((run): Part => {
    const b = new ProgramBuilder(`${step.layer} weights gradient sum`, traits.lanes, ['partial', 'weights'])
    const [partial, weights] = [b.parameter('partial'), b.parameter('weights')]
    eachVector(b, run.size, [partial, weights], (offset) => {
      let sum = b.load(partial, offset)
      for (let group = 1; group < groups; group++) {
        sum = b.add(sum, b.load(partial, offset + group * bytes(sumsOf(step))))
      }
      b.store(weights, offset, sum)
    })
    const first = run.first * traits.lanes
    const steps = [run.size * traits.lanes]
    return {
      program: b.finish(),
      grid: [run.count],
      arguments: {
        partial: privateArgument(PARTIAL_SUMS, first, steps),
        weights: argument(weightsGradient, first, steps),
      },
    }
  })
  return { parts }
}
