import type { Command } from 'commander'
import type { MemoryBeside } from '../engines/engine.ts'
import { ConvmarkError, FormatError, UsageError } from '../errors.ts'
import { formatSizes } from '../formats/onnx/import/sizes.ts'
import type { ImageSize } from '../formats/onnx-import.ts'
import type { StoredTensor, Tensor } from '../formats/safetensors.ts'
import { ALGORITHMS, type Algorithm } from '../kernels/kernel.ts'
import type { Plan } from '../plan/plan.ts'
import { readsOf } from '../plan/steps.ts'
import { shapeLine } from '../report/classic.ts'
import type { Session } from '../session.ts'
import { elementCount, firstNotFinite, formatShape } from '../tensor.ts'
import {
  addCommand,
  ENGINE,
  IMAGE_SIZE,
  type OnEnd,
  OUTPUTS,
  oneOf,
  positiveInteger,
  RETUNE,
} from './command.ts'
import {
  batchIn,
  FILE_LAYOUTS,
  type FileLayout,
  type FileTensor,
  fileShape,
  fileTensor,
  fromFile,
  toFile,
} from './file-layout.ts'
import { untilInterrupted } from './interrupt.ts'
import { isFile, NETWORK_HELP, type NetworkSource, openNetworkSource } from './network-source.ts'
import { Output } from './output.ts'
import { openOutputFiles } from './output-files.ts'
import { openProgress } from './progress.ts'

const IMAGES = 'images'

interface Options {
  readonly weights?: string
  readonly input: string
  readonly output: string
  readonly gradients?: boolean
  readonly imageSize?: ImageSize
  readonly outputs?: readonly string[]
  readonly layout?: FileLayout
  readonly engine: string
  readonly algorithm: Algorithm
  readonly threads?: number
  readonly retune?: boolean
  readonly color: boolean
}

export function addRunCommand(program: Command, onEnd: OnEnd): void {
  addCommand(
    program,
    'run',
    'run a network once, with inputs, and if it has none of its own weights, from safetensors files',
  )
    .argument('[network]', NETWORK_HELP, 'alexnet')
    .option('--weights <file>', "its parameters: conv1/weights, ...; a network's file has its own")
    .requiredOption(
      '--input <file>',
      "its inputs by name: images, (batch, size, size, channels), or an ONNX file's own; with --gradients also labels, int64, if it takes them",
    )
    .requiredOption(
      '--output <file>',
      "its results: the activations by layer name, or an ONNX file's outputs",
    )
    .option('--gradients', "also the loss and the parameters' gradients: conv1/weights.gradient, ...")
    .option(
      '--layout <order>',
      `of images in both files: ${FILE_LAYOUTS.join(' | ')}; an ONNX file's own, otherwise nhwc, by default`,
      oneOf('--layout', FILE_LAYOUTS),
    )
    .option(...IMAGE_SIZE)
    .option(...OUTPUTS)
    .option(...ENGINE)
    .option(
      '--algorithm <name>',
      `${ALGORITHMS.join(' | ')}; auto takes the fastest`,
      oneOf('--algorithm', ALGORITHMS),
      'auto',
    )
    .option('--threads <n>', 'physical cores by default', positiveInteger('--threads'))
    .option(...RETUNE)
    .option('--no-color', 'plain text')
    .action(async (network: string, options: Options) => {
      await run(network, options)
      onEnd(0)
    })
}

