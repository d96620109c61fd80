// How the products of a weights gradient are cut into tasks.
import type { WindowGeometry } from '../layers/index.ts'
import type { StepOfKind } from '../plan/steps.ts'
import type { InputOperand } from './conv-weights-gradient-input.ts'
import type { EqualPieces } from './kernel.ts'

type WeightsGradient = StepOfKind<'conv-weights-gradient'>

/** Enough tasks that all threads end at about the same time. */
const WANTED_TASKS = 48
/** With fewer tasks than this C is cut further, although then more tasks read each image. */
const FEW_TASKS = 24

/** Sums that a task adds to, image after image. They and an image's input stay in the second-level cache. */
const SUMS_PER_TASK = 65536

/** The number of values of C, with its padded columns. */
export const sumsOf = ({ writes }: WeightsGradient): number =>
  writes.weightsGradient.shape[2] * writes.weightsGradient.pixelPitch

/**
 * How C and the images are cut into tasks. It depends on the shapes alone, so the bits are the same with any number of
 * threads.
 */
export interface TaskSplit {
  /** Each group sums its own images; the groups' sums are then added in order. */
  readonly groups: number
  readonly imagesEach: number
  /** Kernel rows in one task: all or one. */
  readonly kernelRowsEach: number
  /** How many pieces the blocks of filters, and those of channels, are cut into. */
  readonly blockCuts: number
  readonly pieceCuts: number
  /** Only one task reads an image's gradient, so it packs it in its own scratch: memory is read once and not written. */
  readonly packsGradient: boolean
}

/**
 * Every task reads the input and the gradient of its images, so fewer tasks for each image read less memory: a task
 * takes as much of C as stays in the cache, over a group of images. With few images C is cut further.
 */
export function splitTasks(
  step: WeightsGradient,
  blocks: readonly EqualPieces[],
  input: InputOperand,
): TaskSplit {
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

/** Kernel rows that are summed over the same rows of the output; for other rows of the output they meet only padding. */
export interface KernelRowRun {
  readonly first: number
  readonly count: number
  readonly firstPixelRow: number
  readonly pixelRows: number
}

export function kernelRowRuns(g: WindowGeometry, kernelRowsEach: number): KernelRowRun[] {
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
 * The cut of operands that lie in memory as they are. Every task reads its own channels and filters of its images, so the cut
 * is the one with the least memory traffic of those that give enough tasks, each with sums that stay in the cache: more
 * parts of C read the operands more often, and more groups write and read more sums.
 */
export function splitInPlace(
  step: WeightsGradient,
  blocks: readonly EqualPieces[],
  input: InputOperand,
): TaskSplit {
  const { kernelHeight } = step.options.geometry
  const { gradient, input: images } = step.reads
  const [count] = gradient.shape
  const blockCount = blocks.reduce((sum, { count }) => sum + count, 0)
  const pieceCount = input.pieces.reduce((sum, { count }) => sum + count, 0)
  const sums = sumsOf(step)
  const [inputLength, gradientLength] = [count * images.imagePitch, count * gradient.imagePitch]
  let best: TaskSplit | null = null
  let least = [Infinity, Infinity]
  for (const kernelRowsEach of new Set([kernelHeight, 1])) {
    for (const blockCuts of cutsUpTo(blockCount)) {
      for (const pieceCuts of cutsUpTo(pieceCount)) {
        for (const wanted of cutsUpTo(count)) {
          const imagesEach = Math.ceil(count / wanted)
          const groups = Math.ceil(count / imagesEach)
          const kernelCuts = kernelHeight / kernelRowsEach
          const ofImage = kernelCuts * blockCuts * pieceCuts
          const isTooMuch = sums / ofImage > SUMS_PER_TASK
          const lack = Math.max(0, FEW_TASKS - groups * ofImage) + (isTooMuch ? sums / ofImage : 0)
          const traffic =
            kernelCuts * (blockCuts * inputLength + pieceCuts * gradientLength) + (groups > 1 ? 3 * groups : 1) * sums
          if (lack > least[0]! || (lack === least[0]! && traffic >= least[1]!)) continue
          least = [lack, traffic]
          best = { groups, imagesEach, kernelRowsEach, blockCuts, pieceCuts, packsGradient: false }
        }
      }
    }
  }
  return best!
}

/** 1, 2, 4 and so on, and the number itself. */
function cutsUpTo(most: number): number[] {
  const cuts: number[] = []
  for (let cut = 1; cut < most; cut *= 2) cuts.push(cut)
  return [...cuts, most]
}
