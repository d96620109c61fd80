import { type LinearBackward, type LinearForward, linearPlanner } from './linear.ts'

export type PadStep = LinearForward<'pad'> | LinearBackward<'pad'>

export const padPlanner = linearPlanner('pad')
