import type { Command } from 'commander'
import type { Pipeline } from '../data/index.ts'
import { DivergedError, InterruptedError, isInterruption, messageOf, UsageError } from '../errors.ts'
import { TRAINABLE_NETWORK_NAMES } from '../networks/names.ts'
import type { Network } from '../networks/network.ts'
import type { Optimizer } from '../optimizers/index.ts'
import type { TrainingSettings } from '../records/training-log.ts'
import type { Session } from '../session.ts'
import { shellWord } from '../shell.ts'
import { addCommand, type OnEnd } from './command.ts'
import { complain } from './errors.ts'
import { untilInterrupted } from './interrupt.ts'
import { Output } from './output.ts'
import { openProgress } from './progress.ts'
import type { TrainingFiles } from './training/files.ts'
import type { BegunJob, FollowedTraining, Job } from './training/follow.ts'
import type { Keeping, KeptOfDataset } from './training/kept-features.ts'
import { addTrainOptions, settingsOf, type TrainOptions } from './training/options.ts'
import type { TrainingSetup } from './training/setup.ts'
import { tuningBudgetOf, warnOfUnmeasured } from './tuning-budget.ts'

/** What a log says of weights that a file began with, in place of a value of `--init`. */
const OF_FILE = 'file'

/** Time for what Ctrl-C may have to wait for: a batch, and writing a checkpoint of half a gigabyte. */
const GRACE_MS = 60_000

export function addTrainCommand(program: Command, onEnd: OnEnd): void {
  const command = addCommand(program, 'train', 'train a network on images').argument(
    '<network>',
    `${TRAINABLE_NETWORK_NAMES.join(', ')}; or a file, whose weights are trained further: .onnx, .safetensors, or a module`,
  )
  addTrainOptions(command).action(async (network: string, options: TrainOptions) => {
    onEnd(await run(network, options))
  })
}

/** Returns the exit code. */
async function run(networkName: string, options: TrainOptions): Promise<number> {
  const { parseEngineSpec } = await import('../engines/index.ts')
  parseEngineSpec(options.engine)
  const { readCheckpoint } = await import('../train/read-model.ts')
  const { TrainingFiles } = await import('./training/files.ts')
  const { askedNetwork, requirePreprocessing, setUp } = await import('./training/setup.ts')
  const { imageOf } = await import('../train/inputs.ts')
  const { requireSameSettings } = await import('./training/resume.ts')
  const { resume } = options
  const resumed = resume === undefined ? null : { file: resume, checkpoint: await readCheckpoint(resume) }
  const asked = await askedNetwork(networkName, options)
  const { network, source } = asked
  if (source.parameters !== null && options.init === 'benchmark')
    throw new UsageError(`${source.file}: it begins with its own weights; leave --init out`)
  const { requireFineTuning } = await import('./training/fine-tuning.ts')
  requireFineTuning(asked, options)
  requirePreprocessing(asked, options, resumed)
  const settings = {
    ...settingsOf(options, await decayOf(network, options)),
    ...(source.parameters !== null && { init: OF_FILE }),
  }
  const asBefore = { ...settings, network: networkName, imageSize: imageOf(network).size }
  if (resumed) requireSameSettings(resumed, asBefore, options.data)
  const { requireFiniteRates } = await import('../optimizers/index.ts')
  for (const rate of [settings.rate, settings.headRate ?? settings.rate])
    requireFiniteRates(await optimizerOf(options), rate)
  const progress = await openProgress()
  const files = await TrainingFiles.open(
    { ...options, networks: [source.file, options.weights ?? null] },
    (message) => {
      progress.clear()
      complain(new Error(message))
    },
  )
  const started = performance.now()
  try {
    const isKept = files.checkpointPath !== null
    const begun = await setUp(networkName, options, asked, { resumed, isKept, progress }).finally(() =>
      progress.clear(),
    )
    const context = {
      networkName,
      options,
      begun,
      settings,
      asked: { ...asBefore, data: options.data },
      files,
      output: new Output({ color: options.color, isAllThereIs: false }),
      progress,
      resumed,
      elapsedMs: () => performance.now() - started,
    }
    let isDone = false
    let failure: unknown = null
    try {
      isDone = await untilInterrupted((signal) => trained({ ...context, signal }), { graceMs: GRACE_MS })
    } catch (error) {
      if (!(error instanceof InterruptedError)) failure = error
    } finally {
      progress.clear()
    }
    // Also for a training that failed, since they show how.
    const curves = await files.saveCurves((logText) => curvesOf(logText, options.log ?? networkName))
    if (curves !== null) context.output.lines(`saved ${curves}`)
    if (failure !== null) throw failure
    if (!isDone) throw new InterruptedError(interruptedText(files))
  } finally {
    await files.close()
  }
  return files.exitCode
}

