// The words that the caller's thread and the workers share while a session runs, all in one SharedArrayBuffer.

export const GENERATION = 0
/** Set if a worker failed or died, or if the caller wants to stop: then nobody takes another task and nobody waits. */
export const ABORT = 1
/** The last generation that all workers have left. */
export const DONE = 2
const ARRIVED = 3
const PHASE = 4
const LEFT = 5
export const FIRST_STAGE = 6
export const END_STAGE = 7
const COUNTERS = 16

/**
 * How often a thread looks at the word before it sleeps: some 20 microseconds, which is more than the threads of a
 * stage differ at its end.
 */
const SPINS = 2000

export const controlByteLength = (stages: number): number => 4 * (COUNTERS + stages)

export function takeTask(control: Int32Array, stage: number): number {
  return Atomics.add(control, COUNTERS + stage, 1)
}

/** Called by the caller's thread while no worker runs. */
export function resetTasks(control: Int32Array, firstStage: number, endStage: number): void {
  control.fill(0, COUNTERS + firstStage, COUNTERS + endStage)
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
export function leave(control: Int32Array, threads: number, generation: number): void {
  if (Atomics.add(control, LEFT, 1) !== threads - 1) return
  Atomics.store(control, DONE, generation)
  Atomics.notify(control, DONE)
}
