import { must, oneOf, optional, positiveInteger, type Rules } from '../check-options.ts'

/** Images and their classes, as stored. */
export interface Dataset {
  /** As the user gave it: `mnist`, `cifar10:cifar`, `folder:cats`. */
  readonly name: string
  /** In the order of their indexes. */
  readonly classNames: readonly string[]
  /** What a network is trained on. */
  readonly train: Split
  /** What a training is tested on after each epoch. Null if the source has none: `test` then serves for that too. */
  readonly validation: Split | null
  /** Null if the source has none. If the source is not divided, the images that are held out of the training, if any. */
  readonly test: Split | null
  /** All images of a source that is not divided into splits; null if it is. */
  readonly whole: Split | null
}

/** The split that a training is tested on after each epoch; null if there is none. */
export const triedSplit = ({ validation, test }: Dataset): Split | null => validation ?? test

/** How the files of images are decoded. */
export interface DecoderOptions {
  /** `auto` uses sharp if it is installed, for PNGs only: it takes two thirds of the time, and the pixels are the same. */
  readonly decoder?: 'auto' | 'sharp' | 'wasm' | undefined
  /** Images that are larger by their header are refused. 100 million by default. */
  readonly maxPixels?: number | undefined
}

export const decoderRules: Rules<DecoderOptions> = {
  decoder: optional(oneOf(['auto', 'sharp', 'wasm'])),
  maxPixels: optional(positiveInteger),
}

/** The images of a data set that serve one purpose, with their classes. */
export interface Split {
  /** How many images there are. */
  readonly count: number
  /** The index of its class. */
  label(index: number): number
  /**
   * All of one size in mnist, idx and cifar10, of any size in a folder. Rejects with DamagedImageError, which names the
   * file.
   */
  image(index: number): DecodedImage | Promise<DecodedImage>
  /** The images' files, if each has one: worker threads decode them. */
  readonly files?: readonly string[]
  /** How these are decoded, unless the caller says otherwise. */
  readonly decoding?: DecoderOptions
  /** What distinguishes an image from any other and costs less than reading the image; by default its pixels. */
  stamp?(index: number): Promise<Uint8Array | string> | Uint8Array | string
}

/** Fills in the options that are left out from the split's own. */
export const decodingOf = (split: Split, { decoder, maxPixels }: DecoderOptions): DecoderOptions => ({
  decoder: decoder ?? split.decoding?.decoder,
  maxPixels: maxPixels ?? split.decoding?.maxPixels,
})

/** An image as bytes (height, width, channels). */
export interface DecodedImage {
  readonly width: number
  readonly height: number
  readonly channels: Channels
  readonly pixels: Uint8Array
}

/** A file's bytes and what to call it. */
export interface NamedBytes {
  readonly name: string
  readonly bytes: Uint8Array
}

/** The channels of an image: 1 is grey; 3 are red, green and blue. */
export type Channels = 1 | 3

export const channelCount = must((value: unknown) => value === 1 || value === 3, '1 or 3')

/** Luma of red, green and blue, as in JPEG. Source: ITU-R BT.601. */
const LUMA = [0.299, 0.587, 0.114] as const

/** Grey becomes three equal channels; colours become their luma. */
export function withChannels(image: DecodedImage, channels: Channels): DecodedImage {
  if (image.channels === channels) return image
  const { width, height, pixels } = image
  const converted = new Uint8Array(width * height * channels)
  for (let i = 0; i < width * height; i++) {
    if (channels === 3) converted.fill(pixels[i]!, 3 * i, 3 * i + 3)
    else {
      const luma = LUMA[0] * pixels[3 * i]! + LUMA[1] * pixels[3 * i + 1]! + LUMA[2] * pixels[3 * i + 2]!
      converted[i] = Math.round(luma)
    }
  }
  return { width, height, channels, pixels: converted }
}
