// How a data set's images are prepared for a network: to train it, or to evaluate it.
import {
  assumedHow,
  assumedText,
  choosePreprocessing,
  type Dataset,
  type ImageShape,
  knownPreprocessing,
  type Preprocessing,
  type PreprocessingChoice,
  type PreprocessingOptions,
  RESIZE_OVER_SIZE,
} from '../data/index.ts'
import { changeable } from './preprocess-options.ts'

interface Wanted extends PreprocessingOptions {
  /** What the model's file says; null if it says nothing. */
  readonly own: Preprocessing | null
  /** What the user asked for. */
  readonly choice: PreprocessingChoice | undefined
  /** What messages call the model. */
  readonly model: string
  /** Whether the network was trained before, so that its images must be prepared as they were then. */
  readonly isTrained: boolean
}

export interface DatasetPreprocessing {
  readonly preprocessing: Preprocessing
  /** A sentence that says what was assumed; null if it is known, or chosen for these images as for any training. */
  readonly assumed: string | null
}

/**
 * As the user asked, or as the model's file says. If neither says: for a network that was trained on colours elsewhere
 * ImageNet's, which is assumed; otherwise by the mean and deviation of the data, see `choosePreprocessing`.
 */
export async function datasetPreprocessing(
  dataset: Dataset,
  image: ImageShape,
  { own, choice, model, isTrained, ...options }: Wanted,
): Promise<DatasetPreprocessing> {
  if (own || choice || (isTrained && image.channels === 3)) {
    const { preprocessing, ground } = knownPreprocessing(image, own, choice)
    const assumed = ground === 'assumed' ? changeable(assumedText(model, assumedHow(preprocessing))) : null
    return { preprocessing: options.crop ? withRoomForCrops(preprocessing) : preprocessing, assumed }
  }
  const preprocessing = await choosePreprocessing(dataset, image, options)
  const assumed = isTrained ? changeable(assumedText(model, valuesText(preprocessing))) : null
  return { preprocessing, assumed }
}

/** Random crops need images larger than themselves. */
function withRoomForCrops(preprocessing: Preprocessing): Preprocessing {
  const { size, resize } = preprocessing
  if (resize === null || resize > size) return preprocessing
  return { ...preprocessing, resize: Math.max(size + 1, Math.round(size * RESIZE_OVER_SIZE)) }
}

const valuesText = ({ normalise }: Preprocessing): string =>
  normalise.kind === 'per-image'
    ? 'each image has mean 0 and deviation 1'
    : 'each channel has mean 0 and deviation 1 over the images to train on'
