import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { evenSplit, WANTED_TASKS } from './kernel.ts'
import { linesPerTask, MIN_TASK_VALUES, VALUES_PER_TASK } from './rows.ts'

describe('the lines of a task', () => {
  const cases = fc.record({
    images: fc.integer({ min: 1, max: 64 }),
    lines: fc.integer({ min: 1, max: 300 }),
    lineValues: fc.oneof(fc.integer({ min: 1, max: 5000 }), fc.integer({ min: 1, max: 200_000 })),
  })

  it('have at most VALUES_PER_TASK values, unless one line has more', () => {
    fc.assert(
      fc.property(cases, ({ images, lines, lineValues }) => {
        const perTask = linesPerTask(images, lines, lineValues)
        expect(Number.isInteger(perTask)).toBe(true)
        expect(perTask).toBeGreaterThanOrEqual(1)
        if (perTask > 1) expect(perTask * lineValues).toBeLessThanOrEqual(VALUES_PER_TASK)
      }),
    )
  })

  it('are so many that with one more they would have over MIN_TASK_VALUES values', () => {
    fc.assert(
      fc.property(cases, ({ images, lines, lineValues }) => {
        const perTask = linesPerTask(images, lines, lineValues)
        expect((perTask + 1) * lineValues).toBeGreaterThan(MIN_TASK_VALUES)
      }),
    )
  })

  it('make tasks for many threads of few images, unless tasks would become too small', () => {
    fc.assert(
      fc.property(cases, ({ images, lines, lineValues }) => {
        const perTask = linesPerTask(images, lines, lineValues)
        const tasks = images * evenSplit(lines, perTask).length
        const isSmall = perTask * lineValues <= MIN_TASK_VALUES || perTask === 1
        // Lines are whole: 33 of them in at most 32 tasks are 16 pairs and one.
        if (!isSmall) expect(tasks).toBeGreaterThan(Math.min(WANTED_TASKS, lines * images) / 2)
      }),
    )
  })

  it.each([
    { what: 'one image', images: 1, lines: 112, lineValues: 112 * 96, perTask: 4, tasks: 28 },
    { what: 'many images', images: 32, lines: 56, lineValues: 56 * 64, perTask: 18, tasks: 4 },
    { what: 'few images', images: 4, lines: 56, lineValues: 56 * 64, perTask: 7, tasks: 8 },
    { what: 'small images', images: 1, lines: 7, lineValues: 7 * 160, perTask: 3, tasks: 3 },
    { what: 'tiny images', images: 1, lines: 4, lineValues: 16, perTask: 256, tasks: 1 },
    { what: 'long lines', images: 1, lines: 3, lineValues: 100_000, perTask: 1, tasks: 3 },
  ])('are $perTask of $what of $lines lines with $lineValues values', (given) => {
    const perTask = linesPerTask(given.images, given.lines, given.lineValues)
    expect([perTask, evenSplit(given.lines, perTask).length]).toEqual([given.perTask, given.tasks])
  })
})
