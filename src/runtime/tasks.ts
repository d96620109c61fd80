import type { KernelFunction } from '../codegen/program.ts'

/** A part of a stage with all its addresses known: plain data, sent to the workers. */
export interface LoadedPart {
  /** Which of the session's programs. */
  readonly program: number
  readonly grid: readonly number[]
  readonly tasks: number
  /** The address of each pointer in the first task, and how far it moves along each dimension. */
  readonly addresses: readonly number[]
  readonly steps: readonly (readonly number[])[]
  /** Whether each pointer points into the thread's scratch; its address is then an offset in it. */
  readonly inThreadScratch: readonly boolean[]
}

export interface LoadedStage {
  readonly parts: readonly LoadedPart[]
  readonly tasks: number
  /** The tasks, counted through all parts, in the order in which they are handed out: null if that is 0, 1, 2, ... */
  readonly order: Int32Array | null
}

/** Stages without barriers between them: a task is all of them for one image, which is the first dimension of every grid. */
export interface LoadedSegment {
  readonly stages: readonly LoadedStage[]
  /** The number of images. */
  readonly tasks: number
  /** Of the thread's `SegmentTimes`, the first stage's. */
  readonly firstSlot: number
}

/** How long a thread was at work on each stage of each segment, in milliseconds, added up over images. */
export type SegmentTimes = Float64Array

/** Calls one task of a part. A task's number counts through the grid; the last dimension varies fastest. */
export function runTask(part: LoadedPart, kernel: KernelFunction, task: number, threadScratch: number): void {
  const { grid, addresses, steps, inThreadScratch } = part
  const pointers = addresses.map((address, i) => (inThreadScratch[i] ? address + threadScratch : address))
  let rest = task
  for (let dimension = grid.length - 1; dimension >= 0; dimension--) {
    const position = rest % grid[dimension]!
    rest = (rest - position) / grid[dimension]!
    if (position === 0) continue
    for (let i = 0; i < pointers.length; i++) pointers[i]! += position * (steps[i]![dimension] ?? 0)
  }
  kernel(...pointers)
}

/** How a thread runs tasks. */
export interface TaskRunner {
  readonly kernels: readonly KernelFunction[]
  /** The address of the thread's scratch. */
  readonly threadScratch: number
  readonly segmentTimes: SegmentTimes
}

/** Runs the tasks of a stage or segment that `takeTask` hands out, until there are no more or `isAborted`. */
export function runTasks(
  stage: LoadedStage | LoadedSegment,
  runner: TaskRunner,
  takeTask: () => number,
  isAborted: () => boolean,
): void {
  const run = 'stages' in stage ? runImage : runTaskOf
  for (let task = takeTask(); task < stage.tasks && !isAborted(); task = takeTask())
    run(stage as never, task, runner, isAborted)
}

function runTaskOf(stage: LoadedStage, task: number, { kernels, threadScratch }: TaskRunner): void {
  let within = stage.order === null ? task : stage.order[task]!
  let index = 0
  while (within >= stage.parts[index]!.tasks) within -= stage.parts[index++]!.tasks
  const part = stage.parts[index]!
  runTask(part, kernels[part.program]!, within, threadScratch)
}

function runImage(segment: LoadedSegment, image: number, runner: TaskRunner, isAborted: () => boolean): void {
  const { kernels, threadScratch, segmentTimes } = runner
  let startMs = performance.now()
  for (const [i, { parts }] of segment.stages.entries()) {
    for (const part of parts) {
      const kernel = kernels[part.program]!
      const tasks = part.tasks / segment.tasks
      for (let task = image * tasks; task < (image + 1) * tasks; task++) {
        runTask(part, kernel, task, threadScratch)
        if (isAborted()) return
      }
    }
    const endMs = performance.now()
    segmentTimes[segment.firstSlot + i]! += endMs - startMs
    startMs = endMs
  }
}

export const slotsOf = (stages: readonly (LoadedStage | LoadedSegment)[]): number =>
  stages.reduce((slots, stage) => slots + ('stages' in stage ? stage.stages.length : 0), 0)

/**
 * How long each stage of `stages` took, those of segments too, if they took `timesMs` one after the other: a segment's
 * time is shared out by the times that all threads were at work on its stages.
 */
export function stageTimesOf(
  stages: readonly (LoadedStage | LoadedSegment)[],
  timesMs: readonly number[],
  threadTimes: readonly SegmentTimes[],
): number[] {
  return stages.flatMap((stage, i) => {
    const ms = timesMs[i]!
    if (!('stages' in stage)) return [ms]
    const busy = stage.stages.map((_, inner) =>
      threadTimes.reduce((total, times) => total + times[stage.firstSlot + inner]!, 0),
    )
    const all = busy.reduce((total, each) => total + each, 0)
    return busy.map((each) => (all > 0 ? (ms * each) / all : ms / busy.length))
  })
}
