import { type LinearBackward, type LinearForward, linearPlanner } from './linear.ts'

export type ChannelShuffleStep = LinearForward<'channel-shuffle'> | LinearBackward<'channel-shuffle'>

export const channelShufflePlanner = linearPlanner('channel-shuffle')