async function run(text: string, options: Options): Promise<void> {
  const { parseEngineSpec } = await import('../engines/index.ts')
  parseEngineSpec(options.engine)
  const { weights, layout } = options
  if (!(await isFile(text))) {
    await openNetworkSource(text) // so that an unknown name is reported before any file is read
    if (weights === undefined)
      throw new UsageError(`${text} has no weights of its own; give --weights <file>`)
  }
  const { labelClasses } = await import('../networks/index.ts')
  const { readParameters, readSafetensors } = await import('../formats/files.ts')
  const { encodeSafetensors, requireTensors } = await import('../formats/safetensors.ts')
  const read = [
    ...((await isFile(text)) ? [text] : []),
    ...(weights === undefined ? [] : [weights]),
    options.input,
  ]
  const files = await openOutputFiles({ '--output': options.output }, read)

  const input = (await readSafetensors(options.input)).tensors
  const source = await openFor(text, options, input)
  const { network, notes } = source
  // The pass forward does not use labels, but a file may contain them.
  const labels = Object.keys(labelClasses(network))
  const noteOf = (tensor: string) => notes?.inputs.find((note) => note.tensor === tensor) ?? null
  const expected = Object.keys(network.inputs)
    .filter((name) => options.gradients || input.has(name) || !labels.includes(name))
    .map((name) => fileTensor(network, name, noteOf(name), layout))
  const batch = batchOf(options.input, expected[0]!, input)
  const given = requireTensors(
    options.input,
    input,
    Object.fromEntries(expected.map((each) => [each.name, fileShape(each, batch)])),
    labels,
    expected.map(({ name }) => name),
  )
  const inputs = Object.fromEntries(expected.map((each) => [each.tensor, fromFile(each, given[each.name]!)]))
  const parameters = weights === undefined ? source.parameters : await readParameters(weights, network)
  if (parameters === null) throw new UsageError(`${text} has no weights; give --weights <file>`)

  const output = new Output({ color: options.color, isAllThereIs: false })
  const progress = await openProgress()
  const { openSession } = await import('../session.ts')
  const { written, looked } = await untilInterrupted(async (signal) => {
    const session = await openSession(network, {
      batch,
      pass: options.gradients ? 'forward-backward' : 'forward',
      engine: options.engine,
      algorithm: options.algorithm,
      keep: 'printed',
      experimentalV8Flags: true,
      memoryBeside: resultsBeside,
      signal,
      onProgress: ({ done, total }) => progress.update('tuning', done, total),
      ...(options.threads !== undefined && { threads: options.threads }),
      ...(options.retune && { retune: true }),
    })
    try {
      session.write(parameters)
      await session.run(inputs, { signal })
      const written = await results(session, source, layout)
      return { written, looked: lookedAt(session) }
    } finally {
      await session.dispose()
    }
  }).finally(() => progress.clear())
  output.lines(...Object.entries(written).map(([name, { shape }]) => shapeLine(name, shape)))
  await files['--output']!.write(encodeSafetensors(written))
  const made = Object.fromEntries(Object.entries(written).map(([name, { data }]) => [name, data]))
  const warnings = await warningsOf(looked, { ...parameters, ...inputs, ...made })
  output.lines(...warnings.map((warning) => output.palette.yellow(`warning: ${warning}`)))
}

interface LookedAt {
  readonly engine: string
  /** Images and activations that some step reads by Winograd's algorithm. */
  readonly byWinograd: ReadonlySet<string>
}

function lookedAt({ engine, prepared, plan }: Session): LookedAt {
  const steps = prepared.steps.filter(({ algorithm }) => algorithm === 'winograd')
  const read = steps.flatMap(({ step }) => readsOf(step).map(({ tensor }) => tensor))
  const isImage = (name: string) => ['input', 'activation'].includes(plan.tensors[name]?.role ?? '')
  return { engine: engine.name, byWinograd: new Set(read.filter(isImage)) }
}

/** Warnings about the values that were read and computed. */
async function warningsOf(
  { engine, byWinograd }: LookedAt,
  tensors: Readonly<Record<string, Float32Array>>,
): Promise<string[]> {
  const { denormalWarning, rangeWarning } = await import('../bench/value-warnings.ts')
  return Object.entries(tensors)
    .flatMap(([name, values]) => [
      denormalWarning(name, values, engine),
      byWinograd.has(name) ? rangeWarning(name, values) : null,
    ])
    .filter((warning) => warning !== null)
}

/** The results, and the bytes of their file; the input was read before. */
const resultsBeside = ({ tensors }: Plan): MemoryBeside => {
  const read = Object.values(tensors).filter(
    ({ role, isKept }) => isKept && (role === 'activation' || role === 'gradient'),
  )
  const values = read.reduce((sum, { shape }) => sum + elementCount(shape), 0)
  return { bytes: 2 * values * Float32Array.BYTES_PER_ELEMENT }
}