function interruptedText({ keptCheckpoint, checkpointPath }: TrainingFiles): string {
  if (keptCheckpoint !== null) return `interrupted; continue with --resume ${shellWord(keptCheckpoint)}`
  return checkpointPath === null
    ? 'interrupted; without --out nothing was kept'
    : 'interrupted; nothing was kept'
}

/** Whether it was finished. */
async function trained(context: BegunJob): Promise<boolean> {
  const { begun, settings, options, files, output, progress, resumed, signal } = context
  const { train } = await import('../train/train.ts')
  const { triedSplit } = await import('../data/index.ts')
  const { trainingBeside } = await import('../train/room.ts')
  const { headLines } = await import('./training/head-lines.ts')
  const { chooseKeeping, NOT_KEPT } = await import('./training/kept-features.ts')
  const { layerSettings } = await import('./training/fine-tuning.ts')
  const { network, batchesPerEpoch, dataset } = begun
  let followed: FollowedTraining | null = null
  let pipeline: Pipeline | null = null
  try {
    output.lines(...headLines(context))
    const layers = layerSettings(options, begun.head)
    const isAllDone = resumed !== null && resumed.checkpoint.state.epoch > settings.epochs
    const keeping = isAllDone ? NOT_KEPT : await chooseKeeping(begun, options, settings, layers.freeze)
    if (keeping.note !== null) output.lines(keeping.note)
    const parameters = await firstParameters(context)
    const events = train(network, {
      ...(await trainerOptions(options, settings)),
      ...layers,
      ...(keeping.from !== null && { from: keeping.from }),
      parameters,
      batches: (epoch, first) => pipeline!.epoch(epoch, first),
      batchesPerEpoch,
      memoryBeside: trainingBeside({
        whole: settings.microBatch && settings.batch,
        tested: triedSplit(dataset)?.count,
        areFiles: dataset.train.files !== undefined,
        kept: keeping.kept,
      }),
      ...(resumed && { resume: resumed.checkpoint.state }),
      onProgress: ({ done, total }) => progress.update('tuning', done, total),
      signal,
    })
    for await (const event of events) {
      // The engine has its memory now, so anything that does not fit is reported before a picture is decoded
      if (event.kind === 'start') {
        const { FollowedTraining } = await import('./training/follow.ts')
        const job = await withPictures({ ...context, keeping, parameters })
        pipeline = job.pipeline
        followed = new FollowedTraining(job)
      }
      await followed!.take(event)
    }
    return followed!.isDone
  } catch (error) {
    const reason = error instanceof DivergedError ? 'nan' : 'error'
    const lastSaved = followed?.lastSaved ?? null
    const elapsedMs = context.elapsedMs()
    if (followed && !isInterruption(error, signal))
      await files.record({ kind: 'end', reason, message: messageOf(error), elapsedMs })
    if (reason === 'error' || lastSaved === null) throw error
    const { file, step } = lastSaved
    throw new DivergedError(`${messageOf(error)}; ${file} is as it was after step ${step}`)
  } finally {
    await pipeline?.dispose()
  }
}

