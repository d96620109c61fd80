import { extentsOf } from '../codegen/extents.ts'
import { FLOAT_BYTES, type Program } from '../codegen/program.ts'
import type { Argument, Implementation, MemoryPlace, Part, Stage } from '../kernels/kernel.ts'
import { type LayOutMemory, layOutMemory, type MemoryLayout } from '../plan/memory.ts'
import { AFTER_ALL, BEFORE_ALL, type Plan } from '../plan/plan.ts'
import { readsOf, writesOf } from '../plan/steps.ts'
import type { Buffer } from '../plan/views.ts'
import type { LoadedPart, LoadedSegment, LoadedStage } from '../runtime/tasks.ts'
import { roundUp } from '../tensor.ts'
import { ofFirstImage, reachOf, type Segment, type SegmentsOf, segmentsOf } from './segments.ts'

/** A plan with an implementation for each step and a place for every buffer: everything except the base of the addresses. */
export interface Assembly {
  readonly plan: Plan
  readonly implementations: readonly Implementation[]
  readonly layout: MemoryLayout
  /** For each step, the ids of its implementation's private buffers. */
  readonly privateBuffers: readonly (readonly number[])[]
  readonly buffers: readonly Buffer[]
  readonly segments: readonly Segment[]
  /** Of each thread: what kernels ask for, then one image's share of what is between a segment's steps. */
  readonly threadScratch: { readonly ofKernelsBytes: number; readonly byteLength: number }
}

/** The address of one of a step's places, and its length, both in bytes. */
export type Resolve = (place: MemoryPlace) => ResolvedPlace

export interface ResolvedPlace {
  /** In the thread's scratch it is an offset. */
  readonly address: number
  readonly byteLength: number
  readonly isInThreadScratch?: boolean
  /** Only the share of the image at hand is in memory. */
  readonly isOfOneImage?: boolean
}

const CACHE_LINE_BYTES = 64

export interface AssembleOptions {
  readonly layOut?: LayOutMemory | undefined
  readonly findSegments?: SegmentsOf | undefined
  /** How many threads will run it. Without, no step is done image by image. */
  readonly threads?: number
}

export function assemble(
  plan: Plan,
  implementations: readonly Implementation[],
  { layOut = layOutMemory, findSegments = segmentsOf, threads }: AssembleOptions = {},
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
  const parts = { plan, implementations, buffers, privateBuffers }
  const segments = threads === undefined ? [] : findSegments(parts, threads)
  const inLines = (values: number): number => roundUp(values * FLOAT_BYTES, CACHE_LINE_BYTES)
  const ofKernelsBytes = inLines(most(implementations.map(({ threadScratch }) => threadScratch)))
  const ofSegmentsBytes = most(segments.map(({ layout }) => layout.byteLength))
  return {
    ...parts,
    layout: layOut(buffers.map((buffer) => aliveInSegments(buffer, segments))),
    segments,
    threadScratch: {
      ofKernelsBytes,
      // One extra cache line, so that no two threads write to the same line.
      byteLength: ofKernelsBytes + roundUp(ofSegmentsBytes, CACHE_LINE_BYTES) + CACHE_LINE_BYTES,
    },
  }
}

const most = (numbers: readonly number[]): number => Math.max(0, ...numbers)

/**
 * When a buffer must not be overwritten if steps of a segment are done image by image: its first step may write the
 * second image after its last one has read the first. What is only used within a segment is not in the slab then; its
 * place there is for steps that are run alone.
 */
function aliveInSegments(buffer: Buffer, segments: readonly Segment[]): Buffer {
  if (segments.some(({ layout }) => layout.byteOffsets.has(buffer.id))) return buffer
  let { firstStep, lastStep } = buffer
  for (const { first, end } of segments) {
    if (firstStep > first && firstStep < end) firstStep = first
    if (lastStep >= first && lastStep < end) lastStep = end - 1
  }
  return { ...buffer, firstStep, lastStep }
}

/** Bytes that a session needs: the slab, then each thread's scratch. */
export function byteLengthOf(assembly: Assembly, threads: number): number {
  return assembly.layout.byteLength + threads * assembly.threadScratch.byteLength
}

