// Which steps of a plan are done image by image, so that what lies between them stays in a thread's cache.
import { type Extent, extentsOf } from '../codegen/extents.ts'
import { FLOAT_BYTES } from '../codegen/program.ts'
import type { Argument, Implementation, Part } from '../kernels/kernel.ts'
import { layOutMemory, type MemoryLayout } from '../plan/memory.ts'
import type { Plan } from '../plan/plan.ts'
import type { Buffer } from '../plan/views.ts'

/**
 * Consecutive steps that a thread does one after the other for one image, then for the next: a task is an image. The
 * tensors that only these steps use are not made whole: each thread has those of its image in its scratch.
 */
export interface Segment {
  /** Steps [first, end). */
  readonly first: number
  readonly end: number
  /** Where one image's share of each buffer between the steps lies in the thread's scratch. */
  readonly layout: MemoryLayout
}

/** What `segmentsOf` must know of an assembly. */
export interface Assembled {
  readonly plan: Plan
  readonly implementations: readonly Implementation[]
  /** The plan's, then those that implementations asked for. */
  readonly buffers: readonly Buffer[]
  readonly privateBuffers: readonly (readonly number[])[]
}

/** Finds the segments of a plan for so many threads, in order. A type, so that tests can pass another function. */
export type SegmentsOf = (assembled: Assembled, threads: number) => readonly Segment[]

/** With fewer images for each thread, one that is late keeps the others waiting too long. */
const MIN_IMAGES_PER_THREAD = 2
/** The least share of the threads' time that is spent on images if each takes the same time: 9 images on 2 threads are 0.9. */
const MIN_BUSY_SHARE = 0.9

/**
 * The segments of a plan for so many threads, in order. Which image a step's tasks belong to is derived from their
 * addresses, so kernels need to know nothing of it.
 */
export function segmentsOf(assembled: Assembled, threads: number): Segment[] {
  const { plan, implementations, buffers } = assembled
  const images = plan.batch
  const rounds = Math.ceil(images / threads)
  if (rounds < MIN_IMAGES_PER_THREAD || images < MIN_BUSY_SHARE * rounds * threads) return []
  const segments: Segment[] = []
  let first = 0
  /** Of the steps since `first`: what they use whole, and what they write. */
  let whole = new Set<number>()
  let written = new Set<number>()
  const endAt = (end: number): void => {
    const own = buffers.filter(
      ({ id, firstStep, lastStep }) => written.has(id) && firstStep >= first && lastStep < end,
    )
    const shares = own.map((buffer) => ({ ...buffer, length: buffer.length / images }))
    if (own.length > 0) segments.push({ first, end, layout: layOutMemory(shares) })
    whole = new Set()
    written = new Set()
  }
  for (const step of plan.steps.keys()) {
    const uses = usesOf(assembled, step, implementations[step]!)
    const isJoined =
      uses !== null &&
      step !== plan.firstUpdate &&
      !uses.whole.some((buffer) => written.has(buffer)) &&
      !uses.written.some((buffer) => whole.has(buffer))
    if (!isJoined) {
      endAt(step)
      first = uses === null ? step + 1 : step
    }
    for (const buffer of uses?.whole ?? []) whole.add(buffer)
    for (const buffer of uses?.written ?? []) written.add(buffer)
  }
  endAt(plan.steps.length)
  return segments
}

/** The buffers that a step reads whole for each image, such as weights, and those that it writes image by image. */
interface Uses {
  readonly whole: readonly number[]
  readonly written: readonly number[]
}

/** Null unless each of the step's tasks uses one image's share of every buffer, by the first dimension of its grid. */
function usesOf(
  { plan, buffers, privateBuffers }: Assembled,
  step: number,
  { stages }: Implementation,
): Uses | null {
  const whole: number[] = []
  const written: number[] = []
  for (const part of stages.flatMap(({ parts }) => parts)) {
    if (part.grid[0] !== plan.batch) return null
    const extents = extentsOf(part.program)
    for (const [i, name] of part.program.parameters.entries()) {
      const argument = part.arguments[name]!
      if (argument.place.kind === 'thread') continue
      const { place } = argument
      const id = place.kind === 'buffer' ? place.buffer : privateBuffers[step]![place.index]!
      const writes = extents[i]!.writeFrom < extents[i]!.writeTo
      const pitch = argument.steps[0] ?? 0
      if (pitch === 0 && !writes) whole.push(id)
      else {
        if (pitch * plan.batch !== buffers[id]!.length * FLOAT_BYTES) return null
        const { from, to } = reachOf(ofFirstImage(argument), part.grid, extents[i]!)
        if (from < 0 || to > pitch) return null
        if (writes) written.push(id)
      }
    }
  }
  return whole.some((buffer) => written.includes(buffer)) ? null : { whole, written }
}

/** The argument of an image's tasks where only one image's share of the buffer is in memory. */
export const ofFirstImage = (argument: Argument): Argument => ({
  ...argument,
  steps: [0, ...argument.steps.slice(1)],
})

/** The bytes of its buffer, [from, to), that an argument is used for by all tasks of the grid. */
export function reachOf(
  argument: Argument,
  grid: Part['grid'],
  extent: Extent,
): { readonly from: number; readonly to: number } {
  const moved = argument.steps.map((step, d) => step * (grid[d]! - 1))
  const lowest = argument.byteOffset + moved.reduce((sum, move) => sum + Math.min(move, 0), 0)
  const highest = argument.byteOffset + moved.reduce((sum, move) => sum + Math.max(move, 0), 0)
  return {
    from: lowest + Math.min(extent.readFrom, extent.writeFrom),
    to: highest + Math.max(extent.readTo, extent.writeTo),
  }
}
