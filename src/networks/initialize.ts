import { normal, truncatedNormal, uniform } from '../random.ts'
import { elementCount } from '../tensor.ts'
import { labelClasses, type Network, parametersOf } from './network.ts'

export interface InitializeOptions {
  readonly seed: number
  /** Standard deviation of the weights; the article's 0.1 by default. */
  readonly sd?: number
}

/** A tensor to be filled. Any stretch of it can be made by itself, so that threads share the work. */
export interface InitialTensor {
  readonly name: string
  readonly length: number
  /** Fills `values`, the first of which is the tensor's value `firstIndex`. */
  fill(values: Float32Array, firstIndex: number): void
}

const ARTICLE_SD = 0.1

/**
 * The benchmark's parameters by name: weights truncated normal (redrawn past 2 sd), biases 0.
 * The same bits on every engine and machine.
 */
export function initialize(network: Network, options: InitializeOptions): Record<string, Float32Array> {
  return filled(initialParameters(network, options))
}

/**
 * The benchmark's inputs of so many images, by name: images (N, H, W, C), normal with sd 0.1, all different; labels (N),
 * any class as likely as another.
 */
export function initializeImages(
  network: Network,
  batch: number,
  options: InitializeOptions,
): Record<string, Float32Array> {
  return filled(initialInputs(network, batch, options))
}

/** What `initialize` makes, to be made in parts. */
export function initialParameters(
  network: Network,
  { seed, sd = ARTICLE_SD }: InitializeOptions,
): InitialTensor[] {
  return Object.entries(parametersOf(network)).map(([name, { shape, initial }]) => ({
    name,
    length: elementCount(shape),
    fill: (values, firstIndex) => {
      if (initial === 'zeros') values.fill(0)
      else truncatedNormal(values, { seed, tensor: name, sd, firstIndex })
    },
  }))
}

/** What `initializeImages` makes, to be made in parts. */
export function initialInputs(
  network: Network,
  batch: number,
  { seed, sd = ARTICLE_SD }: InitializeOptions,
): InitialTensor[] {
  const classes = labelClasses(network)
  return Object.entries(network.inputs).map(([name, shape]) => ({
    name,
    length: batch * elementCount(shape),
    fill: (values, firstIndex) => {
      const count = classes[name]
      if (count === undefined) return normal(values, { seed, tensor: name, sd, firstIndex })
      uniform(values, { seed, tensor: name, firstIndex })
      for (let i = 0; i < values.length; i++) values[i] = Math.floor(values[i]! * count)
    },
  }))
}

function filled(tensors: readonly InitialTensor[]): Record<string, Float32Array> {
  return Object.fromEntries(
    tensors.map(({ name, length, fill }) => {
      const values = new Float32Array(length)
      fill(values, 0)
      return [name, values]
    }),
  )
}
