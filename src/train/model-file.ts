// A trained model as one safetensors file: the parameters, and in its metadata all that evaluation needs.
import { parseJson } from '../bench/parse-json.ts'
import {
  anything,
  arrayOfText,
  float32Tensors,
  must,
  objectWith,
  optional,
  type Rules,
  requireContent,
  requireOptions,
  someArray,
  someObject,
  someText,
} from '../check-options.ts'
import { type DataIdentity, identityRules } from '../data/identity.ts'
import { DivergedError, FormatError, ofFile, UsageError, unknownName } from '../errors.ts'
import {
  type DecodedSafetensors,
  decodeSafetensors,
  encodeSafetensors,
  requireTensors,
  type StoredTensor,
  type Tensor,
} from '../formats/safetensors.ts'
import { labelClasses, type Network, parametersOf, requireNetwork } from '../networks/network.ts'
import { type NetworkData, networkData, networkOf } from '../networks/network-data.ts'
import { optimizerDefinitions } from '../optimizers/index.ts'
import { firstNotFinite, type Shape } from '../tensor.ts'
import { stateRules, type TrainingState } from './state.ts'

/** The metadata's key for a model. */
const MODEL = 'convmark.model'
const CHECKPOINT = 'convmark.checkpoint'

/** The version of both keys' contents. */
const VERSION = 1
const versionRule = must((version: unknown) => version === VERSION, `${VERSION}, which this convmark reads`)

interface StoredModel extends Omit<Model, 'network' | 'parameters'> {
  readonly version: typeof VERSION
  readonly network: NetworkData
}

/** Checked in full when the network is defined. */
const networkRules: Rules<NetworkData> = {
  name: someText,
  inputs: someObject,
  layers: someArray,
  printed: optional(arrayOfText),
}

const modelRules: Rules<StoredModel> = {
  version: versionRule,
  network: objectWith(networkRules),
  classNames: arrayOfText,
  preprocessing: anything,
  trainedOn: optional(objectWith(identityRules)),
}

interface StoredCheckpoint extends Omit<TrainingState, 'parameters' | 'states'> {
  readonly version: typeof VERSION
  readonly settings: unknown
}

const checkpointRules: Rules<StoredCheckpoint> = {
  version: versionRule,
  step: stateRules.step,
  epoch: stateRules.epoch,
  batch: stateRules.batch,
  tuning: stateRules.tuning,
  sums: stateRules.sums,
  settings: anything,
}

/** A trained network and all that is needed to use it: what a model's file contains. */
export interface Model {
  readonly network: Network
  /** By name, in convmark's layouts. */
  readonly parameters: Readonly<Record<string, Float32Array>>
  /** In the order of their indexes. */
  readonly classNames: readonly string[]
  /** How an image becomes the network's input: plain data that only the pipeline interprets. */
  readonly preprocessing: unknown
  /** Which images it was trained on, if known. */
  readonly trainedOn?: DataIdentity
}

/** A training that can be continued: what a checkpoint's file contains. */
export interface Checkpoint {
  readonly model: Model
  readonly state: TrainingState
  /** The training's settings; the caller checks them. */
  readonly settings: unknown
}

const givenModelRules: Rules<Model> = {
  network: someObject,
  parameters: float32Tensors,
  classNames: arrayOfText,
  preprocessing: anything,
  trainedOn: optional(objectWith(identityRules)),
}

const givenCheckpointRules: Rules<Checkpoint> = {
  model: objectWith(givenModelRules),
  state: objectWith(stateRules),
  settings: anything,
}

/**
 * Encodes a model as the bytes of its file. Throws UsageError if parameters, classes and network don't fit together,
 * and DivergedError for a model that is not finite: `decodeModel` would refuse both.
 */
export function encodeModel(model: Model): Uint8Array {
  requireOptions('encodeModel', model, givenModelRules)
  requireNetwork('encodeModel', model.network)
  requireClasses(model.network, model.classNames, UsageError)
  return encodeSafetensors(parameterTensors(model), { [MODEL]: describe(model) })
}

/** Encodes a checkpoint as the bytes of its file; `settings` is plain data. Throws UsageError as `encodeModel`. */
export function encodeCheckpoint(checkpoint: Checkpoint): Uint8Array {
  requireOptions('encodeCheckpoint', checkpoint, givenCheckpointRules)
  const { model, state, settings } = checkpoint
  requireNetwork('encodeCheckpoint', model.network)
  requireClasses(model.network, model.classNames, UsageError)
  const { parameters, states, ...rest } = state
  const specs = parametersOf(model.network)
  const stateNames = stateNamesOf(model.network)
  const stateTensors = Object.entries(states).map(([name, data]): [string, Tensor] => {
    if (!stateNames.has(name)) throw new UsageError(unknownName('state', name, [...stateNames]))
    return [name, { shape: specs[parameterOf(name)]!.shape, data: requireFinite(name, data) }]
  })
  return encodeSafetensors(
    { ...parameterTensors({ ...model, parameters }), ...Object.fromEntries(stateTensors) },
    {
      [MODEL]: describe(model),
      [CHECKPOINT]: JSON.stringify({ version: VERSION, ...rest, settings }),
    },
  )
}

