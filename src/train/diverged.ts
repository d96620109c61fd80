import { DivergedError } from '../errors.ts'

/** The error of a training whose numbers are not finite any more; `what` says where. */
export const diverged = (what: string): DivergedError =>
  new DivergedError(`${what}; try a lower rate, or clip gradients`)
