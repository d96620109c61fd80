import { orNull, type Rules, requireOptions, trueOrFalse } from '../check-options.ts'
import { UsageError } from '../errors.ts'
import { inverseNormal, keyOf, type RandomKey, uniformAt } from '../random.ts'
import { type ColourComponents, componentsRule } from './colour.ts'
import type { DecodedImage } from './dataset.ts'
import { centreView, type Preprocessing, type View } from './preprocessing.ts'

/** How the views of an image differ from epoch to epoch. Source: Krizhevsky et al. 2012, section 4.1. */
export interface Augmentation {
  /** Mirrors half of the views. */
  readonly flip: boolean
  /** Takes crops anywhere, not only in the centre. */
  readonly crop: boolean
  /**
   * Adds the sum of eigenvector * alpha * eigenvalue to each pixel; alpha is normal with an sd of 0.1 and is drawn once
   * for each image. That depends on the unit of the pixels, which the paper doesn't mention: here it is bytes / 255.
   */
  readonly colour: ColourComponents | null
}

export const augmentationRules: Rules<Augmentation> = {
  flip: trueOrFalse,
  crop: trueOrFalse,
  colour: orNull(componentsRule),
}

/** The number of each draw, so that a crop's place does not change if flips are left out. */
const DRAWS = { top: 0, left: 1, flip: 2, colour: 3 } as const
const COLOUR_SD = 0.1

/**
 * Throws UsageError for unknown keys, for colours that the network does not see, and for crops from images that leave
 * no room for them.
 */
export function checkAugmentation(
  augmentation: Augmentation,
  { channels, resize, size }: Preprocessing,
): void {
  requireOptions('augmentation', augmentation, augmentationRules)
  const { colour, crop } = augmentation
  if (crop && resize === size) {
    throw new UsageError(
      `augmentation: crops of ${size} need images that are resized to more; choose the preprocessing with { crop: true }`,
    )
  }
  if (colour) requireColours(channels)
}

/** Throws UsageError unless images with this many channels have colours that can be changed. */
export function requireColours(channels: number): void {
  if (channels !== 3) throw new UsageError(`augmentation: colour needs images of 3 channels, not ${channels}`)
}

/** What the augmentation of an epoch depends on, in addition to the image's index. */
export const augmentationKey = (seed: number, epoch: number): RandomKey =>
  keyOf(seed, `augmentation of epoch ${epoch}`)

/** The view of the image with this index in the epoch of `key`: the same on any thread and in any order. */
export function augmentedView(
  source: DecodedImage,
  size: number,
  { flip, crop, colour }: Augmentation,
  key: RandomKey,
  index: number,
): View {
  const draw = (number: number): number => uniformAt(key, index, number)
  const centre = centreView(source, size)
  return {
    top: crop ? Math.floor(draw(DRAWS.top) * (source.height - size + 1)) : centre.top,
    left: crop ? Math.floor(draw(DRAWS.left) * (source.width - size + 1)) : centre.left,
    isFlipped: flip && draw(DRAWS.flip) < 0.5,
    shift: colour && colourShift(colour, (i) => COLOUR_SD * inverseNormal(draw(DRAWS.colour + i))),
  }
}

/** The sum of eigenvector_i * alpha(i) * eigenvalue_i, for each channel. */
export function colourShift(
  { eigenvalues, eigenvectors }: ColourComponents,
  alpha: (component: number) => number,
): readonly number[] {
  const lengths = eigenvalues.map((eigenvalue, i) => alpha(i) * eigenvalue)
  return eigenvectors[0]!.map((_, channel) =>
    lengths.reduce((sum, length, i) => sum + length * eigenvectors[i]![channel]!, 0),
  )
}
