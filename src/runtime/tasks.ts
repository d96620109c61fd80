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
}

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

/** Runs the tasks of a stage that `takeTask` hands out, until there are no more or `isAborted`. */
export function runTasks(
  stage: LoadedStage,
  kernels: readonly KernelFunction[],
  threadScratch: number,
  takeTask: () => number,
  isAborted: () => boolean,
): void {
  for (let task = takeTask(); task < stage.tasks && !isAborted(); task = takeTask()) {
    let within = task
    let index = 0
    while (within >= stage.parts[index]!.tasks) within -= stage.parts[index++]!.tasks
    const part = stage.parts[index]!
    runTask(part, kernels[part.program]!, within, threadScratch)
  }
}
