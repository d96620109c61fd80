import type { Command } from 'commander'
import type { Dataset, Pipeline } from '../data/index.ts'
import { DivergedError, FormatError, ofFile, UsageError } from '../errors.ts'
import type { ImageSize } from '../formats/onnx-import.ts'
import type { Evaluation } from '../records/evaluation.ts'
import { formatCount } from '../report/format.ts'
import { evaluationLines } from '../report/training.ts'
import type { Accuracy, Model } from '../train/index.ts'
import { VERSION } from '../version.ts'
import {
  addCommand,
  DATA,
  ENGINE,
  IMAGE_SIZE,
  type OnEnd,
  OUTPUTS,
  oneOf,
  positiveInteger,
  RETUNE,
  WEIGHTS,
} from './command.ts'
import { type EvaluatedSplit, evaluatedSplit, SPLITS, type SplitName } from './evaluated-split.ts'
import { untilInterrupted } from './interrupt.ts'
import { type NetworkSource, openNetworkSource } from './network-source.ts'
import { Output } from './output.ts'
import { addPreprocessOptions, type PreprocessOptions, preprocessingChoice } from './preprocess-options.ts'
import { openProgress, type Progress } from './progress.ts'
import { openResultFiles } from './result-files.ts'
import { TUNING_BUDGET, type TuningBudgetOptions, tuningBudgetOf, warnOfUnmeasured } from './tuning-budget.ts'

interface Options extends TuningBudgetOptions, PreprocessOptions {
  readonly data: string
  readonly split?: SplitName
  readonly imageSize?: ImageSize
  readonly outputs?: readonly string[]
  readonly weights?: string
  readonly tenCrop?: boolean
  readonly batch: number
  readonly engine: string
  readonly threads?: number
  readonly retune?: boolean
  readonly json?: string
  readonly html?: string
  readonly color: boolean
}

const TEN = 10

export function addEvaluateCommand(program: Command, onEnd: OnEnd): void {
  const command = addCommand(program, 'evaluate', 'how well a trained model classifies')
    .argument(
      '<model>',
      'a .safetensors file that train wrote or with the weights of a named network, an ONNX file, a module with weights, or a name with --weights',
    )
    .requiredOption(...DATA)
    .option(
      '--split <name>',
      `${SPLITS.join(' | ')}: which split of the data; by default the test set, or all images if the data is not divided`,
      oneOf('--split', SPLITS),
    )
    .option(...IMAGE_SIZE)
    .option(...OUTPUTS)
    .option(...WEIGHTS)
  addPreprocessOptions(command)
    .option('--ten-crop', 'average over crops of the four corners and the centre, and their mirror images')
    .option('--batch <n>', 'images at a time', positiveInteger('--batch'), 100)
    .option(...ENGINE)
    .option('--threads <n>', 'physical cores by default', positiveInteger('--threads'))
    .option(...RETUNE)
    .option(...TUNING_BUDGET)
    .option('--json <file>', "the evaluation as JSON; '-' prints it, and nothing else")
    .option('--html <file>', 'the evaluation as one page')
    .option('--no-color', 'plain text')
    .action(async (model: string, options: Options) => onEnd(await run(model, options)))
}

/** Returns the exit code. */
async function run(file: string, options: Options): Promise<number> {
  const { parseEngineSpec } = await import('../engines/index.ts')
  parseEngineSpec(options.engine)
  const files = await openResultFiles(
    options,
    [file, options.weights].filter((path) => path !== undefined),
  )
  const source = await openNetworkSource(file, options)
  const output = new Output({ color: options.color, isAllThereIs: !files.isWritten })
  const progress = await openProgress()
  const { dataset, model, assumed } = await opened(file, source, options, progress)
  if (assumed !== null && !files.isPrinted) output.lines(assumed)
  const split = await evaluatedSplit(model, dataset, options.split, (done, total) =>
    progress.update('images identified', done, total),
  ).finally(() => progress.clear())
  if (split.note !== null && !files.isPrinted) output.lines(split.note)
  const { startEnvironment } = await import('../bench/environment.ts')
  const started = await startEnvironment()
  const startedMs = performance.now()
  const {
    accuracy,
    skipped,
    warnings: found,
  } = await untilInterrupted((signal) =>
    accuracyOf(file, model, split, options, signal, (done, total) => progress.update('images', done, total)),
  ).finally(() => progress.clear())
  const evaluation: Evaluation = {
    kind: 'evaluation',
    schemaVersion: 1,
    tool: { name: 'convmark', version: VERSION },
    environment: await started.finish({ threads: options.threads ?? 1, calibrationSpread: null }),
    network: model.network.name,
    model: file,
    data: options.data,
    split: split.name,
    ...accuracy,
    confusion: accuracy.confusion.map((row) => [...row]),
    unpredicted: [...accuracy.unpredicted],
    perClass: perClassOf(model, accuracy),
    tenCrop: options.tenCrop ?? false,
    elapsedMs: performance.now() - startedMs,
    skipped,
    warnings: [...(assumed === null ? [] : [assumed]), ...found],
  }
  if (!files.isPrinted) output.lines(...evaluationLines(evaluation, output.palette))
  const exitCode = await files.write(evaluation, output, async () =>
    (await import('./report.ts')).evaluationPage([{ name: file, evaluation }]),
  )
  requirePredictions(file, accuracy)
  return exitCode
}

