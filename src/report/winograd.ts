import type { LayerTime } from '../bench/result.ts'

/** Whether some step of the layer needs fewer multiplications than are counted. */
export const isWinograd = ({ algorithm }: LayerTime): boolean => algorithm.split(', ').includes('winograd')
