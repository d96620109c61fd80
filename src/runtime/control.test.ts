import fc from 'fast-check'
import { afterEach, describe, expect, it, vi } from 'vitest'
import {
  ABORT,
  abort,
  controlByteLength,
  DONE,
  END_STAGE,
  FIRST_STAGE,
  firstTaskOf,
  generationOf,
  resetTasks,
  takeTask,
} from './control.ts'

/** All stages have the same number of tasks. */
interface Sizes {
  readonly threads: number
  readonly stages: number
  readonly tasks: number
}

const openControl = ({ threads, stages }: Sizes): Int32Array =>
  new Int32Array(new SharedArrayBuffer(controlByteLength(stages, threads)))

const take = (control: Int32Array, { threads, stages, tasks }: Sizes, index: number, thread: number) =>
  takeTask(control, { index, stages, tasks }, thread, threads)

/** All that a thread gets if it alone takes tasks of a stage. */
function drain(control: Int32Array, sizes: Sizes, index: number, thread: number): number[] {
  const taken: number[] = []
  for (;;) {
    const task = take(control, sizes, index, thread)
    if (task === sizes.tasks) return taken
    taken.push(task)
  }
}

const ascending = (numbers: readonly number[]): number[] => [...numbers].sort((a, b) => a - b)
const countTo = (end: number): number[] => Array.from({ length: end }, (_, i) => i)

const sizes = fc.record({
  threads: fc.integer({ min: 1, max: 9 }),
  stages: fc.integer({ min: 1, max: 40 }),
  tasks: fc.nat(60),
})
/** Which thread asks next, again and again. */
const turns = fc.array(fc.nat(8), { maxLength: 120 })

afterEach(() => void vi.restoreAllMocks())

