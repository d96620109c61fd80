import { type LinearBackward, type LinearForward, linearPlanner } from './linear.ts'

export type UnflattenStep = LinearForward<'unflatten'> | LinearBackward<'unflatten'>

export const unflattenPlanner = linearPlanner('unflatten')
