import { type LinearBackward, type LinearForward, linearPlanner } from './linear.ts'

export type FlattenStep = LinearForward<'flatten'> | LinearBackward<'flatten'>

export const flattenPlanner = linearPlanner('flatten')
