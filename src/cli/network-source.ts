// What a command's word for a network stands for: a name of the table, or a file that has one. No other code looks at names and
// extensions.
import { readdir, stat } from 'node:fs/promises'
import { basename, dirname, extname, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { float32Tensors, isRecord, requireOptions } from '../check-options.ts'
import { FormatError, messageOf, nearestName, ofFile, UsageError, unknownName } from '../errors.ts'
import type { ImageSize, OnnxNotes } from '../formats/onnx-import.ts'
import { isPyTorch, PYTORCH_EXTENSIONS, PYTORCH_START_BYTES, pyTorchText } from '../formats/pytorch-file.ts'
import { reasonOf } from '../formats/reason.ts'
import type { DecodedSafetensors } from '../formats/safetensors.ts'
import type { RecognizedWeights } from '../formats/torch-weights/index.ts'
import type { Described } from '../models/described.ts'
import { NETWORK_NAMES } from '../networks/names.ts'
import type { Network } from '../networks/network.ts'
import type { NetworkOptions } from '../networks/options.ts'
import { shownValue } from '../plain-text.ts'
import { formatShape, sameShape } from '../tensor.ts'
import type { Model } from '../train/index.ts'

export interface NetworkSourceOptions extends Omit<NetworkOptions, 'imageSize'> {
  readonly imageSize?: ImageSize | undefined
  /** The tensors of an ONNX file at which the network ends; by default the file's outputs. */
  readonly outputs?: readonly string[] | undefined
  /** A file with the network's parameters, in place of those that it has. */
  readonly weights?: string | undefined
}

export interface NetworkSource {
  readonly network: Network
  /** By name; null if neither the network's name nor its file has any. */
  readonly parameters: Readonly<Record<string, Float32Array>> | null
  /** As it was given: the network's file, or the one with a named network's weights; null for a named network without them. */
  readonly file: string | null
  readonly kind: 'named' | 'weights' | 'onnx' | 'model' | 'module'
  /** What the import of an ONNX file says; null for all others. */
  readonly notes: OnnxNotes | null
  /** The classes and the preprocessing of a trained model; null for all others. */
  readonly model: Model | null
  /** What the file says of classes and pictures; of a trained model all, of others what they say. */
  readonly described: Described
  /** Whose weights a file has from which a named network has them; null for all others. */
  readonly weights: RecognizedWeights | null
}

const MODULES: readonly string[] = ['.js', '.mjs', '.cjs', '.ts', '.mts']
const ONNX = '.onnx'
const MODEL = '.safetensors'
const EXTENSIONS: readonly string[] = [ONNX, MODEL, ...MODULES]

/** For the help of commands. */
export const NETWORK_HELP = `${NETWORK_NAMES.join(', ')}; or a file: ${ONNX}, ${MODEL} that train wrote or with weights of one of these, or a module whose default export is a network, ${MODULES.join(', ')}`

/**
 * Opens the network that a word stands for. Throws UsageError for a word that is neither a network's name nor a file, with the
 * nearest names, and for options that do not apply to it; errors of files name the file.
 */
export async function openNetworkSource(
  text: string,
  options: NetworkSourceOptions = {},
): Promise<NetworkSource> {
  const { weights } = options
  if (!(await isFile(text)))
    return weights === undefined ? named(text, options) : withWeights(text, weights, options)
  const source = await ofFileAt(text, options)
  if (weights === undefined) return source
  const { readParameters } = await import('../formats/files.ts')
  const parameters = await readParameters(weights, source.network)
  return { ...source, parameters, model: source.model && { ...source.model, parameters } }
}

async function ofFileAt(text: string, options: NetworkSourceOptions): Promise<NetworkSource> {
  await requireThere(text)
  const kind = await kindOf(text)
  if (kind !== 'onnx' && options.outputs)
    throw new UsageError(`${text}: --outputs cuts ONNX files, and this is none`)
  if (kind !== 'module' && (options.activation !== undefined || (options.without ?? []).length > 0))
    throw new UsageError(
      `${text}: --activation and --without change networks that convmark makes; a file's network is as it is`,
    )
  if (kind === 'module') return ofModule(text, options)
  return kind === 'model' ? ofModel(text, options) : ofOnnx(text, options)
}

/** What a file is, in one line: `model.onnx: ONNX, opset 17, pytorch 2.1.0`; null for a named network. */
export function sourceLine({ file, kind, notes, model, weights }: NetworkSource): string | null {
  if (weights) {
    const { network, names, classes } = weights
    const whose = names === 'convmark' ? '' : ` in ${names}'s names`
    return `${file}: weights of ${network}${whose}${classes === null ? '' : `, ${classes} classes`}`
  }
  if (notes) return `${file}: ONNX, opset ${notes.opset}${notes.producer === '' ? '' : `, ${notes.producer}`}`
  if (model) return `${file}: a model that convmark trained, of ${model.classNames.length} classes`
  return kind === 'module' ? `${file}: a module` : null
}

/** Whether the word is a path: it looks like one, or it is a file's name and no network's. */
export async function isFile(text: string): Promise<boolean> {
  if (/[\\/]/.test(text) || [...EXTENSIONS, ...PYTORCH_EXTENSIONS].includes(extensionOf(text))) return true
  return !isName(text) && (await exists(text))
}

const isName = (text: string): boolean => (NETWORK_NAMES as readonly string[]).includes(text)

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    (found) => !found.isDirectory(),
    () => false,
  )

