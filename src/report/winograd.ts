import type { LayerTime } from '../bench/result.ts'

/** Whether some step of the layer does with fewer multiplications than were counted. */
export const isWinograd = ({ algorithm }: LayerTime): boolean => algorithm.split(', ').includes('winograd')
