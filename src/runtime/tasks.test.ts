import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import {
  type LoadedPart,
  type LoadedSegment,
  type LoadedStage,
  runTasks,
  slotsOf,
  stageTimesOf,
  type TaskRunner,
} from './tasks.ts'

/** A part with one pointer, which moves by so many bytes along each dimension. */
const partOf = (changes: Partial<LoadedPart> & Pick<LoadedPart, 'grid'>): LoadedPart => ({
  program: 0,
  tasks: changes.grid.reduce((product, extent) => product * extent, 1),
  addresses: [0],
  steps: [changes.grid.map(() => 0)],
  inThreadScratch: [false],
  ...changes,
})

const stageOf = (parts: readonly LoadedPart[], order: readonly number[] | null = null): LoadedStage => ({
  parts,
  tasks: parts.reduce((total, { tasks }) => total + tasks, 0),
  order: order && Int32Array.from(order),
})

const segmentOf = (stages: readonly LoadedStage[], tasks: number, firstSlot: number): LoadedSegment => ({
  stages,
  tasks,
  firstSlot,
})

const SCRATCH = 5000

/** A runner of programs that only note with which pointers they are called, as [program, ...pointers]. */
function noting(slots = 0) {
  const calls: number[][] = []
  const kernel =
    (program: number) =>
    (...pointers: number[]): void =>
      void calls.push([program, ...pointers])
  const segmentTimes = new Float64Array(slots)
  const runner: TaskRunner = { kernels: [kernel(0), kernel(1)], threadScratch: SCRATCH, segmentTimes }
  return { calls, runner, segmentTimes }
}

const oneAfterTheOther = (): (() => number) => {
  let next = 0
  return () => next++
}
const never = (): boolean => false

describe('a stage', () => {
  const a = partOf({ grid: [2], addresses: [0], steps: [[10]] })
  const b = partOf({ program: 1, grid: [2, 2], addresses: [100], steps: [[20, 1]] })

  it('has the tasks of its parts one after the other; the last dimension varies fastest', () => {
    const { calls, runner } = noting()
    runTasks(stageOf([a, b]), runner, oneAfterTheOther(), never)
    expect(calls).toEqual([
      [0, 0],
      [0, 10],
      [1, 100],
      [1, 101],
      [1, 120],
      [1, 121],
    ])
  })

  it('hands them out in its order, if it has one', () => {
    const { calls, runner } = noting()
    runTasks(stageOf([a, b], [0, 2, 3, 1, 4, 5]), runner, oneAfterTheOther(), never)
    expect(calls.map(([, pointer]) => pointer)).toEqual([0, 100, 101, 10, 120, 121])
    const later = noting()
    const tasks = [3, 5]
    runTasks(stageOf([a, b], [0, 2, 3, 1, 4, 5]), later.runner, () => tasks.pop() ?? 6, never)
    expect(later.calls).toEqual([
      [1, 121],
      [0, 10],
    ])
  })

  it('counts addresses in the thread’s scratch from its beginning', () => {
    const { calls, runner } = noting()
    const scratch = partOf({
      grid: [2],
      addresses: [64, 64],
      steps: [[8], [8]],
      inThreadScratch: [true, false],
    })
    runTasks(stageOf([scratch]), runner, oneAfterTheOther(), never)
    expect(calls).toEqual([
      [0, SCRATCH + 64, 64],
      [0, SCRATCH + 72, 72],
    ])
  })
})

