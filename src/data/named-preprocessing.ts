// The preprocessings that published models expect, and how parts of one are changed.
import {
  must,
  oneOf,
  optional,
  orNull,
  positiveInteger,
  type Rules,
  requireOptions,
} from '../check-options.ts'
import { UsageError } from '../errors.ts'
import type { Channels } from './dataset.ts'
import {
  CHANNEL_ORDERS,
  type ChannelOrder,
  checkPreprocessing,
  type Normalisation,
  type Preprocessing,
  type Range,
  rangeRule,
} from './preprocessing.ts'
import { FITS, type Fit } from './resample.ts'

/** The square images that a network takes: (size, size, channels). */
export type ImageShape = Pick<Preprocessing, 'size' | 'channels'>

/** What a preprocessing does to an image's values, for red, green and blue. */
interface Named {
  /** The side of the square that is resized, over that of the crop. */
  readonly resizeOverSize: number
  readonly order: ChannelOrder
  readonly range: Range
  /** In the network's order of channels. */
  readonly mean: readonly number[]
  readonly sd: readonly number[]
}

/** 224 of a 256 square: AlexNet's ratio, which the others have kept. */
export const RESIZE_OVER_SIZE = 256 / 224

const NAMED = {
  /** Of torchvision, timm and most models in PyTorch. */
  imagenet: {
    resizeOverSize: RESIZE_OVER_SIZE,
    order: 'rgb',
    range: [0, 1],
    mean: [0.485, 0.456, 0.406],
    sd: [0.229, 0.224, 0.225],
  },
  /** From -1 to 1: of the Inception and MobileNet models of TensorFlow. */
  inception: {
    resizeOverSize: RESIZE_OVER_SIZE,
    order: 'rgb',
    range: [0, 1],
    mean: [0.5, 0.5, 0.5],
    sd: [0.5, 0.5, 0.5],
  },
  /** Bytes in the order blue, green, red, less the mean of ImageNet: of Caffe's models and those of Keras made from them. */
  caffe: {
    resizeOverSize: RESIZE_OVER_SIZE,
    order: 'bgr',
    range: [0, 255],
    mean: [103.939, 116.779, 123.68],
    sd: [1, 1, 1],
  },
  /** From 0 to 1, and all of the central square. */
  'zero-one': { resizeOverSize: 1, order: 'rgb', range: [0, 1], mean: [0, 0, 0], sd: [1, 1, 1] },
} as const satisfies Record<string, Named>

/** `imagenet`, `inception`, `caffe` or `zero-one`: see `namedPreprocessing`. */
export type PreprocessingName = keyof typeof NAMED
/** All names that `namedPreprocessing` takes. */
export const PREPROCESSING_NAMES = Object.keys(NAMED) as readonly PreprocessingName[]

/**
 * A preprocessing by its name, for a network that takes such images. All but `zero-one` resize the central square to 8/7
 * of the network's size and take its centre; for grey images mean and sd are the averages over the colours.
 *
 * - `imagenet`: from 0 to 1, then less the mean of ImageNet's colours, over their deviation. Most models in PyTorch.
 * - `inception`: from -1 to 1. Inception and MobileNet in TensorFlow.
 * - `caffe`: bytes as blue, green, red, less ImageNet's mean. Caffe, and Keras' VGG and ResNet.
 * - `zero-one`: from 0 to 1, and all of the central square.
 */
export function namedPreprocessing(name: PreprocessingName, { size, channels }: ImageShape): Preprocessing {
  requireOptions('preprocessing', { name }, { name: oneOf(PREPROCESSING_NAMES) })
  const { resizeOverSize, order, range, mean, sd } = NAMED[name]
  return {
    size,
    channels,
    resize: Math.round(size * resizeOverSize),
    ...(order === 'bgr' && channels === 3 && { order }),
    normalise: {
      kind: 'channels',
      mean: forChannels(mean, channels),
      sd: forChannels(sd, channels),
      ...(range[1] !== 1 && { range }),
    },
  }
}

const forChannels = (values: readonly number[], channels: Channels): readonly number[] =>
  channels === 3 ? values : [values.reduce((sum, value) => sum + value, 0) / values.length]

/** Parts of a preprocessing that replace another one's. */
export interface PreprocessingParts {
  /** By channel in the network's order, or one for all; in units of `range`. */
  readonly mean?: number | readonly number[] | undefined
  readonly sd?: number | readonly number[] | undefined
  /** What the bytes 0 and 255 become. Without `mean` and `sd` these are then 0 and 1. */
  readonly range?: Range | undefined
  /** Mean and sd that are not given are reordered. */
  readonly order?: ChannelOrder | undefined
  readonly resize?: number | null | undefined
  readonly fit?: Fit | undefined
}

/** How images are to be prepared: by a name or as the model's file says, with some parts in place of others. */
export interface PreprocessingChoice extends PreprocessingParts {
  /** What the other parts change; by default what the model's file says or, if it says nothing, what is assumed. */
  readonly from?: PreprocessingName | typeof FROM_MODEL | undefined
}

/** As its file says: of models that convmark wrote. */
export const FROM_MODEL = 'from-model'

const oneOrMore = must(
  (value: unknown) => Number.isFinite(value) || (Array.isArray(value) && value.every(Number.isFinite)),
  'a number, or one for each channel',
)

const choiceRules: Rules<PreprocessingChoice> = {
  from: optional(oneOf([...PREPROCESSING_NAMES, FROM_MODEL])),
  mean: optional(oneOrMore),
  sd: optional(oneOrMore),
  range: optional(rangeRule),
  order: optional(oneOf(CHANNEL_ORDERS)),
  resize: optional(orNull(positiveInteger)),
  fit: optional(oneOf(FITS)),
}

