import type { ImageShape } from '../data/index.ts'
import { ShapeError, UsageError } from '../errors.ts'
import { labelClasses, type Network } from '../networks/network.ts'
import { formatShape } from '../tensor.ts'

/** The network's own names of what a batch has. */
export interface BatchInputs {
  readonly images: string
  /** Null: it takes none. */
  readonly labels: string | null
}

/**
 * Which input takes the images, and which the labels: what a loss reads as such, or an input of that name. Throws
 * UsageError if there are several of them; `what` is how the message calls the network.
 */
export function batchInputs(network: Network, what: string = network.name): BatchInputs {
  const names = Object.keys(network.inputs)
  const read = Object.keys(labelClasses(network))
  const labels = read.length > 0 ? read : names.filter((name) => name === 'labels')
  const images = names.filter((name) => !labels.includes(name))
  if (images.length === 1 && labels.length <= 1) return { images: images[0]!, labels: labels[0] ?? null }
  const ofLabels = labels.length > 0 ? `, and of labels ${labels.join(', ')}` : ''
  throw new UsageError(
    `${what}: its inputs of images are ${images.join(', ') || 'none'}${ofLabels}; training and evaluation give one of images and one of labels`,
  )
}

/** The square images that the network takes. Throws ShapeError if it takes others. */
export function imageOf(network: Network): ImageShape {
  const { images } = batchInputs(network)
  const [size = 0, width, channels] = network.inputs[images]!
  if (size === width && (channels === 1 || channels === 3)) return { size, channels }
  throw new ShapeError(
    `${network.name}: its images are ${formatShape(network.inputs[images]!)}; pictures become squares of 1 or 3 channels`,
  )
}
