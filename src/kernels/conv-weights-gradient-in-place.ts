// A weights gradient whose tasks read the input where it lies.
import { FLOAT_BYTES, type Pointer, ProgramBuilder } from '../codegen/program.ts'
import type { WindowGeometry } from '../layers/index.ts'
import type { StepOfKind } from '../plan/steps.ts'
import {
  addGroups,
  FEW_TASKS,
  groupSums,
  type KernelRowRun,
  kernelRowRuns,
  SUMS_PER_TASK,
  sumsOf,
  sumsPlace,
} from './conv-weights-gradient-tasks.ts'
import { copyPixels } from './copy.ts'
import {
  argument,
  bytes,
  type Candidate,
  type EqualPieces,
  evenSplit,
  type Implementation,
  type Part,
  runsOf,
  type TargetTraits,
  threadArgument,
  vectorBlocks,
} from './kernel.ts'
import { type Tile, type TileShape, tileName, tileShapes, writeTile } from './tile.ts'

type WeightsGradient = StepOfKind<'conv-weights-gradient'>

export interface InPlaceCandidate extends Candidate, TileShape {
  /** Rows of the output whose pixels are summed before the tile moves to the next rows of C. */
  readonly rowsAtOnce: number
  /** A task copies the gradient's pixels to its scratch, by blocks of filters, before it multiplies them. */
  readonly packsGradient: boolean
}

/** Pixels that are summed together. */
const PIXELS_AT_ONCE = 300
/** The operands' values of so many pixels, which should stay in the second-level cache beside the sums. */
const VALUES_AT_ONCE = 2 ** 17

export function inPlaceCandidates(step: WeightsGradient, traits: TargetTraits): InPlaceCandidate[] {
  const { gradient, input } = step.reads
  const [, height, width] = gradient.shape
  const { strideHeight, strideWidth } = step.options.geometry
  const valuesOfPixel = gradient.pixelPitch + strideHeight * strideWidth * input.pixelPitch
  const pixels = Math.min(PIXELS_AT_ONCE, VALUES_AT_ONCE / valuesOfPixel)
  const rowsAtOnce = Math.max(1, Math.min(height, Math.floor(pixels / width)))
  const part = rowsAtOnce < height ? `, ${rowsAtOnce} rows` : ''
  return tileShapes(traits.vectorRegisters, gradient.pixelPitch / traits.lanes).flatMap((shape) =>
    [true, false].map((packsGradient): InPlaceCandidate => {
      const way = packsGradient ? 'gradient packed' : 'in place'
      return {
        algorithm: 'direct',
        family: way,
        tile: `${tileName(shape, traits.lanes)}${part}, ${way}`,
        ...shape,
        rowsAtOnce,
        packsGradient,
      }
    }),
  )
}

/** The rows of A: channels or, where pixels are contiguous, all columns of a kernel row with their channels. */
interface InputRows {
  readonly count: number
  /** Kernel columns that the tile goes over; 1 if they are rows. */
  readonly columns: number
}

function inputRowsOf(g: WindowGeometry, { shape, pixelPitch }: WeightsGradient['reads']['input']): InputRows {
  const channels = shape[3]
  const isContiguous = pixelPitch === channels && (g.kernelWidth === 1 || g.dilationWidth === 1)
  return isContiguous
    ? { count: g.kernelWidth * channels, columns: 1 }
    : { count: channels, columns: g.kernelWidth }
}

/** How C and the images are cut into tasks. It depends on the shapes alone, so the bits are the same with any number of threads. */
interface Cut {
  readonly imagesEach: number
  readonly groups: number
  readonly kernelRowsEach: number
  /** Ranges of A's rows, and of vectors of filters. */
  readonly rows: readonly EqualPieces[]
  readonly vectors: readonly EqualPieces[]
}

/** Where C's ranges of rows may begin: at a cache line of the input. */
const ROWS_OF_LINE = 16

/**
 * The cut with the least memory traffic of those that give enough tasks, each with sums that stay in the cache: more parts of
 * C read the operands more often, and more groups of images write and read more sums.
 */