const extensionOf = (path: string): string => extname(path).toLowerCase()

/**
 * A file with any other name is taken for a model if it begins as one, otherwise for ONNX, whose reader says what is wrong. Throws
 * FormatError for PyTorch's files.
 */
async function kindOf(path: string): Promise<'onnx' | 'model' | 'module'> {
  const extension = extensionOf(path)
  if (MODULES.includes(extension)) return 'module'
  const start = await startOf(path)
  if (isPyTorch(start)) throw new FormatError(`${path}: ${pyTorchText(path)}`)
  if (extension === MODEL) return 'model'
  // A JSON object follows the length of a header
  return extension !== ONNX && start[HEADER_LENGTH_BYTES] === '{'.charCodeAt(0) ? 'model' : 'onnx'
}

const HEADER_LENGTH_BYTES = 8

/** The first bytes; none of what can't be read twice, such as a pipe. */
async function startOf(path: string): Promise<Uint8Array> {
  const { InputFile } = await import('../formats/input-file.ts')
  const isPlain = await stat(path).then(
    (found) => found.isFile(),
    () => false,
  )
  if (!isPlain) return new Uint8Array()
  await using file = await InputFile.open(path)
  return await file.readRange(0, Math.max(HEADER_LENGTH_BYTES + 1, PYTORCH_START_BYTES))
}

/** Throws UsageError, with the nearest file of the folder, if there is none. Whether it can be read is seen when it is read. */
async function requireThere(path: string): Promise<void> {
  const error: unknown = await stat(path).then(
    () => null,
    (error: unknown) => error,
  )
  if ((error as NodeJS.ErrnoException | null)?.code !== 'ENOENT') return
  const near = nearestFile(basename(path), await filesIn(dirname(path)))
  const shown = near === null || path === basename(path) ? near : path.slice(0, -basename(path).length) + near
  const question = shown === null ? '' : `; did you mean '${shown}'?`
  throw new UsageError(`${path}: can't be read: ${reasonOf(error)}${question}`, { cause: error })
}

/** The files of a folder that may have a network; none if the folder can't be read. */
async function filesIn(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch((): string[] => [])
  return names.filter((name) => EXTENSIONS.includes(extensionOf(name)))
}

/** By their names with or without extension; null if none is near. */
function nearestFile(name: string, files: readonly string[]): string | null {
  const whole = nearestName(name, files)
  if (whole !== null) return whole
  const stems = files.map(stemOf)
  const stem = nearestName(stemOf(name), stems)
  return stem === null ? null : files[stems.indexOf(stem)]!
}

const stemOf = (path: string): string => basename(path, extname(path))

/** What changes a network that convmark or a module makes. A command's options have others beside. */
const changesOf = ({ classes, activation, without }: NetworkSourceOptions): NetworkOptions => ({
  ...(classes !== undefined && { classes }),
  ...(activation !== undefined && { activation }),
  ...(without !== undefined && { without }),
})

async function named(name: string, options: NetworkSourceOptions): Promise<NetworkSource> {
  const { imageSize, outputs } = options
  if (!isName(name)) {
    const near = nearestFile(name, await filesIn('.'))
    const file = near === null ? '' : `; the nearest file here is ${near}`
    throw new UsageError(`${unknownName('network', name, NETWORK_NAMES)}${file}`)
  }
  if (outputs) throw new UsageError(`${name}: --outputs cuts ONNX files, and this is a named network`)
  const { networkNamed } = await import('../networks/index.ts')
  const network = networkNamed(name, { ...changesOf(options), imageSize: squareOf(name, imageSize) })
  return {
    network,
    parameters: null,
    file: null,
    kind: 'named',
    notes: null,
    model: null,
    weights: null,
    described: {},
  }
}

