import type { Command } from 'commander'
import type { Dataset } from '../data/index.ts'
import { FormatError, UsageError } from '../errors.ts'
import type { Evaluation } from '../records/evaluation.ts'
import { evaluationLines } from '../report/training.ts'
import type { Accuracy, Model } from '../train/index.ts'
import { VERSION } from '../version.ts'
import { addCommand, type OnEnd, oneOf, positiveInteger } from './command.ts'
import { untilInterrupted } from './interrupt.ts'
import { Output } from './output.ts'
import { openProgress } from './progress.ts'
import { openResultFiles } from './result-files.ts'

interface Options {
  readonly data: string
  readonly split: (typeof SPLITS)[number]
  readonly tenCrop?: boolean
  readonly batch: number
  readonly engine: string
  readonly threads?: number
  readonly json?: string
  readonly html?: string
  readonly color: boolean
}

const SPLITS = ['test', 'train'] as const
const TEN = 10

export function addEvaluateCommand(program: Command, onEnd: OnEnd): void {
  addCommand(program, 'evaluate', 'how well a trained model classifies')
    .argument('<model>', 'a safetensors file that train wrote')
    .requiredOption('--data <source>', 'mnist, cifar10:<folder>, folder:<dir>, idx:<files>, synthetic')
    .option(
      '--split <name>',
      `${SPLITS.join(' | ')}: which part of the data`,
      oneOf('--split', SPLITS),
      'test',
    )
    .option('--ten-crop', 'answers averaged over four corners and the centre, mirrored too')
    .option('--batch <n>', 'images at a time', positiveInteger('--batch'), 100)
    .option('--engine <spec>', 'name[:target][@threads]: auto, x64, wasm, ...', 'auto')
    .option('--threads <n>', 'physical cores by default', positiveInteger('--threads'))
    .option('--json <file>', "the evaluation as JSON; '-' prints it, and nothing else")
    .option('--html <file>', 'the evaluation as one page')
    .option('--no-color', 'plain text')
    .action(async (model: string, options: Options) => {
      await run(model, options)
      onEnd(0)
    })
}

async function run(file: string, options: Options): Promise<void> {
  const { parseEngineSpec } = await import('../engines/index.ts')
  parseEngineSpec(options.engine)
  const { readBytes } = await import('../formats/files.ts')
  const { decodeModel } = await import('../train/model-file.ts')
  const model = decodeModel(await readBytes(file), file)
  const { openDataset } = await import('../data/index.ts')
  const { imageOf } = await import('./training/setup.ts')
  const dataset = await openDataset(options.data, { synthetic: imageOf(model.network) })
  requireFit(file, model, options.data, dataset)
  const files = await openResultFiles(options)
  const output = new Output({ color: options.color, isAllThereIs: !files.isWritten })
  const progress = await openProgress()
  const { startEnvironment } = await import('../bench/environment.ts')
  const started = await startEnvironment()
  const startedMs = performance.now()
  const { accuracy, skipped } = await untilInterrupted((signal) =>
    accuracyOf(file, model, dataset, options, signal, (done, total) =>
      progress.update('images', done, total),
    ),
  ).finally(() => progress.clear())
  const evaluation: Evaluation = {
    kind: 'evaluation',
    schemaVersion: 1,
    tool: { name: 'convmark', version: VERSION },
    environment: await started.finish({ threads: options.threads ?? 1, calibrationSpread: null }),
    network: model.network.name,
    model: file,
    data: options.data,
    ...accuracy,
    confusion: accuracy.confusion.map((row) => [...row]),
    perClass: perClassOf(model, accuracy),
    tenCrop: options.tenCrop ?? false,
    elapsedMs: performance.now() - startedMs,
    skipped,
  }
  await files.write(evaluation, output, async (html) => {
    await (await import('./report.ts')).writeEvaluation(html, [{ name: file, evaluation }])
  })
  if (!files.isPrinted) output.lines(...evaluationLines(evaluation, output.palette))
}

/** Throws where the model answers other questions than the data asks. */
function requireFit(file: string, { classNames }: Model, source: string, dataset: Dataset): void {
  const other = dataset.classNames
  if (classNames.length !== other.length) {
    throw new FormatError(
      `${file}: it knows ${classNames.length} classes, ${source} has ${other.length}; evaluate with the data it was trained for`,
    )
  }
  const different = classNames.findIndex((name, i) => name !== other[i])
  if (different >= 0) {
    throw new FormatError(
      `${file}: its class ${different} is '${classNames[different]}', that of ${source} is '${other[different]}'`,
    )
  }
}

async function accuracyOf(
  file: string,
  { network, parameters, preprocessing }: Model,
  dataset: Dataset,
  options: Options,
  signal: AbortSignal,
  onProgress: (done: number, total: number) => void,
): Promise<{ accuracy: Accuracy; skipped: string[] }> {
  const split = dataset[options.split]
  if (!split) throw new UsageError(`${options.data} has no test images; give --split train`)
  const { openPipeline, parsePreprocessing } = await import('../data/index.ts')
  const { evaluate } = await import('../train/evaluate.ts')
  const views = options.tenCrop ? TEN : 1
  const batch = Math.min(Math.max(1, Math.floor(options.batch / views)), split.count)
  const pipeline = await openPipeline(split, {
    batch,
    preprocessing: parsePreprocessing(preprocessing, file),
    shuffle: false,
    tenCrop: options.tenCrop ?? false,
  })
  try {
    const accuracy = await evaluate(network, {
      parameters,
      batches: pipeline.epoch(1),
      batch: batch * views,
      views,
      engine: options.engine,
      experimentalV8Flags: true,
      ...(options.threads !== undefined && { threads: options.threads }),
      onBatch: (done) => onProgress(done, split.count),
      signal,
    })
    return { accuracy, skipped: pipeline.skipped.map(({ file, reason }) => `${file}: ${reason}`) }
  } finally {
    await pipeline.dispose()
  }
}

const perClassOf = ({ classNames }: Model, { confusion }: Accuracy): Evaluation['perClass'] =>
  classNames.map((name, i) => {
    const count = confusion[i]!.reduce((sum, images) => sum + images, 0)
    const correct = confusion[i]![i]!
    return { name, count, correct, top1: count > 0 ? correct / count : null }
  })
