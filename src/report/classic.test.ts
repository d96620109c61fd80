import { describe, expect, it } from 'vitest'
import { exampleBackward, exampleRun } from '../../test/support/run.ts'
import { formatTime, hasStepLine, passLine, shapeLine, stepLine } from './classic.ts'

/** Local time, whatever the machine's time zone. */
const noon = new Date(2026, 0, 31, 12, 0, 0, 123).getTime()

describe('the classic lines, byte for byte', () => {
  it('shape: two spaces after the name', () => {
    expect(shapeLine('conv1', [32, 56, 56, 64])).toBe('conv1  [32, 56, 56, 64]')
  })

  it('step', () => {
    expect(stepLine(0, 123.4, noon + 0.4567)).toBe('2026-01-31 12:00:00.123456: step 0, duration = 0.123')
    expect(stepLine(90, 1234.5678, noon)).toBe('2026-01-31 12:00:00.123000: step 90, duration = 1.235')
  })

  it('every tenth step', () => {
    expect(Array.from({ length: 31 }, (_, step) => step).filter(hasStepLine)).toEqual([0, 10, 20, 30])
  })

  it('pass: mean and population sd over the steps that were made', () => {
    expect(passLine(exampleRun(), noon)).toBe(
      '2026-01-31 12:00:00.123000: Forward across 4 steps, 0.400 +/- 0.007 sec / batch',
    )
    expect(passLine(exampleBackward, noon)).toBe(
      '2026-01-31 12:00:00.123000: Forward-backward across 4 steps, 1.200 +/- 0.012 sec / batch',
    )
    expect(passLine(exampleRun({ samplesMs: [], summary: null }), noon)).toBeNull()
  })
})

it('times have two and six digits', () => {
  const early = new Date(2026, 8, 3, 4, 5, 6, 7).getTime()
  expect(formatTime(early)).toBe('2026-09-03 04:05:06.007000')
  expect(formatTime(early + 0.9995)).toBe('2026-09-03 04:05:06.007999')
})
