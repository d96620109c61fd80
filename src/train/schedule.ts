import { UsageError, unknownName } from '../errors.ts'

/** How the learning rate goes over a training: plain data. */
export const SCHEDULES = ['constant', 'step', 'cosine'] as const
export type Schedule = (typeof SCHEDULES)[number]

/** Krizhevsky divided the rate by 10 three times; here at these shares of the training. */
const STEPS_AT = [0.5, 0.75, 0.9]
const STEP_FACTOR = 0.1

/**
 * The learning rate of an update, counted from 0 of `total`: constant; a tenth from half of the training on, of that
 * another tenth from three quarters and from nine tenths; or half a cosine down to 0 (Loshchilov & Hutter 2017, no restarts).
 */
export function rateAt(schedule: Schedule, rate: number, update: number, total: number): number {
  const done = update / total
  switch (schedule) {
    case 'constant':
      return rate
    case 'step':
      return rate * STEP_FACTOR ** STEPS_AT.filter((share) => done >= share).length
    case 'cosine':
      return (rate / 2) * (1 + Math.cos(Math.PI * Math.min(done, 1)))
    default:
      throw new UsageError(unknownName('schedule', schedule, SCHEDULES))
  }
}
