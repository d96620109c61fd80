import { UsageError, unknownName } from '../errors.ts'

/** The names of all schedules of the learning rate. */
export const SCHEDULES = ['constant', 'step', 'cosine'] as const

/** How the learning rate changes during a training; see `rateAt`. */
export type Schedule = (typeof SCHEDULES)[number]

/** Krizhevsky divided the rate by 10 three times; here this happens after these shares of the training. */
const STEPS_AT = [0.5, 0.75, 0.9]
const STEP_FACTOR = 0.1

/**
 * The learning rate of an update, counted from 0 of `total`: constant; divided by 10 after half, three quarters and
 * nine tenths of the training; or half a cosine down to 0 (Loshchilov & Hutter 2017, without restarts).
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
