import { type LinearBackward, type LinearForward, linearPlanner } from './linear.ts'

export type CropStep = LinearForward<'crop'> | LinearBackward<'crop'>

export const cropPlanner = linearPlanner('crop')
