// How the products of a weights gradient are cut into tasks.
import { ProgramBuilder } from '../codegen/program.ts'
import type { WindowGeometry } from '../layers/index.ts'
import type { StepOfKind } from '../plan/steps.ts'
import type { InputOperand } from './conv-weights-gradient-input.ts'
import {
  type Argument,
  argument,
  bytes,
  type EqualPieces,
  evenSplit,
  type Part,
  type PrivateBuffer,
  privateArgument,
  runsOf,
  type Stage,
  type TargetTraits,
} from './kernel.ts'
import { eachVector } from './rows.ts'

type WeightsGradient = StepOfKind<'conv-weights-gradient'>

/** Enough tasks that all threads end at about the same time. */
const WANTED_TASKS = 48
/** With fewer tasks than this C is cut further, although then more tasks read each image. */
export const FEW_TASKS = 24

/** Sums that a task adds to, image after image. They and an image's input stay in the second-level cache. */
export const SUMS_PER_TASK = 65536

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

/** Where the sums of several groups of images are before they are added up. */
export const groupSums = (step: WeightsGradient, groups: number): PrivateBuffer => ({
  name: `${step.layer}/weights.gradient partial`,
  length: groups > 1 ? groups * sumsOf(step) : 0,
  lifetime: 'step',
})

/**
 * Where tasks write the sums of C from its value `first` on: C itself, or the kernel's `groupSums` in its private buffer of this
 * index. Their grid is one of groups, then `steps`.
 */
export const sumsPlace = (
  step: WeightsGradient,
  privateBuffer: number,
  groups: number,
  firstGroup: number,
  first: number,
  steps: readonly number[],
): Argument =>
  groups > 1
    ? privateArgument(privateBuffer, firstGroup * sumsOf(step) + first, [sumsOf(step), ...steps])
    : argument(step.writes.weightsGradient, first, [0, ...steps])

/** Values of C that one task adds up. */
const ADDED_PER_TASK = 8192

/** Stages that add up the groups' results, in order; none if there is one group. */
export function addGroups(
  step: WeightsGradient,
  traits: TargetTraits,
  privateBuffer: number,
  groups: number,
): Stage[] {
  if (groups === 1) return []
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
        partial: privateArgument(privateBuffer, first, steps),
        weights: argument(weightsGradient, first, steps),
      },
    }
  })
  return [{ parts }]
}
