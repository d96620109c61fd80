// What a training is made of, before anything runs: data, network, and how one becomes the other's input.
import {
  type Augmentation,
  choosePreprocessing,
  colourComponents,
  type DataIdentity,
  type Dataset,
  identifyDataset,
  openDataset,
  type Preprocessing,
  parseAugmentation,
  parsePreprocessing,
} from '../../data/index.ts'
import { ShapeError, UsageError } from '../../errors.ts'
import { networkCounts, networkNamed } from '../../networks/index.ts'
import type { Network } from '../../networks/network.ts'
import { logitsOf } from '../../train/logits.ts'
import type { Progress } from '../progress.ts'
import { type AUGMENTS, removedParts, type TrainOptions } from './options.ts'
import { keptSettings, type Resumed, requireSameData } from './resume.ts'

export interface TrainingSetup {
  readonly network: Network
  readonly dataset: Dataset
  readonly preprocessing: Preprocessing
  readonly augmentation: Augmentation | null
  /** Which images these are; null if no file is written that keeps it. */
  readonly trainedOn: DataIdentity | null
}

/**
 * The network, with as many classes as the data has; before the data is read, as many as it is published with.
 * Throws UsageError for one that has no classes to learn.
 */
export function askedNetwork(name: string, options: TrainOptions, classes?: number): Network {
  const { imageSize, activation } = options
  const network = networkNamed(name, { imageSize, activation, without: removedParts(options), classes })
  if (!logitsOf(network))
    throw new UsageError(
      `${network.name} has no classes to learn; lenet, alexnet-full, alexnet-torchvision and alexnet-cifar10 have`,
    )
  return network
}

interface SetupOptions {
  readonly resumed: Resumed | null
  /** Whether the model or a checkpoint is written, which says which images it was trained on. */
  readonly isKept: boolean
  readonly progress: Progress
}

/**
 * Throws UsageError for a network that these images can't be for, and for images other than those that a training to go on
 * with began with. How images become inputs is then the checkpoint's too, and not chosen anew.
 */
export async function setUp(
  networkName: string,
  options: TrainOptions,
  { resumed, isKept, progress }: SetupOptions,
): Promise<TrainingSetup> {
  const dataset = await openDataset(options.data, {
    synthetic: imageOf(askedNetwork(networkName, options)),
  })
  let trainedOn: DataIdentity | null = null
  if (isKept || resumed) {
    trainedOn = await identifyDataset(dataset, (done, total) =>
      progress.update('images identified', done, total),
    )
    if (resumed) requireSameData(resumed, dataset, trainedOn)
  }
  const network = askedNetwork(networkName, options, dataset.classNames.length)
  const made = resumed
    ? await keptRecipe(resumed, dataset, options)
    : await newRecipe(network, dataset, options)
  return { network, dataset, ...made, trainedOn }
}

/** The square that the network takes. */
export function imageOf(network: Network): Pick<Preprocessing, 'size' | 'channels'> {
  const [size = 0, width, channels] = network.inputs.images ?? []
  if (size !== width || (channels !== 1 && channels !== 3))
    throw new ShapeError(`${network.name}: its images are not square, of 1 or 3 channels`)
  return { size, channels }
}

export const parameterCount = (network: Network): number => networkCounts(network).parameters

type Recipe = Pick<TrainingSetup, 'preprocessing' | 'augmentation'>
type AugmentKind = (typeof AUGMENTS)[number]

const augmentKind = ({ without, augment }: TrainOptions): AugmentKind =>
  without.includes('augment') ? 'none' : augment

async function newRecipe(network: Network, dataset: Dataset, options: TrainOptions): Promise<Recipe> {
  const kind = augmentKind(options)
  const crop = kind === 'crop' || kind === 'alexnet'
  return {
    preprocessing: await choosePreprocessing(dataset, imageOf(network), { crop }),
    augmentation: await augmentationOf(kind, dataset),
  }
}

async function keptRecipe(resumed: Resumed, dataset: Dataset, options: TrainOptions): Promise<Recipe> {
  const { augmentation } = keptSettings(resumed)
  return {
    preprocessing: parsePreprocessing(resumed.checkpoint.model.preprocessing, resumed.file),
    // Older checkpoints have none
    augmentation:
      augmentation === undefined
        ? await augmentationOf(augmentKind(options), dataset)
        : parseAugmentation(augmentation, resumed.file),
  }
}

async function augmentationOf(kind: AugmentKind, { train }: Dataset): Promise<Augmentation | null> {
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
