import { broadcastForward, broadcastInputGradient } from './broadcast.ts'

export const addForward = broadcastForward<'add-forward'>((b) => b.add)
export const addInputGradient = broadcastInputGradient<'add-input-gradient'>((_b, { given }) => given)
