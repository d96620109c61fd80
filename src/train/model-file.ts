// A trained model as one safetensors file: parameters, and in its metadata all that evaluation needs.
import * as z from 'zod/mini'
import { parseJson, requireShape } from '../bench/parse-json.ts'
import type { DataIdentity } from '../data/identity.ts'
import { DivergedError, FormatError, messageOf } from '../errors.ts'
import {
  decodeSafetensors,
  encodeSafetensors,
  requireTensors,
  type StoredTensor,
  type Tensor,
} from '../formats/safetensors.ts'
import type { Layer } from '../layers/index.ts'
import { defineNetwork, labelClasses, type Network, parametersOf } from '../networks/network.ts'
import { optimizerDefinitions } from '../optimizers/index.ts'
import { requireTuning, type Tuning } from '../runtime/tuning.ts'
import { firstNotFinite, type Shape } from '../tensor.ts'
import type { TrainingState } from './state.ts'

/** The metadata's keys. */
const MODEL = 'convmark.model'
const CHECKPOINT = 'convmark.checkpoint'

const networkSchema = z.object({
  name: z.string(),
  inputs: z.record(z.string(), z.array(z.number())),
  // Each is checked where the network is defined.
  layers: z.array(
    z.looseObject({
      kind: z.string(),
      name: z.string(),
      inputs: z.optional(z.array(z.string())),
      options: z.record(z.string(), z.unknown()),
    }),
  ),
  printed: z.array(z.string()),
})

const splitIdentitySchema = z.strictObject({
  counts: z.array(z.int().check(z.nonnegative())),
  digests: z.array(z.string()),
  order: z.string(),
})

const modelSchema = z.object({
  version: z.literal(1),
  network: networkSchema,
  /** In the order of the classes' indexes. */
  classNames: z.array(z.string()),
  preprocessing: z.unknown(),
  /** Older files have none. */
  trainedOn: z.optional(
    z.strictObject({
      source: z.string(),
      train: splitIdentitySchema,
      tried: z.nullable(splitIdentitySchema),
    }),
  ),
})

const checkpointSchema = z.object({
  version: z.literal(1),
  step: z.int().check(z.nonnegative()),
  epoch: z.int().check(z.positive()),
  batch: z.int().check(z.nonnegative()),
  sums: z.object({
    images: z.number(),
    loss: z.number(),
    correct: z.nullable(z.number()),
    elapsedMs: z.number(),
    waitedMs: z.number(),
  }),
  tuning: z.unknown(),
  /** What the training was told; its caller's to check. */
  settings: z.unknown(),
})

export interface Model {
  readonly network: Network
  readonly parameters: Readonly<Record<string, Float32Array>>
  readonly classNames: readonly string[]
  /** How an image becomes the network's input: plain data of whoever prepared it. */
  readonly preprocessing: unknown
  /** Which images it was trained on, if that is known. */
  readonly trainedOn?: DataIdentity
}

export interface Checkpoint {
  readonly model: Model
  readonly state: TrainingState
  readonly settings: unknown
}

/** Throws DivergedError for a model that is not finite: `decodeModel` would refuse it. */
export function encodeModel(model: Model): Uint8Array {
  return encodeSafetensors(parameterTensors(model), { [MODEL]: describe(model) })
}

/** As `encodeModel`, with all that its training goes on from. */
export function encodeCheckpoint({ model, state, settings }: Checkpoint): Uint8Array {
  const { parameters, states, ...rest } = state
  const specs = parametersOf(model.network)
  const stateTensors = Object.entries(states).map(([name, data]): [string, Tensor] => [
    name,
    { shape: specs[name.slice(0, name.lastIndexOf('.'))]!.shape, data: requireFinite(name, data) },
  ])
  return encodeSafetensors(
    { ...parameterTensors({ ...model, parameters }), ...Object.fromEntries(stateTensors) },
    {
      [MODEL]: describe(model),
      [CHECKPOINT]: JSON.stringify({ version: 1, ...rest, settings }),
    },
  )
}

/** Reads a model, or a checkpoint's. Throws FormatError, naming the file. */
export function decodeModel(bytes: Uint8Array, fileName: string): Model {
  return modelOf(decodeSafetensors(bytes, fileName), fileName)
}

