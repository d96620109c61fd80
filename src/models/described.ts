// What a file of another program says about its model, for those who give pictures to it.
import { type ImageShape, namedPreprocessing, type Preprocessing, parsePreprocessing } from '../data/index.ts'
import { FormatError, ShapeError, UsageError } from '../errors.ts'
import type { RecognizedWeights } from '../formats/torch-weights/index.ts'
import { type Network, outputsOf, shapeOf } from '../networks/network.ts'
import { elementCount } from '../tensor.ts'
import { imageOf } from '../train/inputs.ts'
import type { Model } from '../train/model-file.ts'

/** What a file says of a model's classes and pictures; what it does not say is left out. */
export type Described = Partial<Pick<Model, 'classNames' | 'preprocessing'>>

/**
 * The preprocessing that a file says its model has; null if it says none. Throws FormatError, naming the file, for one that is
 * invalid or makes other images than the network takes.
 */
export function ownPreprocessing(
  { preprocessing }: Described,
  image: ImageShape,
  file: string,
): Preprocessing | null {
  if (preprocessing === undefined) return null
  const own = parsePreprocessing(preprocessing, file)
  if (own.size === image.size && own.channels === image.channels) return own
  throw new FormatError(
    `${file}: its preprocessing makes images of ${own.size} x ${own.size} x ${own.channels}, ` +
      `its network takes ${image.size} x ${image.size} x ${image.channels}`,
  )
}

/**
 * What the names of a file's weights say: torchvision's GoogLeNet rescales its images itself, to values from -1 to 1. All others
 * are published for `imagenet`, which is what is assumed anyway.
 */
export function describedByWeights(
  { network: name, names }: Pick<RecognizedWeights, 'network' | 'names'>,
  network: Network,
): Described {
  const image = imageIn(network)
  const isRescaled = name === 'googlenet' && names === 'torchvision' && image !== null
  return isRescaled ? { preprocessing: namedPreprocessing('inception', image) } : {}
}

const CLASS_NAMES = 'convmark.classNames'
const PREPROCESSING = 'convmark.preprocessing'

/** What an ONNX file keeps of a trained model beside network and weights. */
export const onnxMetadata = ({ classNames, preprocessing }: Described): Record<string, string> => ({
  ...(classNames && { [CLASS_NAMES]: JSON.stringify(classNames) }),
  ...(preprocessing !== undefined && { [PREPROCESSING]: JSON.stringify(preprocessing) }),
})

/**
 * What an ONNX file's metadata says: convmark's own, and the names of classes of Ultralytics' exports, whose classifiers take
 * values from 0 to 1. What can't be read, or is of another number of classes than the network's, says nothing.
 */
export function describedByOnnx(metadata: Readonly<Record<string, string>>, network: Network): Described {
  const [image, classes] = [imageIn(network), classesOf(network)]
  const names = parsed(metadata[CLASS_NAMES]) ?? namesOfDict(metadata.names ?? '')
  const classNames = isTexts(names) && names.length === classes ? names : undefined
  const own = parsed(metadata[PREPROCESSING])
  const isUltralytics = metadata.author === 'Ultralytics' && metadata.task === 'classify' && image !== null
  const preprocessing = own ?? (isUltralytics ? namedPreprocessing('zero-one', image) : undefined)
  return { ...(classNames && { classNames }), ...(preprocessing !== undefined && { preprocessing }) }
}

/** Null if the network takes no square images. */
function imageIn(network: Network): ImageShape | null {
  try {
    return imageOf(network)
  } catch (error) {
    if (error instanceof ShapeError || error instanceof UsageError) return null
    throw error
  }
}

/** How many values the network's only output has; null if it has several outputs. */
function classesOf(network: Network): number | null {
  const [output, ...others] = outputsOf(network)
  return output === undefined || others.length > 0 ? null : elementCount(shapeOf(network, output))
}

function parsed(json: string | undefined): unknown {
  if (json === undefined) return undefined
  try {
    return JSON.parse(json)
  } catch {
    return undefined // another program may use the key for something else
  }
}

const isTexts = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.length > 0 && value.every((each) => typeof each === 'string')

const ENTRY = /(\d+)\s*:\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")/g

/** Of a dictionary as Python prints it: `{0: 'tench', 1: "grey whale"}`. Null if its keys are not 0, 1, 2 ... */
function namesOfDict(text: string): readonly string[] | null {
  if (!text.trimStart().startsWith('{')) return null
  const entries = [...text.matchAll(ENTRY)].map(
    ([, index, single, double]) => [Number(index), (single ?? double ?? '').replace(/\\(.)/g, '$1')] as const,
  )
  return entries.every(([index], i) => index === i) ? entries.map(([, name]) => name) : null
}
