// From bytes to the network's input.
import {
  faultOf,
  must,
  oneOf,
  optional,
  orNull,
  positiveInteger,
  type RequiredRule,
  type Rule,
  type Rules,
  requireOptions,
  someText,
} from '../check-options.ts'
import { FormatError, UsageError, unknownName } from '../errors.ts'
import type { ChannelStatistics } from './colour.ts'
import { type Channels, channelCount, type DecodedImage, withChannels } from './dataset.ts'
import { FITS, type Fit, resizedSquare } from './resample.ts'

/**
 * How an image becomes the network's input. Plain data, stored in model files, so that evaluation needs nothing else.
 */
export interface Preprocessing {
  /** The network takes (size, size, channels). */
  readonly size: number
  /** Images of another number of channels become grey or coloured. */
  readonly channels: Channels
  /**
   * The image is resized to a square of this side, and crops are taken from that. Null: crops are taken from the image
   * as stored.
   */
  readonly resize: number | null
  /** How an image that is not square is resized: by its central square, `crop`, which is the default, or `stretch`. */
  readonly fit?: Fit | undefined
  /** The order of the three channels in the network's input. `rgb` by default. */
  readonly order?: ChannelOrder | undefined
  /** How bytes become numbers. */
  readonly normalise: Normalisation
}

/** The orders of channels that a network may take: red, green, blue, or blue, green, red. */
export const CHANNEL_ORDERS = ['rgb', 'bgr'] as const
/** One of `CHANNEL_ORDERS`. */
export type ChannelOrder = (typeof CHANNEL_ORDERS)[number]

/** How a crop's bytes become the network's numbers. */
export type Normalisation =
  /** (x - mean) / max(sd, 1 / sqrt(n)) over the n values of the crop. Source: TensorFlow's per_image_standardization. */
  | { readonly kind: 'per-image' }
  /**
   * (x - mean) / sd, by channel in the network's order, where x goes from `range[0]` for the byte 0 to `range[1]` for 255:
   * [0, 1] by default, which gives the units that torchvision uses; with [0, 255] mean and sd are in units of bytes, as
   * in Caffe.
   */
  | {
      readonly kind: 'channels'
      readonly mean: readonly number[]
      readonly sd: readonly number[]
      readonly range?: Range | undefined
    }

/** What the bytes 0 and 255 become. */
export type Range = readonly [low: number, high: number]

/** Which area of an image the network sees, and how. */
export interface View {
  readonly top: number
  readonly left: number
  readonly isFlipped: boolean
  /** Added to each channel, in units of bytes / 255. */
  readonly shift: readonly number[] | null
}

const BYTE = 255

/** Its keys depend on its kind. */
const normaliseRule: RequiredRule = {
  fault: (value, name) => {
    const given = value as Normalisation | null | undefined
    const isKnown = given?.kind === undefined || Object.hasOwn(normalisations, given.kind)
    if (!isKnown) return unknownName(`${name}.kind`, given.kind, Object.keys(normalisations))
    return faultOf(value, normalisations[given?.kind ?? 'channels'], name)
  },
}

const numbers = must(
  (value: unknown) => Array.isArray(value) && value.every(Number.isFinite),
  'an array of numbers',
)

export const rangeRule = must(
  (value: unknown) =>
    Array.isArray(value) && value.length === 2 && value.every(Number.isFinite) && value[0] < value[1],
  'two numbers, the second one larger, such as [0, 255]',
)

const normalisations: Readonly<Record<Normalisation['kind'], Readonly<Record<string, Rule>>>> = {
  'per-image': { kind: someText },
  channels: { kind: someText, mean: numbers, sd: numbers, range: optional(rangeRule) },
}

const rules: Rules<Preprocessing> = {
  size: positiveInteger,
  channels: channelCount,
  resize: orNull(positiveInteger),
  fit: optional(oneOf(FITS)),
  order: optional(oneOf(CHANNEL_ORDERS)),
  normalise: normaliseRule,
}

/** Checks a preprocessing. Throws UsageError for unknown keys, and for values that do not fit together. */
export function checkPreprocessing(preprocessing: Preprocessing): void {
  requireOptions('preprocessing', preprocessing, rules)
  const { size, channels, resize, order, normalise } = preprocessing
  if (resize !== null && resize < size)
    throw new UsageError(`preprocessing: resize ${resize} is smaller than the crops of ${size}`)
  if (order === 'bgr' && channels === 1)
    throw new UsageError('preprocessing: grey images have one channel, so order can’t be bgr; leave it out')
  if (normalise.kind === 'per-image') return
  const { mean, sd } = normalise
  if (mean.length !== channels || sd.length !== channels || !sd.every((value) => value > 0)) {
    throw new UsageError(
      `preprocessing: ${channels} channels need as many means and sds over 0, not [${mean}] and [${sd}]`,
    )
  }
}