/** A named network with the weights of a file, and as many classes as they have unless the options say how many. */
async function withWeights(
  name: string,
  file: string,
  options: NetworkSourceOptions,
): Promise<NetworkSource> {
  await named(name, options) // so that an unknown name is reported before any file is read
  const { readSafetensors } = await import('../formats/files.ts')
  const { recognizedAs, weightsOf } = await import('../formats/torch-weights/index.ts')
  const { tensors } = await readSafetensors(file)
  const weights = recognizedAs(name, tensors)
  const source = await named(name, { ...options, classes: options.classes ?? weights?.classes ?? undefined })
  const parameters = weightsOf(source.network, tensors, file)
  return {
    ...source,
    parameters,
    file,
    kind: 'weights',
    weights,
    described: await describedFor(weights, source.network),
  }
}

async function describedFor(weights: RecognizedWeights | null, network: Network): Promise<Described> {
  const { describedByWeights } = await import('../models/described.ts')
  return weights === null ? {} : describedByWeights(weights, network)
}

/** Throws UsageError for images that are not square. */
function squareOf(what: string, imageSize: ImageSize | undefined): number | undefined {
  if (imageSize === undefined) return undefined
  const [height, width] = extentsOf(imageSize)
  if (height === width) return height
  throw new UsageError(
    `${what}: its images are square, so --image-size must be one number, not ${height}x${width}`,
  )
}

const extentsOf = (imageSize: ImageSize): readonly [height: number, width: number] =>
  typeof imageSize === 'number' ? [imageSize, imageSize] : imageSize

async function ofOnnx(file: string, { imageSize, outputs }: NetworkSourceOptions): Promise<NetworkSource> {
  const { externalDataBeside, readBytes } = await import('../formats/files.ts')
  const { importOnnx, OpenSizeError } = await import('../formats/onnx-import.ts')
  const bytes = await readBytes(file)
  try {
    const { network, parameters, notes } = await importOnnx(bytes, {
      externalData: externalDataBeside(file),
      ...(imageSize !== undefined && { imageSize }),
      ...(outputs && { outputs }),
    })
    // Many exporters give every graph the same name, and such files have hundreds of layers.
    const printed = [...new Set(notes.outputs.map(({ tensor }) => tensor))]
    const { describedByOnnx } = await import('../models/described.ts')
    return {
      network: { ...network, name: stemOf(file), printed },
      parameters,
      file,
      kind: 'onnx',
      notes,
      model: null,
      weights: null,
      described: describedByOnnx(notes.metadata, network),
    }
  } catch (error) {
    if (error instanceof OpenSizeError) {
      const advice = 'give --image-size 224, or height and width as in --image-size 320x512'
      throw new UsageError(`${file}: ${error.reason}; ${advice}`, { cause: error })
    }
    if (error instanceof UsageError && outputs && error.message.startsWith('outputs: '))
      throw new UsageError(`${file}: --${error.message}`, { cause: error })
    return ofFile(file, () => {
      throw error
    })
  }
}

/** A model that convmark trained, or else the weights of a named network. */
async function ofModel(file: string, options: NetworkSourceOptions): Promise<NetworkSource> {
  const { readSafetensors } = await import('../formats/files.ts')
  const { modelOf, saysItIsModel } = await import('../train/model-file.ts')
  const content = await readSafetensors(file)
  if (!saysItIsModel(content)) return ofWeights(file, content, options)
  const model = modelOf(content, file)
  const network = await resized(file, model.network, options.imageSize)
  return {
    network,
    parameters: model.parameters,
    file,
    kind: 'model',
    notes: null,
    model: { ...model, network },
    weights: null,
    described: { classNames: model.classNames, preprocessing: model.preprocessing },
  }
}

async function ofWeights(
  file: string,
  { tensors }: DecodedSafetensors,
  options: NetworkSourceOptions,
): Promise<NetworkSource> {
  const { nearestText, recognizeWeights, weightsOf } = await import('../formats/torch-weights/index.ts')
  const weights = recognizeWeights(tensors)
  if (weights === null) {
    const { unrecognized } = await import('../models/open-model.ts')
    throw unrecognized(file, nearestText(tensors))
  }
  const source = await named(weights.network, { classes: weights.classes ?? undefined })
  const parameters = weightsOf(source.network, tensors, file)
  const network = await resized(file, source.network, options.imageSize)
  return {
    ...source,
    network,
    parameters,
    file,
    kind: 'weights',
    weights,
    described: await describedFor(weights, network),
  }
}