function cutOf(step: WeightsGradient, traits: TargetTraits, inputRows: InputRows): Cut {
  const { kernelHeight } = step.options.geometry
  const { gradient, input } = step.reads
  const images = gradient.shape[0]
  const sums = sumsOf(step)
  const lines = Math.ceil(inputRows.count / ROWS_OF_LINE)
  const vectors = gradient.pixelPitch / traits.lanes
  let best = {
    lack: Infinity,
    traffic: Infinity,
    imagesEach: 1,
    groups: 1,
    kernelRowsEach: 1,
    rowCuts: 1,
    vectorCuts: 1,
  }
  for (const kernelRowsEach of new Set([kernelHeight, 1])) {
    const kernelCuts = kernelHeight / kernelRowsEach
    for (const rowCuts of cutsUpTo(lines)) {
      for (const vectorCuts of cutsUpTo(vectors)) {
        const parts = kernelCuts * rowCuts * vectorCuts
        for (const wanted of cutsUpTo(images)) {
          const imagesEach = Math.ceil(images / wanted)
          const groups = Math.ceil(images / imagesEach)
          const lack =
            Math.max(0, 1 - (groups * parts) / FEW_TASKS) + Math.max(0, sums / parts / SUMS_PER_TASK - 1)
          const operands = vectorCuts * images * input.imagePitch + rowCuts * images * gradient.imagePitch
          const traffic = kernelCuts * operands + (groups > 1 ? 3 * groups : 1) * sums
          const isBetter = lack < best.lack || (lack === best.lack && traffic < best.traffic)
          if (isBetter) best = { lack, traffic, imagesEach, groups, kernelRowsEach, rowCuts, vectorCuts }
        }
      }
    }
  }
  const { imagesEach, groups, kernelRowsEach, rowCuts, vectorCuts } = best
  const rowsEach = Math.ceil(lines / rowCuts) * ROWS_OF_LINE
  const rows = Array.from({ length: Math.ceil(inputRows.count / rowsEach) }, (_, i) =>
    Math.min(rowsEach, inputRows.count - i * rowsEach),
  )
  return {
    imagesEach,
    groups,
    kernelRowsEach,
    rows: runsOf(rows),
    vectors: vectorBlocks(vectors, Math.ceil(vectors / vectorCuts)),
  }
}

/** 1, 2, 4 and so on, and the number itself. */
function cutsUpTo(most: number): number[] {
  const cuts: number[] = []
  for (let cut = 1; cut < most; cut *= 2) cuts.push(cut)
  return [...cuts, most]
}

/** The kernel's private buffer. */
const SUMS = 0

/** What one task covers. */
interface TaskSize {
  readonly images: number
  readonly kernelRowsEach: number
  readonly pixelRows: number
  readonly rows: number
  readonly vectors: number
}

export function inPlaceWeightsGradient(
  step: WeightsGradient,
  traits: TargetTraits,
  candidate: InPlaceCandidate,
): Implementation {
  const { geometry: g } = step.options
  const { gradient, input } = step.reads
  const [images, , width] = gradient.shape
  const inputRows = inputRowsOf(g, input)
  const cut = cutOf(step, traits, inputRows)
  const cRow = step.writes.weightsGradient.pixelPitch
  const cKernelRow = g.kernelWidth * input.shape[3] * cRow
  const tapRow = g.dilationHeight * input.rowPitch
  const corner = -g.top * input.rowPitch - g.left * input.pixelPitch
  const { kernelRowsEach } = cut
  const parts: Part[] = []
  let firstGroup = 0
  for (const group of runsOf(evenSplit(images, cut.imagesEach))) {
    const ofC = (kernelRows: KernelRowRun, rows: EqualPieces, vectors: EqualPieces): Part => {
      const size: TaskSize = {
        images: group.size,
        kernelRowsEach,
        pixelRows: kernelRows.pixelRows,
        rows: rows.size,
        vectors: vectors.size,
      }
      const firstInput =
        corner +
        group.first * input.imagePitch +
        kernelRows.first * tapRow +
        kernelRows.firstPixelRow * g.strideHeight * input.rowPitch +
        rows.first
      const inputSteps = [group.size * input.imagePitch, kernelRowsEach * tapRow, rows.size, 0]
      const firstGradient =
        group.first * gradient.imagePitch +
        kernelRows.firstPixelRow * gradient.rowPitch +
        vectors.first * traits.lanes
      const gradientSteps = [group.size * gradient.imagePitch, 0, 0, vectors.size * traits.lanes]
      const firstC = kernelRows.first * cKernelRow + rows.first * cRow + vectors.first * traits.lanes
      const cSteps = [kernelRowsEach * cKernelRow, rows.size * cRow, vectors.size * traits.lanes]
      return {
        program: productProgram(step, traits, candidate, inputRows, size),
        grid: [group.count, kernelRows.count, rows.count, vectors.count],
        arguments: {
          input: argument(input, firstInput, inputSteps),
          gradient: argument(gradient, firstGradient, gradientSteps),
          weights: sumsPlace(step, SUMS, cut.groups, firstGroup, firstC, cSteps),
          ...(candidate.packsGradient && { packed: threadArgument }),
        },
      }
    }
    for (const kernelRows of kernelRowRuns(g, kernelRowsEach))
      for (const rows of cut.rows)
        for (const vectors of cut.vectors) parts.push(ofC(kernelRows, rows, vectors))
    firstGroup += group.count
  }
  const widest = Math.max(...cut.vectors.map(({ size }) => size))
  return {
    ...candidate,
    privateBuffers: [groupSums(step, cut.groups)],
    threadScratch: candidate.packsGradient ? candidate.rowsAtOnce * width * widest * traits.lanes : 0,
    prologue: [],
    stages: [{ parts }, ...addGroups(step, traits, SUMS, cut.groups)],
  }
}

