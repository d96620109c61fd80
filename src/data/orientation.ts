import type { DecodedImage } from './dataset.ts'
import type { Orientation } from './headers/exif.ts'
import type { ImageHeader } from './headers/image-header.ts'
import { type Area, areaOf, type Fit } from './resample.ts'

/** From 5 on rows and columns are exchanged. */
const FIRST_TRANSPOSED = 5
/** Orientations for which the stored image is read from right to left, and from bottom to top. */
const MIRRORED_X: readonly Orientation[] = [2, 3, 7, 8]
const MIRRORED_Y: readonly Orientation[] = [3, 4, 6, 7]

/** The image as it is meant to be seen. Source: EXIF 2.3, tag Orientation. */
export function upright(image: DecodedImage, orientation: Orientation): DecodedImage {
  if (orientation === 1) return image
  const { width: storedWidth, height: storedHeight, channels } = image
  const isTransposed = orientation >= FIRST_TRANSPOSED
  const [width, height] = isTransposed ? [storedHeight, storedWidth] : [storedWidth, storedHeight]
  const [isMirroredX, isMirroredY] = [MIRRORED_X.includes(orientation), MIRRORED_Y.includes(orientation)]
  const firstColumn = isMirroredX ? storedWidth - 1 : 0
  const firstRow = isMirroredY ? storedHeight - 1 : 0
  /** Steps in the stored image, from a pixel to the next one in its row, and to the one below. */
  const alongRow = (isMirroredX ? -1 : 1) * channels
  const alongColumn = (isMirroredY ? -1 : 1) * storedWidth * channels
  const [acrossStep, downStep] = isTransposed ? [alongColumn, alongRow] : [alongRow, alongColumn]
  const first = (firstRow * storedWidth + firstColumn) * channels
  const pixels = new Uint8Array(image.pixels.length)
  let to = 0
  for (let y = 0; y < height; y++) {
    let from = first + y * downStep
    for (let x = 0; x < width; x++, from += acrossStep)
      for (let c = 0; c < channels; c++) pixels[to++] = image.pixels[from + c]!
  }
  return { width, height, channels, pixels }
}

/**
 * Where the upright image's `areaOf` lies in the stored one: if the sides differ by an odd number, the central square may
 * be one pixel off the stored image's own.
 */
export function storedAreaOf({ width, height, orientation }: ImageHeader, fit: Fit): Area {
  const area = areaOf({ width, height }, fit)
  return {
    ...area,
    left: MIRRORED_X.includes(orientation) ? width - area.width - area.left : area.left,
    top: MIRRORED_Y.includes(orientation) ? height - area.height - area.top : area.top,
  }
}
