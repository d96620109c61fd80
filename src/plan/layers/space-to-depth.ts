import { type LinearBackward, type LinearForward, linearPlanner } from './linear.ts'

export type SpaceToDepthStep = LinearForward<'space-to-depth'> | LinearBackward<'space-to-depth'>

export const spaceToDepthPlanner = linearPlanner('space-to-depth')