/** The network for these inputs: for a named network, and where a file leaves it open, the size is that of its images. */
async function openFor(
  text: string,
  options: Options,
  input: ReadonlyMap<string, StoredTensor>,
): Promise<NetworkSource> {
  const { imageSize, outputs, layout } = options
  if (!(await isFile(text))) {
    const [size] = extentsOf(options.input, IMAGES, input, layout ?? 'nhwc', { isSquare: true })
    return openNetworkSource(text, { imageSize: imageSize ?? size, outputs })
  }
  try {
    return await openNetworkSource(text, { imageSize, outputs })
  } catch (error) {
    const { OpenSizeError } = await import('../formats/onnx-import.ts')
    const { cause } = error as Error
    if (!(cause instanceof OpenSizeError)) throw error
    const { name, layout: own } = cause.input
    const size = extentsOf(options.input, name, input, layout ?? own)
    return openNetworkSource(text, { imageSize: size, outputs })
  }
}

/** Height and width of the images in a file. */
function extentsOf(
  file: string,
  name: string,
  tensors: ReadonlyMap<string, StoredTensor>,
  layout: FileLayout,
  { isSquare = false }: { readonly isSquare?: boolean } = {},
): readonly [height: number, width: number] {
  const tensor = tensors.get(name)
  if (!tensor) throw new FormatError(`${file}: ${name}: it is missing`)
  const [, first = 0, second = 0, third = 0] = tensor.shape
  const [height, width] = layout === 'nhwc' ? [first, second] : [second, third]
  const isOne = tensor.shape.length === 4 && height > 0 && width > 0 && (height === width || !isSquare)
  if (isOne) return [height, width]
  const size = isSquare ? 'size, size' : 'height, width'
  const axes = layout === 'nhwc' ? `${size}, channels` : `channels, ${size}`
  throw new FormatError(
    `${file}: ${name}: its shape is ${formatShape(tensor.shape)}; (batch, ${axes}) is expected`,
  )
}

/** How many images the file has. Throws FormatError, with the shape that is expected, if the input has another. */
function batchOf(file: string, input: FileTensor, tensors: ReadonlyMap<string, StoredTensor>): number {
  const { name, sizes } = input
  const tensor = tensors.get(name)
  if (!tensor)
    throw new FormatError(`${file}: ${name}: it is missing; the file has ${[...tensors.keys()].join(', ')}`)
  const batch = batchIn(input, tensor.shape)
  if (batch !== null) return batch
  throw new FormatError(
    `${file}: ${name}: its shape is ${formatShape(tensor.shape)}, but ${formatSizes(sizes)} is expected, N images`,
  )
}

type Written = Tensor & { readonly data: Float32Array }

/** The printed activations, or those at which an ONNX file ends, and the outputs; with gradients also the loss and the gradients. */
async function results(
  session: Session,
  { network, notes }: NetworkSource,
  layout: FileLayout | undefined,
): Promise<Record<string, Written>> {
  const { plan } = session
  const noted = (notes?.outputs ?? []).map((note) => fileTensor(network, note.tensor, note, layout))
  const isNoted = new Set(noted.map(({ tensor }) => tensor))
  const others = [...new Set([...(notes ? [] : network.printed), ...plan.outputs])].filter(
    (name) => !isNoted.has(name),
  )
  const layers = new Set(network.layers.filter(({ isLoss }) => !isLoss).map(({ layer }) => layer.name))
  const isActivation = (name: string) => layers.has(name)
  const placed = others.filter(isActivation).map((name) => fileTensor(network, name, null, layout))
  const tensors: Record<string, Written> = {}
  for (const each of [...noted, ...placed]) {
    const data = toFile(each, await read(session, each.tensor))
    tensors[each.name] = { shape: fileShape(each, plan.batch), data }
  }
  for (const name of others.filter((name) => !isActivation(name)))
    tensors[name] = { shape: plan.tensors[name]!.shape, data: await read(session, name) }
  return tensors
}

/** Rejects with ConvmarkError if it is not finite. */
async function read(session: Session, name: string): Promise<Float32Array> {
  const data = await session.fetch(name)
  const bad = firstNotFinite(data)
  if (bad < 0) return data
  throw new ConvmarkError(
    `${name}: value ${bad} of ${data.length} is ${data[bad]}; these weights and images leave float32's range`,
  )
}
