import { broadcastConverter } from './broadcast.ts'

export const subtractConverter = broadcastConverter<'subtract'>('Sub')
