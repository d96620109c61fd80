import { FLOAT_BYTES, type Program } from '../codegen/program.ts'
import type { StepKind, StepOfKind } from '../plan/steps.ts'
import type { View } from '../plan/views.ts'

/** What a kernel may know of the target that it is compiled for. */
export interface TargetTraits {
  readonly name: string
  readonly lanes: number
  /** Vector registers that a tile may use, including those of its operands. */
  readonly vectorRegisters: number
  /** Whether memory can be asked for before it is read. */
  readonly prefetches?: boolean
}

/** What a caller may ask for: the fastest algorithm, or a certain one for the steps that have it. */
export const ALGORITHMS = ['auto', 'direct', 'winograd'] as const
export type Algorithm = (typeof ALGORITHMS)[number]

/** One way to do a step; the best is found by measuring. `algorithm` and `tile` name it in tables and tunings. */
export interface Candidate {
  readonly algorithm: string
  /** Empty if the step has no tile. */
  readonly tile: string
  /** It prepares nothing from the weights: for steps whose weights change in every run. Otherwise it is slower. */
  readonly isForChangingWeights?: boolean
  /** Candidates of one family differ only in their tile: if the first ones are slow, so are the others. */
  readonly family?: string
}

export const candidateName = ({ algorithm, tile }: Candidate): string => `${algorithm} ${tile}`.trimEnd()

/** A place in memory: a buffer of the plan, one that the kernel asked for, or the scratch of the thread that runs the task. */
export type MemoryPlace =
  | { readonly kind: 'buffer'; readonly buffer: number }
  | { readonly kind: 'private'; readonly index: number }
  | { readonly kind: 'thread' }

/** An address that a task is called with. It moves by `steps[d]` bytes along dimension d of the part's grid. */
export interface Argument {
  readonly place: MemoryPlace
  readonly byteOffset: number
  readonly steps: readonly number[]
}

/** A program and the tasks that call it, one for each point of the grid; the last dimension varies fastest. */
export interface Part {
  readonly program: Program
  readonly grid: readonly number[]
  /** By the program's parameters. */
  readonly arguments: Readonly<Record<string, Argument>>
  /**
   * The parameter along which a thread takes tasks, so that what is there is read by one thread and at one time. By
   * default what is written: a thread then has the same part of the images in every step.
   */
  readonly takenAlong?: string
}

/** Tasks that may run at the same time: no two write to the same float. Between two stages there is a barrier. */
export interface Stage {
  readonly parts: readonly Part[]
}

/** Memory that a kernel needs beyond the plan's. */
export interface PrivateBuffer {
  readonly name: string
  /** In values. */
  readonly length: number
  /** `parameters`: filled by the prologue and valid until parameters are written again; `step`: valid only during the step. */
  readonly lifetime: 'parameters' | 'step'
}

/** How a candidate does its step. */
export interface Implementation extends Candidate {
  readonly privateBuffers: readonly PrivateBuffer[]
  /** Scratch for each thread, in values. */
  readonly threadScratch: number
  /** Runs before the first run after parameters were written. */
  readonly prologue: readonly Stage[]
  readonly stages: readonly Stage[]
}

/**
 * How a step kind is done: its candidates, the first of which is used unless they are measured, and what each of them
 * builds.
 */
export interface KernelRule<Kind extends StepKind, C extends Candidate = Candidate> {
  /**
   * Images are a dimension of the tile, so the best candidate depends on their number and is measured on the whole
   * batch; otherwise it is measured on the first images.
   */
  readonly tilesImages?: boolean
  candidates(step: StepOfKind<Kind>, traits: TargetTraits): readonly C[]
  build(step: StepOfKind<Kind>, traits: TargetTraits, candidate: C): Implementation
  /** For steps that can be done in several ways: why this one has no candidate for an algorithm. */
  whyNot?(step: StepOfKind<Kind>, algorithm: Algorithm): string
}

/** For steps that can be done in only one way: there is nothing to choose and nothing to measure. */
export function onlyWay<Kind extends StepKind>(
  build: (
    step: StepOfKind<Kind>,
    traits: TargetTraits,
  ) => Partial<Implementation> & { stages: readonly Stage[] },
): KernelRule<Kind> {
  const only: Candidate = { algorithm: 'plain', tile: '' }
  return {
    candidates: () => [only],
    build: (step, traits) => ({
      ...only,
      privateBuffers: [],
      threadScratch: 0,
      prologue: [],
      ...build(step, traits),
    }),
  }
}

export const bytes = (values: number): number => values * FLOAT_BYTES

/** An argument that points to `values` values after a view's first pixel and moves by `steps` values. */
export function argument(view: View, values: number, steps: readonly number[]): Argument {
  return {
    place: { kind: 'buffer', buffer: view.buffer },
    byteOffset: (view.offset + values) * FLOAT_BYTES,
    steps: steps.map((step) => step * FLOAT_BYTES),
  }
}

/** Where a kernel writes its outputs, or reads what it adds to them. Pitches in values. */
export interface OutputPlace {
  readonly at: (values: number, steps: readonly number[]) => Argument
  readonly image: number
  readonly row: number
  readonly pixel: number
}

export const placeOf = (view: View): OutputPlace => ({
  at: (values, steps) => argument(view, values, steps),
  image: view.imagePitch,
  row: view.rowPitch,
  pixel: view.pixelPitch,
})

export function privateArgument(index: number, values: number, steps: readonly number[]): Argument {
  return {
    place: { kind: 'private', index },
    byteOffset: values * FLOAT_BYTES,
    steps: steps.map((step) => step * FLOAT_BYTES),
  }
}

export const threadArgument: Argument = { place: { kind: 'thread' }, byteOffset: 0, steps: [] }

/**
 * About so many tasks a step should have, enough for many threads; it has more if it has many images. How a step is cut
 * must not depend on the number of threads.
 */
export const WANTED_TASKS = 32

/** Cuts `length` into pieces of at most `most`, as even as possible, larger ones first: 13 in fives is 5 + 4 + 4. */
export function evenSplit(length: number, most: number): number[] {
  const pieces = Math.ceil(length / most)
  return Array.from({ length: pieces }, (_, i) => Math.floor((length + pieces - 1 - i) / pieces))
}

export interface EqualPieces {
  readonly first: number
  readonly size: number
  readonly count: number
}

/** Groups pieces into runs of equal size: 5 + 4 + 4 is one of 5 and two of 4. `first` is where a run begins. */
export function runsOf(pieces: readonly number[]): EqualPieces[] {
  const runs: { first: number; size: number; count: number }[] = []
  let first = 0
  for (const size of pieces) {
    const last = runs.at(-1)
    if (last?.size === size) last.count++
    else runs.push({ first, size, count: 1 })
    first += size
  }
  return runs
}

/**
 * Cuts vectors into blocks of at most `most`, as even as possible: 16 in threes is 3 + 3 + 3 + 3 + 2 + 2, since a block
 * of 1 is slow.
 */
export function vectorBlocks(vectors: number, most: number): EqualPieces[] {
  return runsOf(evenSplit(vectors, most))
}
