import { orNull, type Rules, requireOptions, trueOrFalse } from '../check-options.ts'
import { UsageError } from '../errors.ts'
import { inverseNormal, keyOf, type RandomKey, uniformAt } from '../random.ts'
import { type ColourComponents, componentsRule } from './colour.ts'
import type { DecodedImage } from './dataset.ts'
import { centreView, type Preprocessing, type View } from './preprocessing.ts'

/** How the views of an image differ from epoch to epoch. Source: Krizhevsky et al. 2012, section 4.1. */
export interface Augmentation {
  /** Mirrored half of the time. */
  readonly flip: boolean
  /** Crops anywhere, not in the centre alone. */
  readonly crop: boolean
  /**
   * To each pixel is added the sum of eigenvector * alpha * eigenvalue, alpha normal with an sd of 0.1, drawn once an
   * image. That depends on the unit of the pixels, of which the paper is silent: here it is bytes / 255.
   */
  readonly colour: ColourComponents | null
}

export const augmentationRules: Rules<Augmentation> = {
  flip: trueOrFalse,
  crop: trueOrFalse,
  colour: orNull(componentsRule),
}

/** Which draw decides what; a crop's place does not change when flips are left out. */
const DRAWS = { top: 0, left: 1, flip: 2, colour: 3 } as const
const COLOUR_SD = 0.1

/**
 * Throws UsageError for keys that it has not, for colours that the network does not see, and for crops from images that leave
 * them no room.
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

/** Throws UsageError if images of so many channels have no colours that can be changed. */
export function requireColours(channels: number): void {
  if (channels !== 3) throw new UsageError(`augmentation: colour needs images of 3 channels, not ${channels}`)
}

/** What the augmentations of an epoch depend on, beside the image's index. */
export const augmentationKey = (seed: number, epoch: number): RandomKey =>
  keyOf(seed, `augmentation of epoch ${epoch}`)

/** The view of the image with this index in the epoch of `key`: the same whatever thread asks, and in what order. */
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
