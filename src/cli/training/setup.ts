// What a training is made of, before anything runs: data, network, and how one becomes the other's input.
import {
  type Augmentation,
  choosePreprocessing,
  colourComponents,
  type Dataset,
  openDataset,
  type Preprocessing,
} from '../../data/index.ts'
import { ShapeError, UsageError } from '../../errors.ts'
import { networkCounts, networkNamed } from '../../networks/index.ts'
import type { Network } from '../../networks/network.ts'
import type { NetworkOptions } from '../../networks/options.ts'
import { logitsOf } from '../../train/logits.ts'
import { type AUGMENTS, removedParts, type TrainOptions } from './options.ts'

export interface TrainingSetup {
  readonly network: Network
  readonly dataset: Dataset
  readonly preprocessing: Preprocessing
  readonly augmentation: Augmentation | null
}

/** Throws UsageError for a network that has no classes, or that images of another number of channels can't be for. */
export async function setUp(networkName: string, options: TrainOptions): Promise<TrainingSetup> {
  const { imageSize, activation } = options
  const networkOptions: NetworkOptions = { imageSize, activation, without: removedParts(options) }
  const asItIs = networkNamed(networkName, networkOptions)
  requireClasses(asItIs) // before any data is read
  const dataset = await openDataset(options.data, { synthetic: imageOf(asItIs) })
  const network = networkNamed(networkName, { ...networkOptions, classes: dataset.classNames.length })
  const preprocessing = await choosePreprocessing(dataset, imageOf(network))
  const kind = options.without.includes('augment') ? 'none' : options.augment
  return { network, dataset, preprocessing, augmentation: await augmentationOf(kind, dataset) }
}

/** The square that the network takes. */
export function imageOf(network: Network): Pick<Preprocessing, 'size' | 'channels'> {
  const [size = 0, width, channels] = network.inputs.images ?? []
  if (size !== width || (channels !== 1 && channels !== 3))
    throw new ShapeError(`${network.name}: its images are not square, of 1 or 3 channels`)
  return { size, channels }
}

export const parameterCount = (network: Network): number => networkCounts(network).parameters

function requireClasses(network: Network): void {
  if (!logitsOf(network))
    throw new UsageError(
      `${network.name} has no classes to learn; lenet, alexnet-full, alexnet-torchvision and alexnet-cifar10 have`,
    )
}

async function augmentationOf(
  kind: (typeof AUGMENTS)[number],
  { train }: Dataset,
): Promise<Augmentation | null> {
  switch (kind) {
    case 'none':
      return null
    case 'flip':
      return { flip: true, crop: false, colour: null }
    case 'crop':
      return { flip: false, crop: true, colour: null }
    case 'alexnet':
      return { flip: true, crop: true, colour: await colourComponents(train) }
  }
}