/** Decodes a model's file, or a checkpoint's. Throws FormatError, naming it, if it is neither. */
export function decodeModel(bytes: Uint8Array, fileName: string): Model {
  return modelOf(decodeSafetensors(bytes, fileName), fileName)
}

/** Decodes a checkpoint's file. Throws FormatError, naming it, if it is none. */
export function decodeCheckpoint(bytes: Uint8Array, fileName: string): Checkpoint {
  return checkpointOf(decodeSafetensors(bytes, fileName), fileName)
}

/** As `decodeCheckpoint`, for a file that was read tensor by tensor. */
export function checkpointOf(file: DecodedSafetensors, fileName: string): Checkpoint {
  return ofFile(fileName, () => {
    const stored = file.metadata[CHECKPOINT]
    if (stored === undefined) {
      const isModel = saysItIsModel(file)
      throw new FormatError(
        `${isModel ? "a model, not a checkpoint: it lacks the optimizer's state" : 'no checkpoint of convmark'}; ` +
          "resume from the '.checkpoint.safetensors' that train writes beside its model",
      )
    }
    const model = describedModel(file, fileName)
    const { settings, version: _version, ...rest } = contentOf(CHECKPOINT, stored, checkpointRules)
    const states = requireTensors(
      fileName,
      split(file.tensors, model.network).states,
      stateShapes(file, model),
    )
    return { model, state: { ...rest, parameters: model.parameters, states }, settings }
  })
}

/** Whether a file says that it has a model. */
export const saysItIsModel = ({ metadata }: DecodedSafetensors): boolean => metadata[MODEL] !== undefined

/** As `decodeModel`, for a file that was read tensor by tensor. */
export function modelOf(file: DecodedSafetensors, fileName: string): Model {
  return ofFile(fileName, () => describedModel(file, fileName))
}

function describe({ network, classNames, preprocessing, trainedOn }: Model): string {
  return JSON.stringify({
    version: VERSION,
    network: networkData(network),
    classNames,
    preprocessing,
    trainedOn,
  })
}

function parameterTensors({ network, parameters }: Model): Record<string, Tensor> {
  const tensors = Object.entries(parametersOf(network)).map(([name, { shape }]): [string, Tensor] => [
    name,
    { shape, data: requireFinite(name, parameters[name]) },
  ])
  return Object.fromEntries(tensors)
}

function requireFinite(name: string, values: Float32Array | undefined): Float32Array {
  if (!values) throw new UsageError(`${name}: its values are missing`)
  const bad = firstNotFinite(values)
  if (bad < 0) return values
  throw new DivergedError(
    `${name}: value ${bad} of ${values.length} is ${values[bad]}; a model must be finite`,
  )
}

function describedModel({ metadata, tensors }: DecodedSafetensors, fileName: string): Model {
  const stored = metadata[MODEL]
  if (stored === undefined) {
    throw new FormatError(
      `it has tensors but no '${MODEL}' in its metadata; convmark train writes models that have it`,
    )
  }
  const { network: described, classNames, preprocessing, trainedOn } = contentOf(MODEL, stored, modelRules)
  const network = networkOf(described)
  requireClasses(network, classNames, FormatError)
  for (const split of [trainedOn?.train, trainedOn?.tried]) {
    if (!split) continue
    const { counts, digests } = split
    if (counts.length !== classNames.length || digests.length !== classNames.length)
      throw new FormatError(`${MODEL}: what it was trained on has other classes than it knows`)
  }
  const shapes = Object.entries(parametersOf(network)).map(([name, { shape }]) => [name, shape])
  const parameters = requireTensors(
    fileName,
    split(tensors, network).parameters,
    Object.fromEntries(shapes) as Record<string, Shape>,
  )
  return { network, parameters, classNames, preprocessing, ...(trainedOn && { trainedOn }) }
}

function requireClasses(
  network: Network,
  classNames: readonly string[],
  Thrown: new (message: string) => Error,
): void {
  const classes = Object.values(labelClasses(network))[0]
  if (classes !== undefined && classes !== classNames.length)
    throw new Thrown(`${classNames.length} class names of ${classes} classes`)
}

const contentOf = <Content>(key: string, json: string, rules: Rules<Content>): Content =>
  requireContent(key, parseJson(json, key), rules)

/** Names of all states that any optimizer has. */
function stateNamesOf(network: Network): ReadonlySet<string> {
  const states = Object.values(optimizerDefinitions).flatMap((definition) => definition.states)
  const parameters = Object.keys(parametersOf(network))
  return new Set(parameters.flatMap((parameter) => states.map((state) => `${parameter}.${state}`)))
}

const parameterOf = (state: string): string => state.slice(0, state.lastIndexOf('.'))

/** Separates the model's own tensors from those of an optimizer. */
function split(tensors: ReadonlyMap<string, StoredTensor>, network: Network) {
  const states = stateNamesOf(network)
  const all = [...tensors]
  return {
    parameters: new Map(all.filter(([name]) => !states.has(name))),
    states: new Map(all.filter(([name]) => states.has(name))),
  }
}

/** The shapes of the states in the file; which states there must be, the optimizer knows. */
function stateShapes({ tensors }: DecodedSafetensors, { network }: Model): Record<string, Shape> {
  const specs = parametersOf(network)
  const names = [...split(tensors, network).states.keys()]
  return Object.fromEntries(names.map((name) => [name, specs[parameterOf(name)]!.shape]))
}