/** Looks at the pictures, and prepares how they become the network's input. */
async function withPictures(context: KeepingJob): Promise<Job> {
  const { openPipeline } = await import('../data/index.ts')
  const { recipeFor } = await import('./training/setup.ts')
  const { pictureLines } = await import('./training/head-lines.ts')
  const { begun, settings, options, output, progress, asked } = context
  const { batch, seed, epochs } = settings
  const { assumed, ...recipe } = await recipeFor(begun, options, context).finally(() => progress.clear())
  const setup = { ...begun, ...recipe, assumed }
  const features = await featuresOf(context, setup)
  const pipeline =
    features?.train.pipeline({ batch, seed, epochs }) ??
    (await openPipeline(begun.dataset.train, { batch, ...recipe, seed, epochs }))
  output.lines(...(await pictureLines(setup, features?.train ?? pipeline)))
  if (features) output.lines(features.line)
  return { ...context, setup, kept: { ...asked, augmentation: recipe.augmentation }, pipeline, features }
}

interface KeepingJob extends BegunJob {
  readonly keeping: Keeping
  /** With which the training begins or continues. */
  readonly parameters: Readonly<Record<string, Float32Array>>
}

/** What the frozen layers make of all images; null if it is not kept. */
async function featuresOf(
  { options, settings, progress, signal, keeping, parameters }: KeepingJob,
  setup: TrainingSetup,
): Promise<KeptOfDataset | null> {
  if (keeping.from === null) return null
  const { keptOfDataset } = await import('./training/kept-features.ts')
  const { engine, threads, retune } = options
  const session = {
    parameters,
    batch: settings.microBatch ?? settings.batch,
    engine,
    experimentalV8Flags: true,
    ...(threads !== undefined && { threads }),
    ...(retune && { retune }),
    ...tuningBudgetOf(options),
    onProgress: ({ done, total }: { readonly done: number; readonly total: number }) =>
      progress.update('tuning', done, total),
    onOpen: (session: Session) => {
      progress.clear()
      warnOfUnmeasured(session, 'frozen layers')
    },
    signal,
  }
  return keptOfDataset(setup, keeping.from, session, (done, total) =>
    progress.update('frozen layers', done, total),
  ).finally(() => progress.clear())
}

/** Those of the checkpoint, of the network's file, or made from the seed. */
async function firstParameters({
  begun: { network, parameters },
  resumed,
  settings: { seed, init },
}: BegunJob): Promise<Readonly<Record<string, Float32Array>>> {
  const { initialize, initializeForTraining } = await import('../networks/initialize.ts')
  const made = init === 'benchmark' ? initialize : initializeForTraining
  return resumed?.checkpoint.state.parameters ?? parameters ?? made(network, { seed })
}

async function decayOf(network: Network, { decay }: TrainOptions): Promise<number> {
  const { weightDecays } = await import('../networks/initialize.ts')
  return decay ?? Math.max(...Object.values(weightDecays(network)))
}

async function optimizerOf({ optimizer, momentum }: TrainOptions): Promise<Optimizer> {
  const { adam, sgd } = await import('../optimizers/index.ts')
  return optimizer === 'adam' ? adam() : sgd({ momentum })
}

async function trainerOptions(options: TrainOptions, settings: TrainingSettings) {
  const { batch, microBatch, rate, clip, epochs } = settings
  const { engine, threads, retune, schedule, decay } = options
  return {
    engine,
    experimentalV8Flags: true,
    ...(threads !== undefined && { threads }),
    ...(retune && { retune }),
    ...tuningBudgetOf(options),
    batch,
    ...(microBatch !== null && { microBatch }),
    epochs,
    rate,
    schedule,
    optimizer: await optimizerOf(options),
    ...(decay !== undefined && { decay }),
    ...(clip !== null && { clipNorm: clip }),
    ...(options.checkpoint && { checkpoint: options.checkpoint }),
  }
}

async function curvesOf(logText: string, name: string): Promise<string> {
  const { parseTrainingLog } = await import('../records/read-training-log.ts')
  const { curvesPage } = await import('./report.ts')
  return curvesPage([{ name, log: parseTrainingLog(logText, name) }])
}
