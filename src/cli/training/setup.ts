// What a training needs before it runs: data, network, and how the data become the network's input.
import {
  type Augmentation,
  type ColourComponents,
  colourComponents,
  type DataIdentity,
  type Dataset,
  fullBatches,
  identifyDataset,
  knownPreprocessing,
  openDataset,
  type Preprocessing,
  parseAugmentation,
  parsePreprocessing,
  requireColours,
} from '../../data/index.ts'
import { UsageError } from '../../errors.ts'
import { ownPreprocessing } from '../../models/described.ts'
import { networkCounts } from '../../networks/index.ts'
import { TRAINABLE_NETWORK_NAMES } from '../../networks/names.ts'
import type { Network } from '../../networks/network.ts'
import { imageOf } from '../../train/inputs.ts'
import { logitsOf } from '../../train/logits.ts'
import { datasetPreprocessing } from '../dataset-preprocessing.ts'
import { openNetworkSource } from '../network-source.ts'
import { preprocessingChoice } from '../preprocess-options.ts'
import type { Progress } from '../progress.ts'
import { type AskedNetwork, classifierOf } from './classifier.ts'
import { ALL_BUT_HEAD, asksForHead, differentClass, type Head, withHead } from './fine-tuning.ts'
import { type AUGMENTS, removedParts, type TrainOptions } from './options.ts'
import { keptSettings, type Resumed, requireSameData } from './resume.ts'

/** All that is known before a picture is decoded. */
export interface Beginning extends AskedNetwork {
  /** Null if no option speaks of it. */
  readonly head: Head | null
  readonly dataset: Dataset
  readonly batchesPerEpoch: number
  /** Which images these are; null if no file is written that stores it. */
  readonly trainedOn: DataIdentity | null
}

/** How an image becomes an input. */
export interface Recipe {
  readonly preprocessing: Preprocessing
  readonly augmentation: Augmentation | null
  /** A sentence that says what was assumed of images; null if nothing was. */
  readonly assumed: string | null
}

export type TrainingSetup = Beginning & Recipe

/**
 * The network with as many classes as the data has, or, before the data is read, with as many as it was published with.
 * Throws UsageError if it has no classes to learn.
 */
export async function askedNetwork(
  text: string,
  options: TrainOptions,
  classes?: number,
): Promise<AskedNetwork> {
  const { imageSize, outputs, activation, weights } = options
  const without = removedParts(options)
  const source = await openNetworkSource(text, { imageSize, outputs, activation, without, classes, weights })
  const network = classifierOf(source)
  if (!logitsOf(network))
    throw new UsageError(
      `${network.name} has no classes to learn; these have: ${TRAINABLE_NETWORK_NAMES.join(', ')}`,
    )
  return { network, parameters: source.parameters, source }
}

/** For the data's classes. Throws UsageError for a network that has learned others, unless an option asks for a new head. */
async function fittedTo(
  dataset: Dataset,
  asked: AskedNetwork,
  text: string,
  options: TrainOptions,
): Promise<Pick<Beginning, 'network' | 'parameters' | 'source' | 'head'>> {
  const { classNames } = dataset
  const classes = classNames.length
  const isAsked = asksForHead(options)
  const { kind, parameters } = asked.source
  if (isAsked && parameters !== null) return withHead(asked, dataset, options)
  const isMade = (kind === 'named' || kind === 'module') && parameters === null
  const fits = ({ network }: AskedNetwork) => logitsOf(network)!.classes === classes
  const made = isMade && !fits(asked) ? await askedNetwork(text, options, classes) : asked
  if (!fits(made))
    throw new UsageError(
      `${text}: it knows ${logitsOf(asked.network)!.classes} classes, ${options.data} has ${classes}${parameters === null ? '' : NEW_HEAD}`,
    )
  const knows = asked.source.model?.classNames ?? classNames
  const different = differentClass(knows, classNames)
  if (different >= 0)
    throw new UsageError(
      `${text}: its class ${different} is '${knows[different]}', that of ${options.data} is '${classNames[different]}'${NEW_HEAD}`,
    )
  return isAsked ? withHead(made, dataset, options) : { ...made, head: null }
}

const NEW_HEAD = `; for a new head give --freeze ${ALL_BUT_HEAD} or --head-rate`

interface SetupOptions {
  readonly resumed: Resumed | null
  /** Whether a model or a checkpoint is written, which stores which images it was trained on. */
  readonly isKept: boolean
  readonly progress: Progress
}

/**
 * Throws UsageError if the network or the options don't suit these images, or if the images are not those that a
 * resumed training began with. Decodes nothing.
 */
export async function setUp(
  text: string,
  options: TrainOptions,
  asked: AskedNetwork,
  { resumed, isKept, progress }: SetupOptions,
): Promise<Beginning> {
  const dataset = await openDataset(options.data, { synthetic: imageOf(asked.network) })
  const batchesPerEpoch = fullBatches(dataset.train.count, options.batch)
  const { network, parameters, source, head } = await fittedTo(dataset, asked, text, options)
  if (augmentKind(options) === 'alexnet') requireColours(imageOf(network).channels)
  let trainedOn: DataIdentity | null = null
  if (isKept || resumed) {
    trainedOn = await identifyDataset(dataset, (done, total) =>
      progress.update('images identified', done, total),
    )
    if (resumed) requireSameData(resumed, dataset, trainedOn)
  }
  return { network, parameters, source, head, dataset, batchesPerEpoch, trainedOn }
}

export const parameterCount = (network: Network): number => networkCounts(network).parameters

type AugmentKind = (typeof AUGMENTS)[number]

const augmentKind = ({ without, augment }: TrainOptions): AugmentKind =>
  without.includes('augment') ? 'none' : augment

const ownOf = ({ network, source }: Pick<AskedNetwork, 'network' | 'source'>): Preprocessing | null =>
  ownPreprocessing(source.described, imageOf(network), source.file ?? network.name)

/** Throws UsageError, before anything is prepared, for a preprocessing that is invalid or that a resumed training has already. */
export function requirePreprocessing(
  asked: AskedNetwork,
  options: TrainOptions,
  resumed: Resumed | null,
): void {
  const choice = preprocessingChoice(options)
  if (!choice) return
  if (resumed)
    throw new UsageError(
      `--resume ${resumed.file}: images are prepared as in its training; leave --preprocess and its parts out`,
    )
  knownPreprocessing(imageOf(asked.network), ownOf(asked), choice)
}

/**
 * How images become inputs: as in the checkpoint, or chosen for these images, many of which are decoded for their
 * colours. Throws FormatError if none of them can be decoded, UnavailableError if a decoder can't start.
 */
export async function recipeFor(
  { network, dataset, source }: Beginning,
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
  const { file, parameters } = source
  const { preprocessing, assumed } = kept
    ? { preprocessing: kept.preprocessing, assumed: null }
    : await datasetPreprocessing(dataset, imageOf(network), {
        own: ownOf({ network, source }),
        choice: preprocessingChoice(options),
        model: file ?? network.name,
        isTrained: parameters !== null,
        crop,
        ...pass,
      })
  // Older checkpoints have none
  if (kept?.augmentation !== undefined) return { preprocessing, augmentation: kept.augmentation, assumed }
  const colours = () => colourComponents(dataset.train, { side: preprocessing.resize, ...pass })
  return { preprocessing, augmentation: await augmentationOf(kind, colours), assumed }
}

function keptRecipe(resumed: Resumed): Pick<Recipe, 'preprocessing'> & Partial<Pick<Recipe, 'augmentation'>> {
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
