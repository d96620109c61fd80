// Opens anybody's model: a file, its bytes, or what training gave.
import {
  arrayOfText,
  must,
  optional,
  positiveInteger,
  type Rules,
  requireOptions,
  someFunction,
} from '../check-options.ts'
import {
  assumedHow,
  assumedText,
  knownPreprocessing,
  type PreprocessingChoice,
  type PreprocessingName,
} from '../data/index.ts'
import { FormatError, ofFile, UsageError } from '../errors.ts'
import type { ImageSize, ReadExternalData } from '../formats/onnx-import.ts'
import type { DecodedSafetensors } from '../formats/safetensors.ts'
import { type Network, requireNetwork } from '../networks/network.ts'
import { shownValue } from '../plain-text.ts'
import { isNode } from '../runtime/host.ts'
import { engineRule, sessionChoiceRules } from '../session.ts'
import { imageOf } from '../train/inputs.ts'
import { type Model, modelOf, saysItIsModel } from '../train/model-file.ts'
import { describedByOnnx, describedByWeights, ownPreprocessing } from './described.ts'
import { labelsFor } from './labels.ts'
import { type ModelRunOptions, OpenedModel } from './opened-model.ts'
import { fetched } from './pictures.ts'
import { type Scores, scoresOf } from './scores.ts'

/** A model: a file's path (in a page, its address), the bytes of such a file, or a model's data. */
export type ModelSource = string | Uint8Array | ArrayBuffer | ModelData

/** A model as data. What it does not say is taken from `openModel`'s options, or assumed. */
export interface ModelData extends Pick<Model, 'network' | 'parameters' | 'trainedOn'> {
  /** What messages call it; its network's name by default. */
  readonly name?: string | undefined
  /** In the order of their indexes. */
  readonly classNames?: readonly string[] | undefined
  /** Plain data, as in a model's file. */
  readonly preprocessing?: unknown
}

export interface OpenModelOptions extends ModelRunOptions {
  /**
   * The weights of a named network, safetensors, in convmark's, torchvision's or timm's names: a path (in a page, its
   * address) or bytes. Then the model is the network's name: `openModel('resnet50', { weights: 'resnet50.safetensors' })`.
   */
  readonly weights?: string | Uint8Array | ArrayBuffer | undefined
  /** The names of the classes, in the order of the model's outputs, if its file has none or others are wanted. */
  readonly labels?: readonly string[] | undefined
  /** How pictures are prepared: a name, or a change of what the model's file says. */
  readonly preprocessing?: PreprocessingName | 'from-model' | PreprocessingChoice | undefined
  /** Height and width of the images, if an ONNX file leaves them open. */
  readonly imageSize?: number | undefined
  /** The tensors at which an ONNX file is cut; by default its outputs. */
  readonly outputs?: readonly string[] | undefined
  /** Reads what an ONNX model has in other files, if it is given as bytes. */
  readonly externalData?: ReadExternalData | undefined
}

const rules: Rules<OpenModelOptions> = {
  weights: optional(
    must(
      (value: unknown) =>
        typeof value === 'string' || value instanceof Uint8Array || value instanceof ArrayBuffer,
      'a path or the bytes of a safetensors file',
    ),
  ),
  labels: optional(arrayOfText),
  preprocessing: optional(
    must(
      (value: unknown) => typeof value === 'string' || (typeof value === 'object' && value !== null),
      "a preprocessing's name or an object of its parts",
    ),
  ), // checked by knownPreprocessing
  imageSize: optional(positiveInteger),
  outputs: optional(arrayOfText),
  externalData: optional(someFunction),
  engine: optional(engineRule),
  ...sessionChoiceRules,
}

/**
 * Opens a model for pictures: an ONNX file, a model that convmark wrote, or a named network's weights, by path, bytes or data. The
 * network is prepared when the first picture comes. Throws UsageError for invalid options and for what can't be read,
 * FormatError, naming the file, for one that is damaged or of another kind, and ShapeError if the network takes no square images of
 * 1 or 3 channels.
 */
export async function openModel(source: ModelSource, options: OpenModelOptions = {}): Promise<OpenedModel> {
  requireOptions('openModel', options, rules)
  const { labels, preprocessing: choice, weights, imageSize, outputs, externalData, ...runOptions } = options
  const { name, data } = await dataOf(source, { weights, imageSize, outputs, externalData })
  const scores = triedScores(data.network, name)
  const network = typeof scores === 'string' ? data.network : scores.network
  const image = ofFile(name, () => imageOf(network))
  const own = ownPreprocessing(data, image, name)
  const { preprocessing, ground } = knownPreprocessing(image, own, choice)
  const known =
    typeof scores === 'string'
      ? { classNames: [], assumed: null }
      : await labelsFor(scores.classes, labels ?? data.classNames)
  const assumed = {
    preprocessing: ground === 'assumed' ? assumedText(name, assumedHow(preprocessing)) : null,
    classNames: known.assumed,
  }
  const { parameters, trainedOn } = data
  const { classNames } = known
  const model = { network, parameters, classNames, preprocessing, ...(trainedOn && { trainedOn }) }
  return new OpenedModel(model, { preprocessing, ground, scores, assumed, options: runOptions })
}

/** Why the network is no classifier, if it is none. */
function triedScores(network: Network, name: string): Scores | string {
  try {
    return scoresOf(network, name)
  } catch (error) {
    if (error instanceof UsageError) return error.message
    throw error
  }
}