function productProgram(
  step: WeightsGradient,
  traits: TargetTraits,
  candidate: InPlaceCandidate,
  inputRows: InputRows,
  size: TaskSize,
) {
  const { geometry: g } = step.options
  const { gradient, input } = step.reads
  const width = gradient.shape[2]
  const cRow = step.writes.weightsGradient.pixelPitch
  const cColumn = input.shape[3] * cRow
  const [aPixel, aImageRow] = [g.strideWidth * input.pixelPitch, g.strideHeight * input.rowPitch]
  const names = ['input', 'gradient', 'weights', ...(candidate.packsGradient ? ['packed'] : [])]
  const b = new ProgramBuilder(`${step.layer} weights gradient ${candidate.tile}`, traits.lanes, names)
  const from = b.parameter('gradient')
  const at = {
    a: b.parameter('input'),
    b: candidate.packsGradient ? b.parameter('packed') : from,
    c: b.parameter('weights'),
  }
  const overKernel = (write: () => void): void =>
    b.walk(
      size.kernelRowsEach,
      [
        [at.a, bytes(g.dilationHeight * input.rowPitch)],
        [at.c, bytes(g.kernelWidth * cColumn)],
      ],
      () =>
        b.walk(
          inputRows.columns,
          [
            [at.a, bytes(g.dilationWidth * input.pixelPitch)],
            [at.c, bytes(cColumn)],
          ],
          write,
        ),
    )
  const zero = b.splat(0)
  overKernel(() =>
    b.walk(size.rows, [[at.c, bytes(cRow)]], () => {
      for (let v = 0; v < size.vectors; v++) b.store(at.c, v * b.vectorBytes, zero)
    }),
  )
  const pieces = runsOf(evenSplit(size.rows, candidate.rows))
  const blocks = vectorBlocks(size.vectors, candidate.vectors)
  /** Bytes from one block of filters to the next. */
  const blockStep = (block: EqualPieces, pixelRows: number): number =>
    block.size * b.vectorBytes * (candidate.packsGradient ? pixelRows * width : 1)

  const pack = (pixelRows: number): void => {
    const to = at.b
    overRuns(
      b,
      blocks,
      (block) => [
        [from, block.size * b.vectorBytes],
        [to, blockStep(block, pixelRows)],
      ],
      (block) => {
        b.walk(pixelRows, [[from, bytes(gradient.rowPitch)]], () =>
          copyPixels(b, from, to, width, gradient.pixelPitch, block.size),
        )
        b.advance(to, -blockStep(block, pixelRows))
      },
    )
  }

  /** Adds the products of some rows of pixels to all sums. */
  const addPixels = (pixelRows: number): void => {
    const tileOf = (piece: EqualPieces, block: EqualPieces): Tile => ({
      rows: piece.size,
      vectors: block.size,
      unroll: candidate.unroll,
      sum: candidate.packsGradient
        ? [
            { count: pixelRows, a: bytes(aImageRow), b: width * block.size * b.vectorBytes },
            { count: width, a: bytes(aPixel), b: block.size * b.vectorBytes },
          ]
        : [
            { count: pixelRows, a: bytes(aImageRow), b: bytes(gradient.rowPitch) },
            { count: width, a: bytes(aPixel), b: bytes(gradient.pixelPitch) },
          ],
      aRow: FLOAT_BYTES,
      cRow: bytes(cRow),
    })
    overKernel(() =>
      overRuns(
        b,
        blocks,
        (block) => [
          [at.b, blockStep(block, pixelRows)],
          [at.c, block.size * b.vectorBytes],
        ],
        (block) =>
          overRuns(
            b,
            pieces,
            (piece) => [
              [at.a, bytes(piece.size)],
              [at.c, bytes(piece.size * cRow)],
            ],
            (piece) => writeTile(b, tileOf(piece, block), at, { begin: 'accumulate' }),
          ),
      ),
    )
  }
  const moving: readonly (readonly [Pointer, number, number])[] = [
    [at.a, bytes(aImageRow), bytes(input.imagePitch)],
    [from, bytes(gradient.rowPitch), bytes(gradient.imagePitch)],
  ]
  b.walk(
    size.images,
    moving.map(([pointer, , image]) => [pointer, image] as const),
    () => {
      for (const { size: rows, count } of runsOf(evenSplit(size.pixelRows, candidate.rowsAtOnce))) {
        b.loop(count, () => {
          if (candidate.packsGradient) pack(rows)
          addPixels(rows)
          for (const [pointer, row] of moving) b.advance(pointer, rows * row)
        })
      }
      for (const [pointer, row] of moving) b.advance(pointer, -size.pixelRows * row)
    },
  )
  return b.finish()
}

/** Goes over runs of pieces of different sizes one after the other; the pointers then are where they were. */
function overRuns(
  b: ProgramBuilder,
  runs: readonly EqualPieces[],
  stepsOf: (run: EqualPieces) => readonly (readonly [Pointer, number])[],
  write: (run: EqualPieces) => void,
): void {
  const passed = new Map<Pointer, number>()
  for (const [i, run] of runs.entries()) {
    b.walk(run.count, stepsOf(run), () => write(run))
    for (const [pointer, step] of stepsOf(run)) {
      const distance = run.count * step
      if (i < runs.length - 1) b.advance(pointer, distance)
      if (i < runs.length - 1) passed.set(pointer, (passed.get(pointer) ?? 0) + distance)
    }
  }
  for (const [pointer, distance] of passed) b.advance(pointer, -distance)
}