/** The image that crops are taken from. `name` is for messages. Throws FormatError if it is smaller than a crop. */
export function cropSource(
  image: DecodedImage,
  { size, channels, resize, fit }: Preprocessing,
  name: string,
): DecodedImage {
  const source = resize === null ? image : resizedSquare(image, resize, fit)
  if (source.width < size || source.height < size) {
    throw new FormatError(
      `${name}: ${source.width} x ${source.height} pixels are less than the network's ${size} x ${size}; ` +
        'give preprocessing a resize',
    )
  }
  return withChannels(source, channels)
}

/** The middle, upright, in its own colours. */
export function centreView({ width, height }: DecodedImage, size: number): View {
  return { top: (height - size) >> 1, left: (width - size) >> 1, isFlipped: false, shift: null }
}

/** The four corners from top left to bottom right, the centre, and the same five flipped. */
export function tenViews(source: DecodedImage, size: number): readonly View[] {
  const [bottom, right] = [source.height - size, source.width - size]
  const centre = centreView(source, size)
  const five = [
    { ...centre, top: 0, left: 0 },
    { ...centre, top: 0, left: right },
    { ...centre, top: bottom, left: 0 },
    { ...centre, top: bottom, left: right },
    centre,
  ]
  return [...five, ...five.map((view) => ({ ...view, isFlipped: true }))]
}

/** Writes a view of a crop source, normalised, as (size, size, channels). */
export function writeView(
  source: DecodedImage,
  view: View,
  preprocessing: Preprocessing,
  destination: Float32Array,
): void {
  copyView(source, view, preprocessing.size, destination)
  if (preprocessing.order === 'bgr') swapRedAndBlue(destination)
  normaliseInPlace(destination, preprocessing)
}

/** An image as a network's input: its centre, upright, as (size, size, channels). */
export function centreCrop(image: DecodedImage, preprocessing: Preprocessing): Float32Array {
  checkPreprocessing(preprocessing)
  const { size, channels } = preprocessing
  const source = cropSource(image, preprocessing, 'image')
  const crop = new Float32Array(size * size * channels)
  writeView(source, centreView(source, size), preprocessing, crop)
  return crop
}

/**
 * The ten crops of an image: (10, size, size, channels), the four corners from top left to bottom right, the centre,
 * and the same five flipped. Source: Krizhevsky et al. 2012, section 4.1.
 */
export function tenCrops(image: DecodedImage, preprocessing: Preprocessing): Float32Array {
  checkPreprocessing(preprocessing)
  const { size, channels } = preprocessing
  const source = cropSource(image, preprocessing, 'image')
  const length = size * size * channels
  const crops = new Float32Array(10 * length)
  tenViews(source, size).forEach((view, i) => {
    writeView(source, view, preprocessing, crops.subarray(i * length, (i + 1) * length))
  })
  return crops
}

/** In units of bytes. */
function copyView(source: DecodedImage, view: View, size: number, destination: Float32Array): void {
  const { width, channels, pixels } = source
  const shift = Array.from({ length: channels }, (_, c) => BYTE * (view.shift?.[c] ?? 0))
  const firstColumn = view.isFlipped ? view.left + size - 1 : view.left
  const step = view.isFlipped ? -channels : channels
  let to = 0
  for (let y = 0; y < size; y++) {
    let from = ((view.top + y) * width + firstColumn) * channels
    for (let x = 0; x < size; x++, from += step) {
      for (let c = 0; c < channels; c++) destination[to++] = pixels[from + c]! + shift[c]!
    }
  }
}

/** (pixels, 3) */
function swapRedAndBlue(values: Float32Array): void {
  for (let i = 0; i < values.length; i += 3) {
    const red = values[i]!
    values[i] = values[i + 2]!
    values[i + 2] = red
  }
}

function normaliseInPlace(values: Float32Array, { channels, normalise }: Preprocessing): void {
  if (normalise.kind === 'per-image') standardise(values)
  else standardiseChannels(values, channels, normalise)
}

function standardiseChannels(
  values: Float32Array,
  channels: Channels,
  {
    mean: means,
    sd,
    range: [low, high] = [0, 1],
  }: ChannelStatistics & { readonly range?: Range | undefined },
): void {
  for (let c = 0; c < channels; c++) {
    const unit = BYTE / (high - low)
    const [mean, scale] = [unit * (means[c]! - low), 1 / (unit * sd[c]!)]
    for (let i = c; i < values.length; i += channels) values[i] = (values[i]! - mean) * scale
  }
}

function standardise(values: Float32Array): void {
  let sum = 0
  for (const value of values) sum += value
  const mean = sum / values.length
  let squares = 0
  for (const value of values) squares += (value - mean) ** 2
  const sd = Math.max(Math.sqrt(squares / values.length), 1 / Math.sqrt(values.length))
  for (let i = 0; i < values.length; i++) values[i] = (values[i]! - mean) / sd
}
