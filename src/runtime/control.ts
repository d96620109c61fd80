// The words that the caller's thread and the workers share while a session runs. All in one SharedArrayBuffer.

export const GENERATION = 0
/** Any worker's failure, the loss of one, or the caller's wish: nobody takes another task, nobody waits. */
export const ABORT = 1
/** The generation that all workers have left. */
export const DONE = 2
const ARRIVED = 3
const PHASE = 4
const LEFT = 5
export const FIRST_STAGE = 6
export const END_STAGE = 7
const COUNTERS = 16

/** Looks at the word before a thread waits: some 20 microseconds, more than threads of one stage differ by at its end. */
const SPINS = 2000

export const controlByteLength = (stages: number): number => 4 * (COUNTERS + stages)

export function takeTask(control: Int32Array, stage: number): number {
  return Atomics.add(control, COUNTERS + stage, 1)
}

/** Caller's side: nobody runs. */
export function resetTasks(control: Int32Array, firstStage: number, endStage: number): void {
  control.fill(0, COUNTERS + firstStage, COUNTERS + endStage)
  control[ARRIVED] = 0
  control[LEFT] = 0
  Atomics.store(control, ABORT, 0)
}

/** Waits for all threads; false where the run was aborted. */
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

/** Sets the abort word and wakes whoever waits at a barrier. */
export function abort(control: Int32Array): void {
  Atomics.store(control, ABORT, 1)
  // A waiter that read the phase before this word was set must not sleep on: the phase moves too.
  Atomics.add(control, PHASE, 1)
  Atomics.notify(control, PHASE)
}

/** A worker is through with a generation; the last one tells the caller. */
export function leave(control: Int32Array, threads: number, generation: number): void {
  if (Atomics.add(control, LEFT, 1) !== threads - 1) return
  Atomics.store(control, DONE, generation)
  Atomics.notify(control, DONE)
}