describe('the tasks of a stage', () => {
  it('are each handed out once, in whatever order threads ask; then each thread gets their number', () => {
    fc.assert(
      fc.property(sizes, turns, (given, asking) => {
        const control = openControl(given)
        const taken = asking
          .map((turn) => take(control, given, given.stages - 1, turn % given.threads))
          .filter((task) => task < given.tasks)
        for (let thread = 0; thread < given.threads; thread++)
          taken.push(...drain(control, given, given.stages - 1, thread))
        expect(ascending(taken)).toEqual(countTo(given.tasks))
        for (let thread = 0; thread < given.threads; thread++)
          expect(take(control, given, given.stages - 1, thread)).toBe(given.tasks)
      }),
    )
  })

  it('are each handed out once if another thread takes one between looking at a counter and taking', () => {
    fc.assert(
      fc.property(sizes, turns, (given, asking) => {
        const control = openControl(given)
        const others = [...asking]
        const taken: number[] = []
        const load = Atomics.load
        let isInterrupted = false
        const between = vi.spyOn(Atomics, 'load').mockImplementation(((
          words: Int32Array,
          index: number,
        ): number => {
          const seen = load(words, index)
          const other = isInterrupted ? undefined : others.pop()
          if (other === undefined) return seen
          isInterrupted = true
          taken.push(take(control, given, 0, other % given.threads))
          isInterrupted = false
          return seen
        }) as typeof Atomics.load)
        for (let thread = 0; thread < given.threads; thread++) taken.push(...drain(control, given, 0, thread))
        between.mockRestore()
        expect(ascending(taken.filter((task) => task < given.tasks))).toEqual(countTo(given.tasks))
      }),
    )
  })

  it('are for each thread first those of its own range, in order, then those that the next threads have left', () => {
    fc.assert(
      fc.property(sizes, turns, (given, asking) => {
        const { threads, tasks } = given
        const control = openControl(given)
        const left = countTo(threads).map((thread) => {
          const first = firstTaskOf(thread, threads, tasks)
          return countTo(firstTaskOf(thread + 1, threads, tasks) - first).map((i) => first + i)
        })
        for (const turn of asking) {
          const thread = turn % threads
          const owners = [...left.slice(thread), ...left.slice(0, thread)]
          const expected = owners.find((range) => range.length > 0)?.shift() ?? tasks
          expect(take(control, given, 0, thread)).toBe(expected)
        }
      }),
    )
    const given = { threads: 3, stages: 1, tasks: 8 }
    expect(drain(openControl(given), given, 0, 1)).toEqual([2, 3, 4, 5, 6, 7, 0, 1])
  })

  it('are in ranges that differ by one task at most', () => {
    fc.assert(
      fc.property(sizes, ({ threads, tasks }) => {
        const firsts = countTo(threads + 1).map((thread) => firstTaskOf(thread, threads, tasks))
        const lengths = countTo(threads).map((thread) => firsts[thread + 1]! - firsts[thread]!)
        expect([firsts[0], firsts.at(-1)]).toEqual([0, tasks])
        expect(Math.max(...lengths) - Math.min(...lengths)).toBeLessThanOrEqual(1)
      }),
    )
  })

  it('are counted for each stage alone', () => {
    fc.assert(
      fc.property(sizes, fc.array(fc.tuple(fc.nat(39), fc.nat(8)), { maxLength: 200 }), (given, asking) => {
        const control = openControl(given)
        const takenOf = countTo(given.stages).map((): number[] => [])
        for (const [stage, thread] of asking) {
          const index = stage % given.stages
          const task = take(control, given, index, thread % given.threads)
          if (task < given.tasks) takenOf[index]!.push(task)
        }
        for (const [index, taken] of takenOf.entries())
          expect(ascending([...taken, ...drain(control, given, index, 0)])).toEqual(countTo(given.tasks))
      }),
      { numRuns: 50 },
    )
  })

  it('are counted in cache lines that no two threads share', () => {
    const given: Sizes = { threads: 4, stages: 17, tasks: 8 }
    const control = openControl(given)
    const linesOf = (thread: number): number[] => {
      const before = control.slice()
      for (let index = 0; index < given.stages; index++) take(control, given, index, thread)
      const changed = [...control.keys()].filter((word) => control[word] !== before[word])
      return [...new Set(changed.map((word) => Math.floor((4 * word) / 64)))]
    }
    const lines = countTo(given.threads).flatMap(linesOf)
    expect(lines).toHaveLength(2 * given.threads)
    expect(new Set(lines).size).toBe(lines.length)
  })
})

describe('a reset', () => {
  it('gives back the tasks of stages [first, end), and of no others', () => {
    const range = sizes.chain((given) =>
      fc
        .tuple(fc.constant(given), fc.nat(given.stages), fc.nat(given.stages))
        .map(([each, a, b]) => ({ given: each, first: Math.min(a, b), end: Math.max(a, b) })),
    )
    fc.assert(
      fc.property(range, ({ given, first, end }) => {
        const control = openControl(given)
        for (let index = 0; index < given.stages; index++) drain(control, given, index, 0)
        resetTasks(control, { first, end, stages: given.stages }, given.threads)
        for (let index = 0; index < given.stages; index++) {
          const isReset = index >= first && index < end
          const taken = drain(control, given, index, given.threads - 1)
          expect(ascending(taken), `stage ${index}`).toEqual(isReset ? countTo(given.tasks) : [])
        }
      }),
      { numRuns: 50 },
    )
  })

  it('ends an abort, and leaves the other words as they are', () => {
    const given: Sizes = { threads: 2, stages: 3, tasks: 5 }
    const control = openControl(given)
    const words = [generationOf(0, given.stages), generationOf(1, given.stages), DONE, FIRST_STAGE, END_STAGE]
    for (const word of words) control[word] = 10 + word
    abort(control)
    expect(control[ABORT]).toBe(1)
    resetTasks(control, { first: 0, end: given.stages, stages: given.stages }, given.threads)
    expect(control[ABORT]).toBe(0)
    expect(words.map((word) => control[word])).toEqual(words.map((word) => 10 + word))
  })
})
