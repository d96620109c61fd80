import type { Command } from 'commander'
import { UsageError } from '../errors.ts'
import type { ImageSize } from '../formats/onnx-import.ts'
import { ALGORITHMS, type Algorithm } from '../kernels/kernel.ts'
import { shapeLine } from '../report/classic.ts'
import {
  addCommand,
  ENGINE,
  IMAGE_SIZE,
  type OnEnd,
  OUTPUTS,
  oneOf,
  positiveInteger,
  RETUNE,
  WEIGHTS,
} from './command.ts'
import { FILE_LAYOUTS, type FileLayout } from './file-layout.ts'
import { untilInterrupted } from './interrupt.ts'
import { isFile, NETWORK_HELP, openNetworkSource } from './network-source.ts'
import { Output } from './output.ts'
import { openOutputFiles } from './output-files.ts'
import { openProgress } from './progress.ts'
import { TUNING_BUDGET, type TuningBudgetOptions, tuningBudgetOf, warnOfUnmeasured } from './tuning-budget.ts'

interface Options extends TuningBudgetOptions {
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
    .option(...WEIGHTS)
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
    .option(...TUNING_BUDGET)
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
  const { readSafetensors } = await import('../formats/files.ts')
  const { encodeSafetensors } = await import('../formats/safetensors.ts')
  const { inputsFor, openFor } = await import('./run-inputs.ts')
  const { lookedAt, resultsBeside, resultsOf, warningsOf } = await import('./run-results.ts')
  const read = [
    ...((await isFile(text)) ? [text] : []),
    ...(weights === undefined ? [] : [weights]),
    options.input,
  ]
  const files = await openOutputFiles({ '--output': options.output }, read)

  const { tensors } = await readSafetensors(options.input)
  const input = { path: options.input, tensors, layout }
  const source = await openFor(text, input, options)
  const { network } = source
  const { batch, inputs } = inputsFor(source, input, { needsLabels: options.gradients ?? false })
  const { parameters } = source
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
      ...tuningBudgetOf(options),
    })
    try {
      progress.clear()
      warnOfUnmeasured(session)
      session.write(parameters)
      await session.run(inputs, { signal })
      const written = await resultsOf(session, source, layout)
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
