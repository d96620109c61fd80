import { type LinearBackward, type LinearForward, linearPlanner } from './linear.ts'

export type DepthToSpaceStep = LinearForward<'depth-to-space'> | LinearBackward<'depth-to-space'>

export const depthToSpacePlanner = linearPlanner('depth-to-space')
