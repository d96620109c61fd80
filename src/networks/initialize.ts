import { normal, truncatedNormal } from '../random.ts'
import { elementCount } from '../tensor.ts'
import { type Network, parametersOf } from './network.ts'

export interface InitializeOptions {
  readonly seed: number
  /** Standard deviation of the weights; the article's 0.1 by default. */
  readonly sd?: number
}

const ARTICLE_SD = 0.1

/**
 * The benchmark's parameters by name: weights truncated normal (redrawn past 2 sd), biases 0.
 * The same bits on every engine and machine.
 */
export function initialize(
  network: Network,
  { seed, sd = ARTICLE_SD }: InitializeOptions,
): Record<string, Float32Array> {
  const parameters = Object.entries(parametersOf(network)).map(([name, { shape, initial }]) => {
    const values = new Float32Array(elementCount(shape))
    if (initial === 'truncated-normal') truncatedNormal(values, { seed, tensor: name, sd })
    return [name, values] as const
  })
  return Object.fromEntries(parameters)
}

/** The benchmark's images (N, H, W, C), by the input's name: normal with sd 0.1, all different. */
export function initializeImages(
  network: Network,
  batch: number,
  { seed, sd = ARTICLE_SD }: InitializeOptions,
): Record<string, Float32Array> {
  const inputs = Object.entries(network.inputs).map(([name, shape]) => {
    const values = new Float32Array(batch * elementCount(shape))
    normal(values, { seed, tensor: name, sd })
    return [name, values] as const
  })
  return Object.fromEntries(inputs)
}