describe('a segment', () => {
  /** Two stages over three images: four tasks of each image in two parts, then one. */
  const segment = segmentOf(
    [
      stageOf(
        [
          partOf({ grid: [3, 2], addresses: [0], steps: [[10, 1]] }),
          partOf({ grid: [3, 2], addresses: [5], steps: [[10, 1]] }),
        ],
        // Its order is for threads that share the stage's tasks, not for one that does an image of it.
        [0, 1, 6, 7, 2, 3, 8, 9, 4, 5, 10, 11],
      ),
      stageOf([partOf({ program: 1, grid: [3], addresses: [100], steps: [[10]] })]),
    ],
    3,
    2,
  )
  const image = (n: number): number[][] => [
    [0, 10 * n],
    [0, 10 * n + 1],
    [0, 10 * n + 5],
    [0, 10 * n + 6],
    [1, 100 + 10 * n],
  ]

  it('does all stages for one image, then for the next that is handed out', () => {
    const { calls, runner } = noting(4)
    const images = [1, 0, 2]
    runTasks(segment, runner, () => images.pop() ?? 3, never)
    expect(calls).toEqual([...image(2), ...image(0), ...image(1)])
  })

  it('stops after the task that runs if it is aborted', () => {
    const { calls, runner } = noting(4)
    runTasks(segment, runner, oneAfterTheOther(), () => calls.length >= 7)
    expect(calls).toEqual([...image(0), ...image(1).slice(0, 2)])
  })

  it('adds up over images how long the thread was at work on each stage', () => {
    const { runner, segmentTimes } = noting(4)
    const clock = [0, 3, 4, 10, 10.5, 13, 20, 21, 22]
    const now = vi.spyOn(performance, 'now').mockImplementation(() => clock.shift()!)
    try {
      runTasks(segment, runner, oneAfterTheOther(), never)
    } finally {
      now.mockRestore()
    }
    expect(clock).toEqual([])
    // Of the three images: from 0, from 10 and from 20.
    expect([...segmentTimes]).toEqual([0, 0, 3 + 0.5 + 1, 1 + 2.5 + 1])
  })
})

describe('the times of stages', () => {
  const plain = stageOf([])
  const [first, second] = [segmentOf([plain, plain, plain], 4, 0), segmentOf([plain, plain], 4, 3)]

  it('have a slot for each stage of each segment', () => {
    expect(slotsOf([])).toBe(0)
    expect(slotsOf([plain, plain])).toBe(0)
    expect(slotsOf([first, plain, second])).toBe(5)
  })

  it('are those of the barriers, but a segment’s is shared out by the times that threads were at work', () => {
    const threads = [Float64Array.of(1, 2, 0, 1, 5), Float64Array.of(2, 3, 0, 0, 4)]
    expect(stageTimesOf([plain, first, plain, second], [7, 4, 8, 20], threads)).toEqual([
      7,
      (4 * 3) / 8,
      (4 * 5) / 8,
      0,
      8,
      (20 * 1) / 10,
      (20 * 9) / 10,
    ])
  })

  it('are equal shares of a segment if the clock saw none of its stages', () => {
    const threads = [new Float64Array(5), new Float64Array(5)]
    expect(stageTimesOf([first, second], [6, 5], threads)).toEqual([2, 2, 2, 2.5, 2.5])
  })

  it('add up to the whole', () => {
    const time = fc.double({ min: 0, max: 1e3, noNaN: true }).map((ms) => (ms < 1e-6 ? 0 : ms))
    const times = (length: number) => fc.array(time, { minLength: length, maxLength: length })
    fc.assert(
      fc.property(times(4), fc.array(times(5), { minLength: 1, maxLength: 4 }), (wholeMs, threads) => {
        const all = stageTimesOf(
          [first, plain, second, plain],
          wholeMs,
          threads.map((each) => Float64Array.from(each)),
        )
        const sum = (ms: readonly number[]): number => ms.reduce((total, each) => total + each, 0)
        expect(all).toHaveLength(7)
        for (const ms of all) expect(ms).toBeGreaterThanOrEqual(0)
        expect(sum(all.slice(0, 3))).toBeCloseTo(wholeMs[0]!, 6)
        expect(sum(all.slice(4, 6))).toBeCloseTo(wholeMs[2]!, 6)
        expect([all[3], all[6]]).toEqual([wholeMs[1], wholeMs[3]])
      }),
    )
  })
})
