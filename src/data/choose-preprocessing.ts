import { optional, positiveInteger, type Rules, requireOptions, trueOrFalse } from '../check-options.ts'
import { channelCount, type Dataset } from './dataset.ts'
import { type ImageShape, RESIZE_OVER_SIZE } from './named-preprocessing.ts'
import type { Preprocessing } from './preprocessing.ts'
import { channelStatistics, passRules, type StatisticsOptions } from './statistics.ts'

/** How the training set is sampled if its mean and sd are needed. */
export interface PreprocessingOptions extends Omit<StatisticsOptions, 'sample' | 'side'> {
  /** Whether the training's augmentation takes crops, which need images larger than the network's input. */
  readonly crop?: boolean
}

const imageRules: Rules<ImageShape> = {
  size: positiveInteger,
  channels: channelCount,
}

const rules: Rules<PreprocessingOptions> = { crop: optional(trueOrFalse), ...passRules }

/**
 * The preprocessing that suits a data set and a network that takes (size, size, channels). If images in memory are not
 * much larger than the network's input, crops are taken from them as they are. All others, and every image in a file,
 * are resized: to exactly the network's size, so that it sees the whole central square and a picture of that size stays
 * as it is; for random crops, to 8/7 of it. cifar10 is standardised image by image, as its tutorial's network expects;
 * others by the mean and sd of the training set's images after resizing.
 */
export async function choosePreprocessing(
  dataset: Dataset,
  image: ImageShape,
  options: PreprocessingOptions = {},
): Promise<Preprocessing> {
  requireOptions('choosePreprocessing', image, imageRules)
  requireOptions('choosePreprocessing', options, rules)
  const { size, channels } = image
  const { crop = false, ...pass } = options
  const resize = await chooseResize(dataset, size, crop)
  if (dataset.name.startsWith('cifar10')) return { size, channels, resize, normalise: { kind: 'per-image' } }
  const { mean, sd } = await channelStatistics(dataset.train, channels, { ...pass, side: resize })
  // For a channel that never changes any sd will do
  const normalise = { kind: 'channels', mean, sd: sd.map((value) => value || 1) } as const
  return { size, channels, resize, normalise }
}

export async function chooseResize(dataset: Dataset, size: number, crop: boolean): Promise<number | null> {
  if (await hasFittingImages(dataset, crop ? size + 1 : size, 1.5 * size)) return null
  return crop ? Math.max(size + 1, Math.round(size * RESIZE_OVER_SIZE)) : size
}

async function hasFittingImages({ train }: Dataset, shortest: number, longest: number): Promise<boolean> {
  if (train.files) return false // their sizes vary
  const { width, height } = await train.image(0)
  return Math.min(width, height) >= shortest && Math.max(width, height) <= longest
}