interface Named {
  /** For messages. */
  readonly name: string
  readonly data: ModelData
}

type FileOptions = Pick<OpenModelOptions, 'weights' | 'imageSize' | 'outputs' | 'externalData'>

async function dataOf(source: unknown, options: FileOptions): Promise<Named> {
  if (options.weights !== undefined) return ofNetwork(source, options.weights)
  if (typeof source === 'string') return ofPath(source, options)
  if (source instanceof Uint8Array) return ofBytes(source, 'model', options)
  if (source instanceof ArrayBuffer) return ofBytes(new Uint8Array(source), 'model', options)
  const { network, parameters } = (source ?? {}) as Partial<ModelData>
  if (typeof network !== 'object' || typeof parameters !== 'object') {
    throw new UsageError(
      `openModel: the model is ${shownValue(source)}; it must be a path, a file's bytes, or { network, parameters }`,
    )
  }
  requireNetwork('openModel', network)
  const data = source as ModelData
  return { name: data.name ?? network.name, data }
}

async function ofPath(path: string, options: FileOptions): Promise<Named> {
  if (!isNode) return ofBytes(await fetched(path), path, options)
  const { externalDataBeside, readBytes, readSafetensors } = await import('../formats/files.ts')
  if (path.toLowerCase().endsWith(SAFETENSORS)) return ofSafetensors(await readSafetensors(path), path)
  const beside = options.externalData ?? externalDataBeside(path)
  return ofBytes(await readBytes(path), path, { ...options, externalData: beside })
}

/** A named network and a file of its weights. */
async function ofNetwork(source: unknown, weights: string | Uint8Array | ArrayBuffer): Promise<Named> {
  const { networkNamed } = await import('../networks/index.ts')
  if (typeof source !== 'string')
    throw new UsageError(
      `openModel: weights belong to a network's name, and the model is ${shownValue(source)}`,
    )
  networkNamed(source) // so that an unknown name is reported before any file is read
  const [name, content] = await weightsAt(weights)
  const { recognizedAs, weightsOf } = await import('../formats/torch-weights/index.ts')
  const recognized = recognizedAs(source, content.tensors)
  const network: Network = networkNamed(source, { classes: recognized?.classes ?? undefined })
  const parameters = weightsOf(network, content.tensors, name)
  const described = recognized === null ? {} : describedByWeights(recognized, network)
  return { name, data: { network, parameters, ...described } }
}

async function weightsAt(
  weights: string | Uint8Array | ArrayBuffer,
): Promise<readonly [name: string, DecodedSafetensors]> {
  const { decodeSafetensors } = await import('../formats/safetensors.ts')
  if (typeof weights !== 'string') {
    const bytes = weights instanceof Uint8Array ? weights : new Uint8Array(weights)
    return ['weights', decodeSafetensors(bytes, 'weights')]
  }
  if (!isNode) return [weights, decodeSafetensors(await fetched(weights), weights)]
  const { readSafetensors } = await import('../formats/files.ts')
  return [weights, await readSafetensors(weights)]
}

/** A model that convmark wrote, or the weights of a named network. */
async function ofSafetensors(content: DecodedSafetensors, name: string): Promise<Named> {
  if (saysItIsModel(content)) return { name, data: modelOf(content, name) }
  const { networkNamed } = await import('../networks/index.ts')
  const { nearestText, recognizeWeights, weightsOf } = await import('../formats/torch-weights/index.ts')
  const recognized = recognizeWeights(content.tensors)
  if (recognized === null) throw unrecognized(name, nearestText(content.tensors))
  const network: Network = networkNamed(recognized.network, { classes: recognized.classes ?? undefined })
  const parameters = weightsOf(network, content.tensors, name)
  return { name, data: { network, parameters, ...describedByWeights(recognized, network) } }
}

/** The error for a file of tensors that are no model's. */
export const unrecognized = (name: string, nearest: string | null): FormatError =>
  new FormatError(
    `${name}: it is neither a model that convmark trained nor a named network's weights${nearest === null ? '' : `; ${nearest}`}`,
  )

const SAFETENSORS = '.safetensors'
/** A safetensors file has the length of its header in 8 bytes, and then the header's JSON. */
const HEADER_LENGTH_BYTES = 8

async function ofBytes(bytes: Uint8Array, name: string, options: FileOptions): Promise<Named> {
  if (bytes[HEADER_LENGTH_BYTES] === '{'.charCodeAt(0)) {
    const { decodeSafetensors } = await import('../formats/safetensors.ts')
    return ofSafetensors(decodeSafetensors(bytes, name), name)
  }
  const { imageSize, outputs, externalData } = options
  const { importOnnx } = await import('../formats/onnx-import.ts')
  const size: ImageSize | undefined = imageSize
  try {
    const { network, parameters, notes } = await importOnnx(bytes, {
      ...(externalData && { externalData }),
      ...(size !== undefined && { imageSize: size }),
      ...(outputs && { outputs }),
    })
    const described = describedByOnnx(notes.metadata, network)
    return { name, data: { network: { ...network, name: stemOf(name) }, parameters, ...described } }
  } catch (error) {
    return ofFile(name, () => {
      throw error
    })
  }
}

/** Many exporters give every graph the same name. */
const stemOf = (path: string): string => /([^\\/]+?)(\.[^.\\/]*)?$/.exec(path)?.[1] ?? path