/** The same weights, over images of this size. Throws as `openNetworkSource`. */
export async function withImageSize(source: NetworkSource, imageSize: ImageSize): Promise<NetworkSource> {
  return { ...source, network: await resized(source.file!, source.network, imageSize) }
}

/** The same layers over images of this size. Throws FormatError if their parameters would have other shapes. */
async function resized(file: string, network: Network, imageSize: ImageSize | undefined): Promise<Network> {
  if (imageSize === undefined) return network
  const { networkData, networkOf, parametersOf } = await import('../networks/index.ts')
  const [height, width] = extentsOf(imageSize)
  const isImage = ([rows = 1, columns = 1]: readonly number[]) => rows * columns > 1
  const inputs = Object.entries(network.inputs).map(([name, shape]) => [
    name,
    isImage(shape) ? [height, width, shape[2]!] : shape,
  ])
  const other = ofFile(file, () =>
    networkOf({ ...networkData(network), inputs: Object.fromEntries(inputs) as Network['inputs'] }),
  )
  const before = parametersOf(network)
  for (const [name, { shape }] of Object.entries(parametersOf(other))) {
    if (sameShape(shape, before[name]!.shape)) continue
    throw new FormatError(
      `${file}: '${name}' is ${formatShape(before[name]!.shape)}, but images of ${height} x ${width} need ` +
        `${formatShape(shape)}; leave --image-size out`,
    )
  }
  return other
}

async function ofModule(file: string, options: NetworkSourceOptions): Promise<NetworkSource> {
  const { default: exported, parameters = null } = await loaded(file)
  const networks: typeof import('../networks/index.ts') = await import('../networks/index.ts')
  const { imageSize } = options
  let made: unknown = exported
  if (typeof exported === 'function') {
    const given = { ...changesOf(options), imageSize: squareOf(file, imageSize) }
    made = await blamed(file, () => exported(given))
  } else if (options.activation !== undefined || (options.without ?? []).length > 0)
    throw new UsageError(
      `${file}: --activation and --without need a function of these options as its default export; it exports a network`,
    )
  try {
    networks.requireNetwork(file, made)
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    const what = typeof exported === 'function' ? 'function returns' : 'default export is'
    throw new FormatError(
      `${file}: its ${what} ${shownValue(made)}; it must be a network, made by defineNetwork, or a function that returns one`,
      { cause: error },
    )
  }
  const network = typeof exported === 'function' ? made : await resized(file, made, imageSize)
  if (parameters !== null) {
    ofFile(file, () => {
      requireOptions(file, { parameters }, { parameters: float32Tensors })
      networks.requireParameters(network, parameters)
    })
  }
  return { network, parameters, file, kind: 'module', notes: null, model: null, weights: null, described: {} }
}

interface Loaded {
  readonly default?: unknown
  readonly parameters?: Readonly<Record<string, Float32Array>>
}

async function loaded(file: string): Promise<Loaded> {
  const { InputFile } = await import('../formats/input-file.ts')
  {
    await using opened = await InputFile.open(file)
    await opened.fill(new Uint8Array(1)) // fails for a folder
  }
  const { href } = pathToFileURL(resolve(file))
  const found = await blamed<Loaded>(file, () => import(href))
  // A compiler's CommonJS has all exports in the default one.
  const inner = found.default
  return isRecord(inner) && '__esModule' in inner ? (inner as Loaded) : found
}

/** Runs code of the module; what it throws becomes a FormatError that names the file, and the line if it is known. */
async function blamed<T>(file: string, run: () => T | Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (error) {
    const { code, stack = '' } = (error ?? {}) as NodeJS.ErrnoException
    if (code === 'ERR_UNKNOWN_FILE_EXTENSION' && /\.m?ts$/i.test(file))
      throw new FormatError(
        `${file}: Node ${process.versions.node} reads no TypeScript; Node 22.18 and newer do, or compile it to JavaScript`,
        { cause: error },
      )
    const path = resolve(file)
    const at = stack.indexOf(`${path}:`)
    const line = at < 0 ? '' : `:${Number.parseInt(stack.slice(at + path.length + 1), 10)}`
    throw new FormatError(`${file}${line}: it can't be loaded: ${messageOf(error)}`, { cause: error })
  }
}
