// What a training is made of, before anything runs: data, network, and how one becomes the other's input.
import {
  type Augmentation,
  type ColourComponents,
  choosePreprocessing,
  colourComponents,
  type DataIdentity,
  type Dataset,
  fullBatches,
  identifyDataset,
  openDataset,
  type Preprocessing,
  parseAugmentation,
  parsePreprocessing,
  requireColours,
} from '../../data/index.ts'
import { ShapeError, UsageError } from '../../errors.ts'
import { networkCounts, networkNamed } from '../../networks/index.ts'
import { TRAINABLE_NETWORK_NAMES } from '../../networks/names.ts'
import type { Network } from '../../networks/network.ts'
import { logitsOf } from '../../train/logits.ts'
import type { Progress } from '../progress.ts'
import { type AUGMENTS, removedParts, type TrainOptions } from './options.ts'
import { keptSettings, type Resumed, requireSameData } from './resume.ts'

/** All that is known before a picture is decoded. */
export interface Beginning {
  readonly network: Network
  readonly dataset: Dataset
  readonly batchesPerEpoch: number
  /** Which images these are; null if no file is written that keeps it. */
  readonly trainedOn: DataIdentity | null
}

/** How an image becomes an input. */
export interface Recipe {
  readonly preprocessing: Preprocessing
  readonly augmentation: Augmentation | null
}

export type TrainingSetup = Beginning & Recipe

/**
 * The network, with as many classes as the data has; before the data is read, as many as it is published with.
 * Throws UsageError for one that has no classes to learn.
 */
export function askedNetwork(name: string, options: TrainOptions, classes?: number): Network {
  const { imageSize, activation } = options
  const network = networkNamed(name, { imageSize, activation, without: removedParts(options), classes })
  if (!logitsOf(network))
    throw new UsageError(
      `${network.name} has no classes to learn; these have: ${TRAINABLE_NETWORK_NAMES.join(', ')}`,
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
 * Throws UsageError for a network or options that these images can't be for, and for images other than those that a training
 * to go on with began with. Decodes none.
 */
export async function setUp(
  networkName: string,
  options: TrainOptions,
  { resumed, isKept, progress }: SetupOptions,
): Promise<Beginning> {
  const dataset = await openDataset(options.data, {
    synthetic: imageOf(askedNetwork(networkName, options)),
  })
  const batchesPerEpoch = fullBatches(dataset.train.count, options.batch)
  const network = askedNetwork(networkName, options, dataset.classNames.length)
  if (augmentKind(options) === 'alexnet') requireColours(imageOf(network).channels)
  let trainedOn: DataIdentity | null = null
  if (isKept || resumed) {
    trainedOn = await identifyDataset(dataset, (done, total) =>
      progress.update('images identified', done, total),
    )
    if (resumed) requireSameData(resumed, dataset, trainedOn)
  }
  return { network, dataset, batchesPerEpoch, trainedOn }
}

/** The square that the network takes. */
export function imageOf(network: Network): Pick<Preprocessing, 'size' | 'channels'> {
  const [size = 0, width, channels] = network.inputs.images ?? []
  if (size !== width || (channels !== 1 && channels !== 3))
    throw new ShapeError(`${network.name}: its images are not square, of 1 or 3 channels`)
  return { size, channels }
}

export const parameterCount = (network: Network): number => networkCounts(network).parameters

type AugmentKind = (typeof AUGMENTS)[number]

const augmentKind = ({ without, augment }: TrainOptions): AugmentKind =>
  without.includes('augment') ? 'none' : augment

/**
 * How images become inputs: as a checkpoint has it, or chosen for these images, of which many are decoded for their colours.
 * Throws FormatError if none of them can be, UnavailableError if a decoder can't start.
 */
export async function recipeFor(
  { network, dataset }: Beginning,
  options: TrainOptions,
  { resumed, progress, signal }: Omit<SetupOptions, 'isKept'> & { readonly signal: AbortSignal },
): Promise<Recipe> {
  const kind = augmentKind(options)
  const pass = {
    signal,
    onProgress: (done: number, total: number) => progress.update('colours of images', done, total),
  }
  const kept = resumed && keptRecipe(resumed)
  const crop = kind === 'crop' || kind === 'alexnet'
  const preprocessing =
    kept?.preprocessing ?? (await choosePreprocessing(dataset, imageOf(network), { crop, ...pass }))
  // Older checkpoints have none
  if (kept?.augmentation !== undefined) return { preprocessing, augmentation: kept.augmentation }
  const colours = () => colourComponents(dataset.train, { side: preprocessing.resize, ...pass })
  return { preprocessing, augmentation: await augmentationOf(kind, colours) }
}

function keptRecipe(resumed: Resumed): Pick<Recipe, 'preprocessing'> & Partial<Recipe> {
  const { augmentation } = keptSettings(resumed)
  return {
    preprocessing: parsePreprocessing(resumed.checkpoint.model.preprocessing, resumed.file),
    ...(augmentation !== undefined && { augmentation: parseAugmentation(augmentation, resumed.file) }),
  }
}

async function augmentationOf(
  kind: AugmentKind,
  colours: () => Promise<ColourComponents>,
): Promise<Augmentation | null> {
  switch (kind) {
    case 'none':
      return null
    case 'flip':
      return { flip: true, crop: false, colour: null }
    case 'crop':
      return { flip: false, crop: true, colour: null }
    case 'alexnet':
      return { flip: true, crop: true, colour: await colours() }
  }
}