/** Throws FormatError, naming the file, where it is none. */
export function decodeCheckpoint(bytes: Uint8Array, fileName: string): Checkpoint {
  const decoded = decodeSafetensors(bytes, fileName)
  const text = decoded.metadata[CHECKPOINT]
  if (text === undefined) {
    const isModel = decoded.metadata[MODEL] !== undefined
    throw new FormatError(
      `${fileName}: ${isModel ? 'a model without what its training would go on from' : 'no checkpoint of convmark'}; ` +
        "resume from the '.checkpoint.safetensors' that train writes beside its model",
    )
  }
  const model = modelOf(decoded, fileName)
  const { tuning, settings, version: _version, ...rest } = parse(text, checkpointSchema, fileName, CHECKPOINT)
  const states = requireTensors(
    fileName,
    split(decoded.tensors, model.network).states,
    stateShapes(decoded, model),
  )
  const state = { ...rest, parameters: model.parameters, states, tuning: tuningOf(tuning, fileName) }
  return { model, state, settings }
}

function describe({ network, classNames, preprocessing, trainedOn }: Model): string {
  const { name, inputs, layers, printed } = network
  const data = { name, inputs, layers: layers.map(({ layer, inputs }) => ({ ...layer, inputs })), printed }
  return JSON.stringify({ version: 1, network: data, classNames, preprocessing, trainedOn })
}

function parameterTensors({ network, parameters }: Model): Record<string, Tensor> {
  const tensors = Object.entries(parametersOf(network)).map(([name, { shape }]): [string, Tensor] => [
    name,
    { shape, data: requireFinite(name, parameters[name]!) },
  ])
  return Object.fromEntries(tensors)
}

function requireFinite(name: string, values: Float32Array): Float32Array {
  const bad = firstNotFinite(values)
  if (bad < 0) return values
  throw new DivergedError(
    `${name}: value ${bad} of ${values.length} is ${values[bad]}; a model must be finite`,
  )
}

type Decoded = ReturnType<typeof decodeSafetensors>

function modelOf(decoded: Decoded, fileName: string): Model {
  const text = decoded.metadata[MODEL]
  if (text === undefined) {
    throw new FormatError(
      `${fileName}: it has tensors but no '${MODEL}' in its metadata; convmark train writes models that have it`,
    )
  }
  const { network: data, classNames, preprocessing, trainedOn } = parse(text, modelSchema, fileName, MODEL)
  const { name, inputs, printed } = data
  const network: Network = defineNetwork(name, { inputs, layers: data.layers as unknown as Layer[], printed })
  const classes = Object.values(labelClasses(network))[0]
  if (classes !== undefined && classes !== classNames.length)
    throw new FormatError(`${fileName}: ${classNames.length} class names of ${classes} classes`)
  for (const split of [trainedOn?.train, trainedOn?.tried]) {
    if (!split) continue
    const { counts, digests } = split
    if (counts.length !== classNames.length || digests.length !== classNames.length)
      throw new FormatError(`${fileName}: ${MODEL}: what it was trained on has other classes than it knows`)
  }
  const shapes = Object.entries(parametersOf(network)).map(([name, { shape }]) => [name, shape])
  const parameters = requireTensors(
    fileName,
    split(decoded.tensors, network).parameters,
    Object.fromEntries(shapes) as Record<string, Shape>,
  )
  return { network, parameters, classNames, preprocessing, ...(trainedOn && { trainedOn }) }
}

/** The model's own tensors, and those of an optimizer. */
function split(tensors: ReadonlyMap<string, StoredTensor>, network: Network) {
  const states = Object.values(optimizerDefinitions).flatMap((definition) => definition.states)
  const isState = (name: string): boolean =>
    states.some(
      (state) =>
        name.endsWith(`.${state}`) && Object.hasOwn(parametersOf(network), name.slice(0, -state.length - 1)),
    )
  const all = [...tensors]
  return {
    parameters: new Map(all.filter(([name]) => !isState(name))),
    states: new Map(all.filter(([name]) => isState(name))),
  }
}

/** Those that are there: which there must be, the optimizer knows. */
function stateShapes({ tensors }: Decoded, { network }: Model): Record<string, Shape> {
  const specs = parametersOf(network)
  const names = [...split(tensors, network).states.keys()]
  return Object.fromEntries(names.map((name) => [name, specs[name.slice(0, name.lastIndexOf('.'))]!.shape]))
}

function parse<T>(text: string, schema: z.ZodMiniType<T>, fileName: string, key: string): T {
  const where = `${fileName}: ${key}`
  return requireShape(parseJson(text, where), schema, where, 'what convmark train writes')
}

function tuningOf(value: unknown, fileName: string): Tuning | null {
  if (value === null) return null
  try {
    return requireTuning(value)
  } catch (error) {
    throw new FormatError(`${fileName}: ${messageOf(error)}`, { cause: error })
  }
}
