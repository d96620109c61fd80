import { type LinearBackward, type LinearForward, linearPlanner } from './linear.ts'

export type ResizeStep = LinearForward<'resize'> | LinearBackward<'resize'>

export const resizePlanner = linearPlanner('resize')
