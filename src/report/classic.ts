// The lines of the AlexNet article's benchmark, byte for byte: scripts that read the original's output can read this
// one's too.
import type { TimeStamp } from '../bench/events.ts'
import type { Run } from '../bench/result.ts'
import { formatFixed } from '../digits.ts'

const STEPS_PER_LINE = 10

/** A layer's line of the classic output: `conv1  [32, 56, 56, 64]`. */
export function shapeLine(name: string, shape: readonly number[]): string {
  return `${name}  [${shape.join(', ')}]`
}

/** Whether a step has a line of the classic output: every tenth after burn-in, from step 0 on. */
export function hasStepLine(step: number): boolean {
  return step % STEPS_PER_LINE === 0
}

/** A step's line of the classic output: `2026-01-31 12:00:00.123456: step 0, duration = 0.123`, in seconds. */
export function stepLine(step: number, durationMs: number, endedAt: TimeStamp): string {
  return `${formatTime(endedAt)}: step ${step}, duration = ${formatSeconds(durationMs)}`
}

/**
 * The last line of a pass in the classic output, with the number of steps that were made; null if there was none:
 * `2026-01-31 12:00:00.123456: Forward across 100 steps, 0.123 +/- 0.001 sec / batch`.
 */
export function passLine(run: Run, endedAt: TimeStamp): string | null {
  if (!run.summary) return null
  const { meanMs, sdMs } = run.summary
  const times = `${formatSeconds(meanMs)} +/- ${formatSeconds(sdMs)}`
  return `${formatTime(endedAt)}: ${passName(run.pass)} across ${run.samplesMs.length} steps, ${times} sec / batch`
}

const PASS_NAMES = { forward: 'Forward', 'forward-backward': 'Forward-backward', train: 'Train' } as const

/** `Forward`, `Forward-backward` */
export const passName = (pass: Run['pass']): string => PASS_NAMES[pass]

/** A time as local time with six digits of the second: `2026-01-31 12:00:00.123456`. */
export function formatTime(timeStamp: TimeStamp): string {
  const wholeMs = Math.floor(timeStamp)
  const date = new Date(wholeMs)
  const digits = (value: number, length: number) => String(value).padStart(length, '0')
  const day = [digits(date.getFullYear(), 4), digits(date.getMonth() + 1, 2), digits(date.getDate(), 2)].join(
    '-',
  )
  const time = [date.getHours(), date.getMinutes(), date.getSeconds()]
    .map((value) => digits(value, 2))
    .join(':')
  const microseconds = 1000 * date.getMilliseconds() + Math.floor(1000 * (timeStamp - wholeMs))
  return `${day} ${time}.${digits(microseconds, 6)}`
}

function formatSeconds(ms: number): string {
  return formatFixed(ms / 1000, 3)
}
