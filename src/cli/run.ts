import type { Command } from 'commander'
import type { MemoryBeside } from '../engines/engine.ts'
import { ConvmarkError, FormatError } from '../errors.ts'
import type { StoredTensor, Tensor } from '../formats/safetensors.ts'
import { ALGORITHMS, type Algorithm } from '../kernels/kernel.ts'
import { NETWORK_NAMES } from '../networks/names.ts'
import type { Plan } from '../plan/plan.ts'
import { readsOf } from '../plan/steps.ts'
import { shapeLine } from '../report/classic.ts'
import type { Session } from '../session.ts'
import { elementCount, firstNotFinite } from '../tensor.ts'
import { addCommand, ENGINE, type OnEnd, oneOf, positiveInteger, RETUNE } from './command.ts'
import { untilInterrupted } from './interrupt.ts'
import { Output } from './output.ts'
import { openOutputFiles } from './output-files.ts'
import { openProgress } from './progress.ts'

interface Options {
  readonly weights: string
  readonly input: string
  readonly output: string
  readonly gradients?: boolean
  readonly engine: string
  readonly algorithm: Algorithm
  readonly threads?: number
  readonly retune?: boolean
  readonly color: boolean
}

const IMAGES = 'images'

export function addRunCommand(program: Command, onEnd: OnEnd): void {
  addCommand(program, 'run', 'run a network once, with weights and images from safetensors files')
    .argument('[network]', NETWORK_NAMES.join(', '), 'alexnet')
    .requiredOption('--weights <file>', 'its parameters: conv1/weights, conv1/biases, ...')
    .requiredOption(
      '--input <file>',
      'its input: images, (batch, size, size, channels); for --gradients labels too, int64, where it takes any',
    )
    .requiredOption('--output <file>', 'what it makes: the activations by layer name')
    .option('--gradients', "the loss and the parameters' gradients too: conv1/weights.gradient, ...")
    .option(...ENGINE)
    .option(
      '--algorithm <name>',
      `${ALGORITHMS.join(' | ')}: the fastest, or one`,
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

async function run(networkName: string, options: Options): Promise<void> {
  const { parseEngineSpec } = await import('../engines/index.ts')
  parseEngineSpec(options.engine)
  const { labelClasses, networkNamed } = await import('../networks/index.ts')
  networkNamed(networkName) // an unknown one is found before any file is read
  const { readParameters, readSafetensors } = await import('../formats/files.ts')
  const { encodeSafetensors, requireTensors } = await import('../formats/safetensors.ts')
  const files = await openOutputFiles({ '--output': options.output }, [options.weights, options.input])

  const input = (await readSafetensors(options.input)).tensors
  const [batch, imageSize] = imagesExtents(options.input, input)
  const network = networkNamed(networkName, { imageSize })
  // Forward has no use for labels; a file may have them all the same.
  const labels = Object.keys(labelClasses(network))
  const inputShapes = Object.entries(network.inputs)
    .filter(([name]) => options.gradients || input.has(name) || !labels.includes(name))
    .map(([name, shape]) => [name, [batch, ...shape]])
  const inputs = requireTensors(options.input, input, Object.fromEntries(inputShapes), labels)
  const parameters = await readParameters(options.weights, network)

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
      const written = results(session)
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

/** Of what was read and what was made. */
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

/** What is read, and the file of it; the input was read before. */
const resultsBeside = ({ tensors }: Plan): MemoryBeside => {
  const read = Object.values(tensors).filter(
    ({ role, isKept }) => isKept && (role === 'activation' || role === 'gradient'),
  )
  const values = read.reduce((sum, { shape }) => sum + elementCount(shape), 0)
  return { bytes: 2 * values * Float32Array.BYTES_PER_ELEMENT }
}

/** The input's shape tells the batch and the network's image size. */
function imagesExtents(file: string, tensors: ReadonlyMap<string, StoredTensor>): [number, number] {
  const images = tensors.get(IMAGES)
  if (!images) throw new FormatError(`${file}: ${IMAGES}: it is missing`)
  const [batch = 0, height = 0, width = 0] = images.shape
  if (images.shape.length !== 4 || batch === 0 || height === 0 || height !== width) {
    throw new FormatError(
      `${file}: ${IMAGES}: its shape is [${images.shape.join(', ')}]; (batch, size, size, channels) is expected`,
    )
  }
  return [batch, height]
}

type Written = Tensor & { readonly data: Float32Array }

/** The printed activations and what the run is for: outputs, and of forward-backward the loss and the gradients. */
function results(session: Session): Record<string, Written> {
  const { network, plan } = session
  const names = new Set([...network.printed, ...plan.outputs])
  const tensors: Record<string, Written> = {}
  for (const name of names) {
    const data = session.read(name)
    const bad = firstNotFinite(data)
    if (bad >= 0) {
      throw new ConvmarkError(
        `${name}: value ${bad} of ${data.length} is ${data[bad]}; these weights and images leave float32's range`,
      )
    }
    tensors[name] = { shape: plan.tensors[name]!.shape, data }
  }
  return tensors
}
