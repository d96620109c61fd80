import { integerFromZero, optional, positiveInteger, type Rules, requireOptions } from '../check-options.ts'
import { hashAt, keyOf } from '../random.ts'
import { type Channels, channelCount, type Dataset, type DecodedImage, type Split } from './dataset.ts'

/** The size of a data set that `syntheticDataset` makes. */
export interface SyntheticOptions {
  /** 32 by default: the images are (size, size, channels). */
  readonly size?: number
  /** 3 by default. */
  readonly channels?: Channels
  /** 10 by default. */
  readonly classes?: number
  /** Images to train on; 1,024 by default. */
  readonly trainCount?: number
  /** Images to test on; 256 by default. */
  readonly testCount?: number
  /** 7 by default. */
  readonly seed?: number
}

export const syntheticRules: Rules<SyntheticOptions> = {
  size: optional(positiveInteger),
  channels: optional(channelCount),
  classes: optional(positiveInteger),
  trainCount: optional(positiveInteger),
  testCount: optional(positiveInteger),
  seed: optional(integerFromZero),
}

/** A class's pattern is a grid of this many brighter or darker squares each way. */
const GRID = 4
const GREY = 128
/** Of the pattern; the noise is twice as strong, so that a single pixel says little but the whole image is clear. */
const CONTRAST = 24
const NOISE_BITS = 0x7f

/**
 * A data set of noise with a pattern that depends on the class, so that it can be learned. The same bytes on every
 * machine. Throws UsageError for invalid options.
 */
export function syntheticDataset(options: SyntheticOptions = {}): Dataset {
  requireOptions('syntheticDataset', options, syntheticRules)
  const { classes = 10, trainCount = 1024, testCount = 256 } = options
  const classNames = Array.from({ length: classes }, (_, label) => `pattern ${label}`)
  return {
    name: 'synthetic',
    classNames,
    train: syntheticSplit('train', trainCount, classes, options),
    validation: null,
    test: syntheticSplit('test', testCount, classes, options),
    whole: null,
  }
}

function syntheticSplit(name: string, count: number, classes: number, options: SyntheticOptions): Split {
  const { size = 32, channels = 3, seed = 7 } = options
  const patterns = keyOf(seed, 'synthetic patterns')
  const label = (index: number): number => index % classes
  /** Whether the class is brighter at this place. */
  const isBright = (label: number, y: number, x: number, channel: number): boolean => {
    const square = Math.floor((y * GRID) / size) * GRID + Math.floor((x * GRID) / size)
    return (hashAt(patterns, (label * GRID * GRID + square) * channels + channel) & 1) === 1
  }
  const image = (index: number): DecodedImage => {
    const noise = keyOf(seed, `synthetic ${name} image ${index}`)
    const pixels = new Uint8Array(size * size * channels)
    for (let i = 0; i < pixels.length; i++) {
      const pixel = Math.floor(i / channels)
      const bright = isBright(label(index), Math.floor(pixel / size), pixel % size, i % channels)
      pixels[i] = GREY + (bright ? CONTRAST : -CONTRAST) + (hashAt(noise, i) & NOISE_BITS) - (NOISE_BITS >> 1)
    }
    return { width: size, height: size, channels, pixels }
  }
  const stamp = (index: number): string =>
    `synthetic ${name} image ${index}, ${size} x ${size} x ${channels}, ${classes} classes, seed ${seed};`
  return { count, label, image, stamp }
}