interface Opened {
  readonly dataset: Dataset
  readonly model: Model
  /** What the model's file does not say, and what was taken for it; null if it says all. */
  readonly assumed: string | null
}

/** The data, and the model as its file has it; what another program's file does not say is taken from the data or assumed. */
async function opened(
  file: string,
  source: NetworkSource,
  options: Options,
  progress: Progress,
): Promise<Opened> {
  const { openDataset } = await import('../data/index.ts')
  const { classifierOf } = await import('./training/classifier.ts')
  const { imageOf } = await import('../train/inputs.ts')
  const { logitsOf } = await import('../train/logits.ts')
  const { datasetPreprocessing } = await import('./dataset-preprocessing.ts')
  const { ownPreprocessing } = await import('../models/described.ts')
  const { model, parameters, described } = source
  if (parameters === null) throw new UsageError(`${file}: it has no weights, so it classifies nothing yet`)
  const network = classifierOf(source)
  const image = ofFile(file, () => imageOf(network))
  const own = ownPreprocessing(described, image, file)
  const dataset = await openDataset(options.data, { synthetic: image })
  requireFit(file, described.classNames ?? null, logitsOf(network)?.classes ?? 0, options.data, dataset)
  const { preprocessing, assumed } = await untilInterrupted((signal) =>
    datasetPreprocessing(dataset, image, {
      own,
      choice: preprocessingChoice(options),
      model: file,
      isTrained: true,
      signal,
      onProgress: (done, total) => progress.update('colours of images', done, total),
    }),
  ).finally(() => progress.clear())
  const { classNames } = dataset
  const trainedOn = model?.trainedOn
  const taken = { network, parameters, classNames, preprocessing, ...(trainedOn && { trainedOn }) }
  return { dataset, model: taken, assumed }
}

/** Called after everything was printed and written: images without a prediction are a failure. */
function requirePredictions(file: string, { unpredicted, count }: Accuracy): void {
  const without = unpredicted.reduce((sum, images) => sum + images, 0)
  if (without === 0) return
  throw new DivergedError(
    `${file}: it has no prediction for ${formatCount(without)} of ${formatCount(count)} images, since its logits are NaN or infinite; ` +
      'its training diverged: train it again at a lower rate',
  )
}

/** Throws if the model's classes are not those of the data; `names` is null if the model does not say what they are called. */
function requireFit(
  file: string,
  names: readonly string[] | null,
  classes: number,
  source: string,
  { classNames }: Dataset,
): void {
  if (classes !== classNames.length) {
    throw new FormatError(
      `${file}: it knows ${classes} classes, ${source} has ${classNames.length}; evaluate with the data it was trained for`,
    )
  }
  const different = names?.findIndex((name, i) => name !== classNames[i]) ?? -1
  if (different >= 0) {
    throw new FormatError(
      `${file}: its class ${different} is '${names![different]}', that of ${source} is '${classNames[different]}'`,
    )
  }
}

async function accuracyOf(
  file: string,
  { network, parameters, preprocessing: kept }: Model,
  { split, warning }: EvaluatedSplit,
  options: Options,
  signal: AbortSignal,
  onProgress: (done: number, total: number) => void,
): Promise<{ accuracy: Accuracy; skipped: string[]; warnings: string[] }> {
  const { openPipeline, parsePreprocessing } = await import('../data/index.ts')
  const { evaluate } = await import('../train/evaluate.ts')
  const views = options.tenCrop ? TEN : 1
  const batch = Math.min(Math.max(1, Math.floor(options.batch / views)), split.count)
  const preprocessing = parsePreprocessing(kept, file)
  // Pictures in files have any size
  const sourceSize = preprocessing.resize ?? (split.files ? null : (await split.image(0)).width)
  const areCropsOne = options.tenCrop && sourceSize === preprocessing.size
  const pipeline: Pipeline = await openPipeline(split, {
    batch,
    preprocessing,
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
      ...(options.retune && { retune: true }),
      ...tuningBudgetOf(options),
      onOpen: warnOfUnmeasured,
      onBatch: (done) => onProgress(done, split.count),
      signal,
    })
    return {
      accuracy,
      skipped: pipeline.skipped.map(({ file, reason }) => `${file}: ${reason}`),
      warnings: [
        ...(warning === null ? [] : [warning]),
        ...(areCropsOne
          ? ["the pictures have just the network's size, so ten crops of one are itself and its mirror image"]
          : []),
      ],
    }
  } finally {
    await pipeline.dispose()
  }
}

const perClassOf = ({ classNames }: Model, { confusion, unpredicted }: Accuracy): Evaluation['perClass'] =>
  classNames.map((name, i) => {
    const count = confusion[i]!.reduce((sum, images) => sum + images, unpredicted[i]!)
    const correct = confusion[i]![i]!
    return { name, count, correct, top1: count > 0 ? correct / count : null }
  })
