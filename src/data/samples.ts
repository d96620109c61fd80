// How one image becomes a sample of a batch; the same in a worker and on the caller's thread.
import { type Augmentation, augmentationKey, augmentedView } from './augmentation.ts'
import type { DecodedImage } from './dataset.ts'
import {
  centreView,
  cropSource,
  type Preprocessing,
  tenViews,
  type View,
  writeView,
} from './preprocessing.ts'

export interface Recipe {
  readonly preprocessing: Preprocessing
  readonly augmentation: Augmentation | null
  readonly seed: number
  /** Ten crops of each image instead of one. */
  readonly isTenCrop: boolean
}

/** An image's place in a batch. */
export interface SamplePlace {
  readonly position: number
  /** Index in the split. */
  readonly index: number
}

/** An image that was left out because it is damaged. */
export interface SkippedImage {
  /** Its index in the split. */
  readonly index: number
  /** Its path, if it is a file. */
  readonly file: string
  /** What is wrong with it, in words. */
  readonly reason: string
}

export interface DamagedSample extends SamplePlace {
  readonly file: string
  readonly reason: string
}

export const TEN_CROPS = 10

/** The number of values of one image in a batch: (size, size, channels), and ten times that for ten crops. */
export function sampleLength({ preprocessing, isTenCrop }: Recipe): number {
  const { size, channels } = preprocessing
  return size * size * channels * (isTenCrop ? TEN_CROPS : 1)
}

/** Writes an image's views. `name` is for messages. `destination` has `sampleLength` values. */
export function writeSample(
  image: DecodedImage,
  recipe: Recipe,
  epoch: number,
  { index, name }: { readonly index: number; readonly name: string },
  destination: Float32Array,
): void {
  const { preprocessing } = recipe
  const source = cropSource(image, preprocessing, name)
  const views = viewsOf(source, recipe, epoch, index)
  const length = destination.length / views.length
  views.forEach((view, i) => {
    writeView(source, view, preprocessing, destination.subarray(i * length, (i + 1) * length))
  })
}

function viewsOf(source: DecodedImage, recipe: Recipe, epoch: number, index: number): readonly View[] {
  const { preprocessing, augmentation, isTenCrop, seed } = recipe
  const { size } = preprocessing
  if (isTenCrop) return tenViews(source, size)
  if (!augmentation) return [centreView(source, size)]
  return [augmentedView(source, size, augmentation, augmentationKey(seed, epoch), index)]
}
