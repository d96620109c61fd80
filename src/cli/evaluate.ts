import type { Command } from 'commander'
import type { Dataset, Pipeline } from '../data/index.ts'
import { DivergedError, FormatError, ofFile } from '../errors.ts'
import type { Evaluation } from '../records/evaluation.ts'
import { formatCount } from '../report/format.ts'
import { evaluationLines } from '../report/training.ts'
import type { Accuracy, Model } from '../train/index.ts'
import { VERSION } from '../version.ts'
import { addCommand, DATA, ENGINE, type OnEnd, oneOf, positiveInteger, RETUNE } from './command.ts'
import { type EvaluatedSplit, evaluatedSplit, SPLITS, type SplitName } from './evaluated-split.ts'
import { untilInterrupted } from './interrupt.ts'
import { Output } from './output.ts'
import { openProgress } from './progress.ts'
import { openResultFiles } from './result-files.ts'

interface Options {
  readonly data: string
  readonly split?: SplitName
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
  addCommand(program, 'evaluate', 'how well a trained model classifies')
    .argument('<model>', 'a safetensors file that train wrote')
    .requiredOption(...DATA)
    .option(
      '--split <name>',
      `${SPLITS.join(' | ')}: which part of the data; by default the test set, or all of what is not divided`,
      oneOf('--split', SPLITS),
    )
    .option('--ten-crop', 'answers averaged over four corners and the centre, mirrored too')
    .option('--batch <n>', 'images at a time', positiveInteger('--batch'), 100)
    .option(...ENGINE)
    .option('--threads <n>', 'physical cores by default', positiveInteger('--threads'))
    .option(...RETUNE)
    .option('--json <file>', "the evaluation as JSON; '-' prints it, and nothing else")
    .option('--html <file>', 'the evaluation as one page')
    .option('--no-color', 'plain text')
    .action(async (model: string, options: Options) => onEnd(await run(model, options)))
}

/** The exit code. */
async function run(file: string, options: Options): Promise<number> {
  const { parseEngineSpec } = await import('../engines/index.ts')
  parseEngineSpec(options.engine)
  const files = await openResultFiles(options, [file])
  const { readModel } = await import('../train/read-model.ts')
  const model = await readModel(file)
  const { openDataset } = await import('../data/index.ts')
  const dataset = await openDataset(options.data, { synthetic: await imageOfModel(file, model) })
  requireFit(file, model, options.data, dataset)
  const output = new Output({ color: options.color, isAllThereIs: !files.isWritten })
  const progress = await openProgress()
  const part = await evaluatedSplit(model, dataset, options.split, (done, total) =>
    progress.update('images identified', done, total),
  ).finally(() => progress.clear())
  if (part.note !== null && !files.isPrinted) output.lines(part.note)
  const { startEnvironment } = await import('../bench/environment.ts')
  const started = await startEnvironment()
  const startedMs = performance.now()
  const { accuracy, skipped, warnings } = await untilInterrupted((signal) =>
    accuracyOf(file, model, part, options, signal, (done, total) => progress.update('images', done, total)),
  ).finally(() => progress.clear())
  const evaluation: Evaluation = {
    kind: 'evaluation',
    schemaVersion: 1,
    tool: { name: 'convmark', version: VERSION },
    environment: await started.finish({ threads: options.threads ?? 1, calibrationSpread: null }),
    network: model.network.name,
    model: file,
    data: options.data,
    split: part.name,
    ...accuracy,
    confusion: accuracy.confusion.map((row) => [...row]),
    unpredicted: [...accuracy.unpredicted],
    perClass: perClassOf(model, accuracy),
    tenCrop: options.tenCrop ?? false,
    elapsedMs: performance.now() - startedMs,
    skipped,
    warnings,
  }
  if (!files.isPrinted) output.lines(...evaluationLines(evaluation, output.palette))
  const exitCode = await files.write(evaluation, output, async () =>
    (await import('./report.ts')).evaluationPage([{ name: file, evaluation }]),
  )
  requirePredictions(file, accuracy)
  return exitCode
}

/** Whatever was found is said and written: it is no success. */
function requirePredictions(file: string, { unpredicted, count }: Accuracy): void {
  const without = unpredicted.reduce((sum, images) => sum + images, 0)
  if (without === 0) return
  throw new DivergedError(
    `${file}: it has no prediction for ${formatCount(without)} of ${formatCount(count)} images, since its logits are NaN or infinite; ` +
      'its training diverged: train it again at a lower rate',
  )
}

/** What its network takes. Throws FormatError where that is not what its preprocessing makes. */
async function imageOfModel(file: string, { network, preprocessing }: Model) {
  const { imageOf } = await import('./training/setup.ts')
  const { parsePreprocessing } = await import('../data/index.ts')
  const image = ofFile(file, () => imageOf(network))
  const made = parsePreprocessing(preprocessing, file)
  if (made.size !== image.size || made.channels !== image.channels) {
    throw new FormatError(
      `${file}: its preprocessing makes images of ${made.size} x ${made.size} x ${made.channels}, ` +
        `its network takes ${image.size} x ${image.size} x ${image.channels}`,
    )
  }
  return image
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
  // Pictures in files are of any size
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
