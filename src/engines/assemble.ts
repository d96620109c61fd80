import { extentsOf } from '../codegen/extents.ts'
import { FLOAT_BYTES, type Program } from '../codegen/program.ts'
import type { Argument, Implementation, MemoryPlace, Part, Stage } from '../kernels/kernel.ts'
import { type LayOutMemory, layOutMemory, type MemoryLayout } from '../plan/memory.ts'
import { AFTER_ALL, BEFORE_ALL, type Plan } from '../plan/plan.ts'
import { readsOf, writesOf } from '../plan/steps.ts'
import type { Buffer } from '../plan/views.ts'
import type { LoadedPart, LoadedStage } from '../runtime/tasks.ts'
import { roundUp } from '../tensor.ts'

/** A plan with an implementation for each step and a place for every buffer: everything except the base of the addresses. */
export interface Assembly {
  readonly plan: Plan
  readonly implementations: readonly Implementation[]
  readonly layout: MemoryLayout
  /** For each step, the ids of its implementation's private buffers. */
  readonly privateBuffers: readonly (readonly number[])[]
  readonly buffers: readonly Buffer[]
  readonly threadScratchByteLength: number
}

/** The address of one of a step's places, and its length, both in bytes. */
export type Resolve = (place: MemoryPlace) => { readonly address: number; readonly byteLength: number }

const CACHE_LINE_BYTES = 64

export function assemble(
  plan: Plan,
  implementations: readonly Implementation[],
  layOut: LayOutMemory = layOutMemory,
): Assembly {
  const buffers = [...plan.buffers]
  const privateBuffers = implementations.map((implementation, step) =>
    implementation.privateBuffers.map(({ name, length, lifetime }) => {
      const id = buffers.length
      const [firstStep, lastStep] = lifetime === 'step' ? [step, step] : [BEFORE_ALL, AFTER_ALL]
      buffers.push({ id, name, length, firstStep, lastStep })
      return id
    }),
  )
  const threadScratch = Math.max(0, ...implementations.map((implementation) => implementation.threadScratch))
  return {
    plan,
    implementations,
    layout: layOut(buffers),
    privateBuffers,
    buffers,
    // One extra cache line, so that no two threads write to the same line.
    threadScratchByteLength: roundUp(threadScratch * FLOAT_BYTES, CACHE_LINE_BYTES) + CACHE_LINE_BYTES,
  }
}

/** Bytes that a session needs: the slab, then each thread's scratch. */
export function byteLengthOf(assembly: Assembly, threads: number): number {
  return assembly.layout.byteLength + threads * assembly.threadScratchByteLength
}

/** Resolves the places of one step in a slab that begins at `base`. */
export function resolver(assembly: Assembly, step: number, base: number): Resolve {
  return (place) => {
    if (place.kind === 'thread') return { address: 0, byteLength: assembly.threadScratchByteLength }
    const id = place.kind === 'buffer' ? place.buffer : assembly.privateBuffers[step]![place.index]!
    return {
      address: base + assembly.layout.byteOffsets.get(id)!,
      byteLength: assembly.buffers[id]!.length * FLOAT_BYTES,
    }
  }
}

/** Collects programs, so that equal ones are compiled once. */
export type AddProgram = (program: Program) => number

/**
 * A stage with its addresses. Every load and store of every task is checked here against the buffer that it belongs to,
 * so a kernel that would leave its buffer fails with its name before it runs.
 */
export function loadStage(stage: Stage, resolve: Resolve, addProgram: AddProgram): LoadedStage {
  const parts = stage.parts
    .map((part) => loadPart(part, resolve, addProgram))
    .filter(({ tasks }) => tasks > 0)
  return { parts, tasks: parts.reduce((total, { tasks }) => total + tasks, 0) }
}

function loadPart(part: Part, resolve: Resolve, addProgram: AddProgram): LoadedPart {
  const { program, grid } = part
  const extents = extentsOf(program)
  const loaded = program.parameters.map((name, i) => {
    const argument = part.arguments[name]
    if (!argument) throw new Error(`${program.name}: no argument '${name}'`)
    const { address, byteLength } = resolve(argument.place)
    requireWithin(program.name, name, argument, grid, extents[i]!, byteLength)
    return { address: address + argument.byteOffset, argument }
  })
  return {
    program: addProgram(program),
    grid,
    tasks: grid.reduce((product, extent) => product * extent, 1),
    addresses: loaded.map(({ address }) => address),
    steps: loaded.map(({ argument }) => argument.steps),
    inThreadScratch: loaded.map(({ argument }) => argument.place.kind === 'thread'),
  }
}

function requireWithin(
  program: string,
  parameter: string,
  argument: Argument,
  grid: readonly number[],
  extent: ReturnType<typeof extentsOf>[number],
  byteLength: number,
): void {
  const moved = argument.steps.map((step, d) => step * (grid[d]! - 1))
  const lowest = argument.byteOffset + moved.reduce((sum, move) => sum + Math.min(move, 0), 0)
  const highest = argument.byteOffset + moved.reduce((sum, move) => sum + Math.max(move, 0), 0)
  const from = lowest + Math.min(extent.readFrom, extent.writeFrom)
  const to = highest + Math.max(extent.readTo, extent.writeTo)
  if (from < 0 || to > byteLength) {
    throw new RangeError(
      `${program}: '${parameter}' would be used from byte ${from} to ${to} of a buffer of ${byteLength}; a kernel is wrong`,
    )
  }
}

/** All stages of a plan, in the order of a run. */
export interface LoadedStages {
  readonly all: readonly LoadedStage[]
  /** How many stages come before the first step's: they run only after parameters were written. */
  readonly prologue: number
  /** The first stage of each step, then the number of stages. */
  readonly firstStage: readonly number[]
}

/** Loads a plan's stages into a slab that begins at `base`. */
export function loadStages(assembly: Assembly, base: number, add: AddProgram): LoadedStages {
  const load = (step: number, stage: Implementation['stages'][number]) =>
    loadStage(stage, resolver(assembly, step, base), add)
  const prologue: LoadedStage[] = []
  const { steps } = assembly.plan
  /** The prologue's stage from which on a buffer that it makes can be read. */
  const readyAt = new Map<number, number>()
  assembly.implementations.forEach((implementation, step) => {
    const first = Math.max(0, ...readsOf(steps[step]!).map(({ buffer }) => readyAt.get(buffer) ?? 0))
    implementation.prologue.forEach((stage, i) => {
      const loaded = load(step, stage)
      const joined = [...(prologue[first + i]?.parts ?? []), ...loaded.parts]
      prologue[first + i] = { parts: joined, tasks: joined.reduce((total, { tasks }) => total + tasks, 0) }
    })
    if (steps[step]!.pass === 'prepare')
      for (const { buffer } of writesOf(steps[step]!))
        readyAt.set(buffer, first + implementation.prologue.length)
  })
  const all = [...prologue]
  const firstStage: number[] = []
  assembly.implementations.forEach((implementation, step) => {
    firstStage.push(all.length)
    for (const stage of implementation.stages) all.push(load(step, stage))
  })
  firstStage.push(all.length)
  return { all, prologue: prologue.length, firstStage }
}