/** Resolves the places of one step in a slab that begins at `base`; as part of a segment, if one is given. */
export function resolver(assembly: Assembly, step: number, base: number, segment?: Segment): Resolve {
  const { threadScratch, plan } = assembly
  return (place) => {
    if (place.kind === 'thread')
      return { address: 0, byteLength: threadScratch.ofKernelsBytes, isInThreadScratch: true }
    const id = place.kind === 'buffer' ? place.buffer : assembly.privateBuffers[step]![place.index]!
    const byteLength = assembly.buffers[id]!.length * FLOAT_BYTES
    const inScratch = segment?.layout.byteOffsets.get(id)
    if (inScratch === undefined) {
      const address = base + assembly.layout.byteOffsets.get(id)!
      return { address, byteLength }
    }
    return {
      address: threadScratch.ofKernelsBytes + inScratch,
      byteLength: byteLength / plan.batch,
      isInThreadScratch: true,
      isOfOneImage: true,
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
  return stageOf(parts)
}

function stageOf(parts: readonly WrittenPart[]): LoadedStage {
  const tasks = parts.reduce((total, part) => total + part.tasks, 0)
  // Where parts do not agree, all are taken by what they write.
  const isTakenAlong = parts.length > 0 && parts.every(({ takenAlong }) => takenAlong >= 0)
  const along = parts.map(({ takenAlong, written }) => (isTakenAlong ? takenAlong : written))
  const isInOrder = along.includes(-1) || (parts.length < 2 && !isTakenAlong)
  return { parts, tasks, order: isInOrder ? null : orderOf(parts, along) }
}

interface WrittenPart extends LoadedPart {
  /** The first pointer that it writes through, other than into the thread's scratch; -1 if there is none. */
  readonly written: number
  /** The pointer by which its tasks are to be taken; -1 if it does not say. */
  readonly takenAlong: number
}

/**
 * Tasks by the places that they write to, or as their parts say. Threads take contiguous ranges of them, so each of them
 * stays in the same part of images from stage to stage.
 */
function orderOf(parts: readonly WrittenPart[], along: readonly number[]): Int32Array {
  const places = parts.flatMap(({ grid, tasks, addresses, steps }, i) =>
    Array.from({ length: tasks }, (_, task) => {
      let [place, rest] = [addresses[along[i]!]!, task]
      for (let d = grid.length - 1; d >= 0; d--) {
        const position = rest % grid[d]!
        rest = (rest - position) / grid[d]!
        place += position * (steps[along[i]!]![d] ?? 0)
      }
      return place
    }),
  )
  return Int32Array.from(places.keys()).sort((a, b) => places[a]! - places[b]! || a - b)
}

function loadPart(part: Part, resolve: Resolve, addProgram: AddProgram): WrittenPart {
  const { program, grid } = part
  const extents = extentsOf(program)
  const loaded = program.parameters.map((name, i) => {
    const given = part.arguments[name]
    if (!given) throw new Error(`${program.name}: no argument '${name}'`)
    const { address, byteLength, isInThreadScratch, isOfOneImage } = resolve(given.place)
    const argument = isOfOneImage ? ofFirstImage(given) : given
    requireWithin(program.name, name, argument, grid, extents[i]!, byteLength)
    return { address: address + argument.byteOffset, argument, isInThreadScratch }
  })
  return {
    program: addProgram(program),
    grid,
    tasks: grid.reduce((product, extent) => product * extent, 1),
    addresses: loaded.map(({ address }) => address),
    steps: loaded.map(({ argument }) => argument.steps),
    inThreadScratch: loaded.map(({ isInThreadScratch = false }) => isInThreadScratch),
    written: extents.findIndex(
      ({ writeFrom, writeTo }, i) => writeFrom < writeTo && !loaded[i]!.isInThreadScratch,
    ),
    takenAlong: part.takenAlong === undefined ? -1 : program.parameters.indexOf(part.takenAlong),
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
  const { from, to } = reachOf(argument, grid, extent)
  if (from < 0 || to > byteLength) {
    throw new RangeError(
      `${program}: '${parameter}' would be used from byte ${from} to ${to} of a buffer of ${byteLength}; a kernel is wrong`,
    )
  }
}

/** All stages of a plan, in the order in which they run. */
export interface LoadedStages {
  /** Each step's, as if it is run alone. */
  readonly ofSteps: readonly (readonly LoadedStage[])[]
  /** Runs before the steps, but only after parameters were written. */
  readonly prologue: readonly LoadedStage[]
  /** All steps, those of a segment image by image. */
  readonly run: readonly (LoadedStage | LoadedSegment)[]
  /** Which of `run` is the first of the update. */
  readonly firstUpdate: number
}

/** Loads a plan's stages into a slab that begins at `base`. */
export function loadStages(assembly: Assembly, base: number, add: AddProgram): LoadedStages {
  const { implementations, plan, segments } = assembly
  const load = (step: number, stage: Stage, segment?: Segment) =>
    loadStage(stage, resolver(assembly, step, base, segment), add)
  const ofSteps = implementations.map(({ stages }, step) => stages.map((stage) => load(step, stage)))
  const run: (LoadedStage | LoadedSegment)[] = []
  let firstUpdate = 0
  let firstSlot = 0
  for (const [step, stages] of ofSteps.entries()) {
    const segment = segments.find(({ first, end }) => step >= first && step < end)
    if (!segment) run.push(...stages)
    else if (step === segment.first) {
      const inner = implementations
        .slice(segment.first, segment.end)
        .flatMap((implementation, i) => implementation.stages.map((stage) => load(step + i, stage, segment)))
      run.push({ stages: inner, tasks: plan.batch, firstSlot })
      firstSlot += inner.length
    }
    if (step < plan.firstUpdate) firstUpdate = run.length
  }
  return { ofSteps, prologue: loadPrologue(assembly, load), run, firstUpdate }
}

function loadPrologue(
  { plan: { steps }, implementations }: Assembly,
  load: (step: number, stage: Stage) => LoadedStage,
): LoadedStage[] {
  const prologue: LoadedStage[] = []
  /** The prologue's stage from which on a buffer that it makes can be read. */
  const readyAt = new Map<number, number>()
  implementations.forEach((implementation, step) => {
    const first = Math.max(0, ...readsOf(steps[step]!).map(({ buffer }) => readyAt.get(buffer) ?? 0))
    implementation.prologue.forEach((stage, i) => {
      const loaded = load(step, stage)
      const joined = [...(prologue[first + i]?.parts ?? []), ...loaded.parts]
      const tasks = joined.reduce((total, part) => total + part.tasks, 0)
      prologue[first + i] = { parts: joined, tasks, order: null }
    })
    if (steps[step]!.pass === 'prepare')
      for (const { buffer } of writesOf(steps[step]!))
        readyAt.set(buffer, first + implementation.prologue.length)
  })
  return prologue
}
