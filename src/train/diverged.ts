import { DivergedError } from '../errors.ts'

/** The error of a training whose numbers are no longer finite; `what` says where. */
export const diverged = (what: string): DivergedError =>
  new DivergedError(`${what}; try a lower rate, or clip gradients`)
