// A picture's bytes as a network's values. Which ones it was trained with is not in an ONNX file, so they can be chosen.

/** Value = (byte / 255 - mean) / sd; for a mean and an sd each, red, green, blue. */
export const SCALES = {
  /** As torchvision's networks take them. */
  imagenet: { mean: [0.485, 0.456, 0.406], sd: [0.229, 0.224, 0.225] },
  '0-1': { mean: [0, 0, 0], sd: [1, 1, 1] },
  '-1-1': { mean: [0.5, 0.5, 0.5], sd: [0.5, 0.5, 0.5] },
  '0-255': { mean: [0, 0, 0], sd: [1 / 255, 1 / 255, 1 / 255] },
  /** About what the benchmark's own images are like: around 0, small. */
  small: { mean: [0.5, 0.5, 0.5], sd: [1, 1, 1] },
} as const satisfies Record<string, { readonly mean: readonly number[]; readonly sd: readonly number[] }>
export type ScaleName = keyof typeof SCALES
export const SCALE_NAMES = Object.keys(SCALES) as readonly ScaleName[]

export const ORDERS = ['rgb', 'bgr'] as const

export interface PixelValues {
  readonly scale: ScaleName
  /** Of the channels, if there are three. */
  readonly order: (typeof ORDERS)[number]
}

/** Shares of red, green and blue in grey. Source: ITU-R BT.601. */
const GREY = [0.299, 0.587, 0.114] as const

/** Pixels (H, W, 4), as a canvas has them, to an image (H, W, channels), which are 3, or 1 for grey. */
export function imageOf(
  pixels: Uint8ClampedArray,
  channels: number,
  { scale, order }: PixelValues,
): Float32Array {
  const { mean, sd } = SCALES[scale]
  const count = pixels.length / 4
  const image = new Float32Array(count * channels)
  const valueAt = (pixel: number, colour: number): number =>
    (pixels[4 * pixel + colour]! / 255 - mean[colour]!) / sd[colour]!
  for (let pixel = 0; pixel < count; pixel++) {
    if (channels === 1) {
      image[pixel] = GREY.reduce((sum, share, colour) => sum + share * valueAt(pixel, colour), 0)
      continue
    }
    for (let channel = 0; channel < 3; channel++) {
      image[3 * pixel + channel] = valueAt(pixel, order === 'rgb' ? channel : 2 - channel)
    }
  }
  return image
}
