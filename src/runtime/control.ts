// The words that the caller's thread and the workers share while a session runs, all in one SharedArrayBuffer.

import { roundUp } from '../tensor.ts'

/** Set if a worker failed or died, or if the caller wants to stop: then nobody takes another task and nobody waits. */
export const ABORT = 1
/** How many generations all their workers have left. */
export const DONE = 2
const ARRIVED = 3
const PHASE = 4
const LEFT = 5
export const FIRST_STAGE = 6
export const END_STAGE = 7
/** How many threads take part in the generation: the first ones. */
export const ACTIVE_THREADS = 8
const HEADER_WORDS = 16

/**
 * How often a thread looks at the word before it sleeps: some 20 microseconds, which is more than the threads of a
 * stage differ at its end.
 */
const SPINS = 2000

const CACHE_LINE_WORDS = 16

/** A thread's own words: its generation, then a counter for each stage. No two threads' are in one cache line. */
const ownWords = (stages: number): number => CACHE_LINE_WORDS + roundUp(stages, CACHE_LINE_WORDS)

/** The word that a thread waits for between generations. */
export const generationOf = (thread: number, stages: number): number =>
  HEADER_WORDS + thread * ownWords(stages)

const countersOf = (thread: number, stages: number): number => generationOf(thread, stages) + CACHE_LINE_WORDS

export const controlByteLength = (stages: number, threads: number): number =>
  4 * (HEADER_WORDS + threads * ownWords(stages))

/** Where a thread's tasks begin, and those of the next one. */
export const firstTaskOf = (thread: number, threads: number, tasks: number): number =>
  Math.floor((thread * tasks) / threads)

/**
 * Hands out the tasks of a stage, to each thread first those of its own range: the same part of all stages, so that what
 * a thread reads is mostly what it wrote itself and is still in its own cache. A thread without any more takes those
 * that others have left. Returns `tasks` if there are none.
 */
export function takeTask(
  control: Int32Array,
  stage: { readonly index: number; readonly stages: number; readonly tasks: number },
  thread: number,
  threads: number,
): number {
  const { index, stages, tasks } = stage
  for (let i = 0; i < threads; i++) {
    const owner = (thread + i) % threads
    const first = firstTaskOf(owner, threads, tasks)
    const end = firstTaskOf(owner + 1, threads, tasks)
    const counter = countersOf(owner, stages) + index
    // Looked at first, so that the counters of others are not changed for nothing.
    if (first + Atomics.load(control, counter) >= end) continue
    const task = first + Atomics.add(control, counter, 1)
    if (task < end) return task
  }
  return tasks
}

/** Called by the caller's thread while no worker runs. */
export function resetTasks(
  control: Int32Array,
  range: { readonly first: number; readonly end: number; readonly stages: number },
  threads: number,
): void {
  for (let thread = 0; thread < threads; thread++) {
    const counters = countersOf(thread, range.stages)
    control.fill(0, counters + range.first, counters + range.end)
  }
  control[ARRIVED] = 0
  control[LEFT] = 0
  Atomics.store(control, ABORT, 0)
}

/** Waits for all threads; returns false if the run was aborted. */
export function barrier(control: Int32Array, threads: number): boolean {
  const phase = Atomics.load(control, PHASE)
  if (Atomics.add(control, ARRIVED, 1) === threads - 1) {
    Atomics.store(control, ARRIVED, 0)
    Atomics.add(control, PHASE, 1)
    Atomics.notify(control, PHASE)
  } else {
    for (let spin = 0; spin < SPINS && Atomics.load(control, PHASE) === phase; spin++);
    while (Atomics.load(control, PHASE) === phase && Atomics.load(control, ABORT) === 0) {
      Atomics.wait(control, PHASE, phase)
    }
  }
  return Atomics.load(control, ABORT) === 0
}

/** Sets the abort word and wakes all that wait at a barrier. */
export function abort(control: Int32Array): void {
  Atomics.store(control, ABORT, 1)
  // A thread that read the phase before the abort word was set would go to sleep, so the phase changes too.
  Atomics.add(control, PHASE, 1)
  Atomics.notify(control, PHASE)
}

/** A worker has finished a generation; the last one notifies the caller. */
export function leave(control: Int32Array, threads: number): void {
  if (Atomics.add(control, LEFT, 1) !== threads - 1) return
  Atomics.add(control, DONE, 1)
  Atomics.notify(control, DONE)
}