/** A preprocessing, and how it is known. */
export interface KnownPreprocessing {
  readonly preprocessing: Preprocessing
  /** `given` by the caller, by the `model`'s file, or `assumed` because neither says. */
  readonly ground: 'given' | 'model' | 'assumed'
}

/**
 * The preprocessing for a network that takes such images: as chosen, or as the model's file says (`own`), or else
 * `imagenet` for colours and `zero-one` for grey images, which is only an assumption. Throws UsageError for a choice that
 * is invalid, and for 'from-model' if the file says nothing.
 */
export function knownPreprocessing(
  image: ImageShape,
  own: Preprocessing | null,
  choice: PreprocessingName | typeof FROM_MODEL | PreprocessingChoice = {},
): KnownPreprocessing {
  const asked: PreprocessingChoice = typeof choice === 'string' ? { from: choice } : choice
  requireOptions('preprocessing', asked, choiceRules)
  const { from, ...parts } = asked
  if (from === FROM_MODEL && !own) {
    throw new UsageError(
      `preprocessing: the model does not say how its images are prepared; give one of ${PREPROCESSING_NAMES.join(', ')}`,
    )
  }
  const base = baseOf(image, own, from)
  const changes = Object.values(parts).some((part) => part !== undefined)
  const preprocessing = changes ? withParts(base, parts) : base
  checkPreprocessing(preprocessing)
  const isOfModel = own !== null && (from === undefined || from === FROM_MODEL) && !changes
  const ground = isOfModel ? 'model' : from === undefined && !changes ? 'assumed' : 'given'
  return { preprocessing, ground }
}

function baseOf(
  image: ImageShape,
  own: Preprocessing | null,
  from: PreprocessingChoice['from'],
): Preprocessing {
  if (own && (from === undefined || from === FROM_MODEL)) return own
  const assumed = image.channels === 3 ? 'imagenet' : 'zero-one'
  return namedPreprocessing(from === undefined || from === FROM_MODEL ? assumed : from, image)
}

/** Throws UsageError for parts that don't fit. */
function withParts(base: Preprocessing, parts: PreprocessingParts): Preprocessing {
  const { channels } = base
  const order = parts.order ?? base.order ?? 'rgb'
  const resize = parts.resize === undefined ? base.resize : parts.resize
  const fit = parts.fit ?? base.fit
  return {
    size: base.size,
    channels,
    resize,
    ...(fit !== undefined && { fit }),
    ...(order !== 'rgb' && { order }),
    normalise: normalisationWith(base, parts),
  }
}

function normalisationWith(base: Preprocessing, parts: PreprocessingParts): Normalisation {
  const { mean, sd, range, order } = parts
  const { normalise, channels } = base
  if (normalise.kind === 'per-image' && mean === undefined && sd === undefined && range === undefined)
    return normalise
  const isNewScale = range !== undefined || normalise.kind === 'per-image'
  const isReordered = order !== undefined && order !== (base.order ?? 'rgb')
  const kept = (values: readonly number[]) => (isReordered ? [...values].reverse() : values)
  const every = (value: number | readonly number[]): readonly number[] =>
    typeof value === 'number' ? new Array<number>(channels).fill(value) : value
  const chosenRange = range ?? (normalise.kind === 'channels' ? normalise.range : undefined)
  const old = normalise.kind === 'channels' && !isNewScale ? normalise : { mean: every(0), sd: every(1) }
  return {
    kind: 'channels',
    mean: mean === undefined ? kept(old.mean) : every(mean),
    sd: sd === undefined ? kept(old.sd) : every(sd),
    ...(chosenRange !== undefined && { range: chosenRange }),
  }
}

/** A sentence about a model that does not say how its images are prepared; `how` is what was taken for it. */
export const assumedText = (model: string, how: string): string =>
  `${model} does not say how its images are to be prepared; assumed: ${how}`

/** The end of that sentence for what `knownPreprocessing` assumes. */
export function assumedHow(preprocessing: Preprocessing): string {
  const name =
    preprocessing.channels === 3
      ? 'imagenet, as most models of colour images expect'
      : 'zero-one, as many models of grey images expect'
  return `${name} (${preprocessingText(preprocessing)})`
}

/** In words, for a line of a command: `the central square resized to 256 x 256, of it the central 224 x 224; ...`. */
export function preprocessingText({
  size,
  channels,
  resize,
  fit = 'crop',
  order = 'rgb',
  normalise,
}: Preprocessing): string {
  const all = fit === 'stretch' ? 'all of the picture stretched' : 'the central square resized'
  const crop = `the central ${size} x ${size}`
  const area =
    resize === null ? crop : `${all} to ${resize} x ${resize}${resize === size ? '' : `, of it ${crop}`}`
  const colours = { rgb: 'red, green, blue', bgr: 'blue, green, red' }[order]
  return [area, ...(channels === 3 ? [colours] : ['grey']), valuesText(normalise)].join('; ')
}

function valuesText(normalise: Normalisation): string {
  if (normalise.kind === 'per-image') return 'each picture with mean 0 and deviation 1'
  const { mean, sd, range: [low, high] = [0, 1] } = normalise
  const values = `values from ${low} to ${high}`
  const isPlain = mean.every((value) => value === 0) && sd.every((value) => value === 1)
  const shown = (numbers: readonly number[]): string =>
    numbers.map((value) => String(Number(value.toPrecision(4)))).join(', ')
  return isPlain ? values : `${values}, less mean ${shown(mean)}, over deviation ${shown(sd)}`
}
