import { broadcastConverter } from './broadcast.ts'

export const maximumConverter = broadcastConverter<'maximum'>('Max')
