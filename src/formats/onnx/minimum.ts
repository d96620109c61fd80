import { broadcastConverter } from './broadcast.ts'

export const minimumConverter = broadcastConverter<'minimum'>('Min')
