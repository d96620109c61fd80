import { broadcastConverter } from './broadcast.ts'

export const divideConverter = broadcastConverter<'divide'>('Div')
