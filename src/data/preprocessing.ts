// From bytes to the network's input.
import {
  faultOf,
  must,
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
import { centralSquare } from './resample.ts'

/**
 * How an image becomes the network's input. Plain data, stored in model files, so that evaluation needs nothing else.
 */
export interface Preprocessing {
  /** The network takes (size, size, channels). */
  readonly size: number
  /** Images of another number of channels become grey or coloured. */
  readonly channels: Channels
  /**
   * The image's central square is resized to this, and crops are taken from that. Null: crops are taken from the image
   * as stored.
   */
  readonly resize: number | null
  /** How bytes become numbers. */
  readonly normalise: Normalisation
}

/** How a crop's bytes become the network's numbers. */
export type Normalisation =
  /** (x - mean) / max(sd, 1 / sqrt(n)) over the n values of the crop. Source: TensorFlow's per_image_standardization. */
  | { readonly kind: 'per-image' }
  /** (byte / 255 - mean) / sd, by channel: the units that torchvision uses. */
  | { readonly kind: 'channels'; readonly mean: readonly number[]; readonly sd: readonly number[] }

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

const normalisations: Readonly<Record<Normalisation['kind'], Readonly<Record<string, Rule>>>> = {
  'per-image': { kind: someText },
  channels: { kind: someText, mean: numbers, sd: numbers },
}

const rules: Rules<Preprocessing> = {
  size: positiveInteger,
  channels: channelCount,
  resize: orNull(positiveInteger),
  normalise: normaliseRule,
}

/** Checks a preprocessing. Throws UsageError for unknown keys, and for values that do not fit together. */
export function checkPreprocessing(preprocessing: Preprocessing): void {
  requireOptions('preprocessing', preprocessing, rules)
  const { size, channels, resize, normalise } = preprocessing
  if (resize !== null && resize < size)
    throw new UsageError(`preprocessing: resize ${resize} is smaller than the crops of ${size}`)
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
  { size, channels, resize }: Preprocessing,
  name: string,
): DecodedImage {
  const source = resize === null ? image : centralSquare(image, resize)
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

function normaliseInPlace(values: Float32Array, { channels, normalise }: Preprocessing): void {
  if (normalise.kind === 'per-image') standardise(values)
  else standardiseChannels(values, channels, normalise)
}

function standardiseChannels(
  values: Float32Array,
  channels: Channels,
  { mean: means, sd }: ChannelStatistics,
): void {
  for (let c = 0; c < channels; c++) {
    const [mean, scale] = [BYTE * means[c]!, 1 / (BYTE * sd[c]!)]
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
