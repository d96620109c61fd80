import type { DecodedImage } from './dataset.ts'
import type { Orientation } from './image-header.ts'

/** From 5 on rows and columns change places. */
const FIRST_TURNED = 5
/** Where the stored image is read from right to left, and from bottom to top. */
const MIRRORED_X: readonly Orientation[] = [2, 3, 7, 8]
const MIRRORED_Y: readonly Orientation[] = [3, 4, 6, 7]

/** The image as it is to be seen. Source: EXIF 2.3, tag Orientation. */
export function upright(image: DecodedImage, orientation: Orientation): DecodedImage {
  if (orientation === 1) return image
  const { width: storedWidth, height: storedHeight, channels } = image
  const isTurned = orientation >= FIRST_TURNED
  const [width, height] = isTurned ? [storedHeight, storedWidth] : [storedWidth, storedHeight]
  const pixels = new Uint8Array(image.pixels.length)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [column, row] = isTurned ? [y, x] : [x, y]
      const storedX = MIRRORED_X.includes(orientation) ? storedWidth - 1 - column : column
      const storedY = MIRRORED_Y.includes(orientation) ? storedHeight - 1 - row : row
      const from = (storedY * storedWidth + storedX) * channels
      const to = (y * width + x) * channels
      for (let c = 0; c < channels; c++) pixels[to + c] = image.pixels[from + c]!
    }
  }
  return { width, height, channels, pixels }
}
