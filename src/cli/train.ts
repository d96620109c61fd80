import type { Command } from 'commander'
import type { Pipeline } from '../data/index.ts'
import { DivergedError, InterruptedError, isInterruption, messageOf, UsageError } from '../errors.ts'
import { TRAINABLE_NETWORK_NAMES } from '../networks/names.ts'
import type { Network } from '../networks/network.ts'
import type { Optimizer } from '../optimizers/index.ts'
import type { TrainingSettings } from '../records/training-log.ts'
import { shellWord } from '../shell.ts'
import { addCommand, type OnEnd } from './command.ts'
import { complain } from './errors.ts'
import { untilInterrupted } from './interrupt.ts'
import { Output } from './output.ts'
import { openProgress } from './progress.ts'
import type { TrainingFiles } from './training/files.ts'
import type { BegunJob, FollowedTraining, Job } from './training/follow.ts'
import { addTrainOptions, settingsOf, type TrainOptions } from './training/options.ts'
import type { Beginning } from './training/setup.ts'
import { tuningBudgetOf } from './tuning-budget.ts'

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
  const { askedNetwork, setUp } = await import('./training/setup.ts')
  const { imageOf } = await import('../train/inputs.ts')
  const { requireSameSettings } = await import('./training/resume.ts')
  const { resume } = options
  const resumed = resume === undefined ? null : { file: resume, checkpoint: await readCheckpoint(resume) }
  const asked = await askedNetwork(networkName, options)
  const { network, source } = asked
  if (source.parameters !== null && options.init === 'benchmark')
    throw new UsageError(`${source.file}: it begins with its own weights; leave --init out`)
  const { frozenLayers } = await import('../networks/freeze.ts')
  frozenLayers(network, options.freeze)
  const settings = {
    ...settingsOf(options, await decayOf(network, options)),
    ...(source.parameters !== null && { init: OF_FILE }),
  }
  const asBefore = { ...settings, network: networkName, imageSize: imageOf(network).size }
  if (resumed) requireSameSettings(resumed, asBefore, options.data)
  const { requireFiniteRates } = await import('../optimizers/index.ts')
  requireFiniteRates(await optimizerOf(options), settings.rate)
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
  const { network, batchesPerEpoch, dataset } = begun
  let followed: FollowedTraining | null = null
  let pipeline: Pipeline | null = null
  try {
    output.lines(...headLines(context))
    const events = train(network, {
      ...(await trainerOptions(options, begun, settings)),
      batches: (epoch, first) => pipeline!.epoch(epoch, first),
      batchesPerEpoch,
      memoryBeside: trainingBeside({
        whole: settings.microBatch && settings.batch,
        tested: triedSplit(dataset)?.count,
        areFiles: dataset.train.files !== undefined,
      }),
      ...(resumed && { resume: resumed.checkpoint.state }),
      onProgress: ({ done, total }) => progress.update('tuning', done, total),
      signal,
    })
    for await (const event of events) {
      // The engine has its memory now, so anything that does not fit is reported before a picture is decoded
      if (event.kind === 'start') {
        const { FollowedTraining } = await import('./training/follow.ts')
        const job = await withPictures(context)
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
async function withPictures(context: BegunJob): Promise<Job> {
  const { openPipeline } = await import('../data/index.ts')
  const { recipeFor } = await import('./training/setup.ts')
  const { pictureLines } = await import('./training/head-lines.ts')
  const { begun, settings, options, output, progress, asked } = context
  const { batch, seed, epochs } = settings
  const { assumed, ...recipe } = await recipeFor(begun, options, context).finally(() => progress.clear())
  const pipeline = await openPipeline(begun.dataset.train, { batch, ...recipe, seed, epochs })
  const setup = { ...begun, ...recipe, assumed }
  output.lines(...(await pictureLines(setup, pipeline)))
  return { ...context, setup, kept: { ...asked, augmentation: recipe.augmentation }, pipeline }
}

async function decayOf(network: Network, { decay }: TrainOptions): Promise<number> {
  const { weightDecays } = await import('../networks/initialize.ts')
  return decay ?? Math.max(...Object.values(weightDecays(network)))
}

async function optimizerOf({ optimizer, momentum }: TrainOptions): Promise<Optimizer> {
  const { adam, sgd } = await import('../optimizers/index.ts')
  return optimizer === 'adam' ? adam() : sgd({ momentum })
}

async function trainerOptions(
  options: TrainOptions,
  { network, parameters }: Beginning,
  settings: TrainingSettings,
) {
  const { initialize } = await import('../networks/initialize.ts')
  const { batch, microBatch, rate, clip, freeze, epochs, seed, init } = settings
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
    ...(freeze && { freeze }),
    ...(options.checkpoint && { checkpoint: options.checkpoint }),
    seed,
    ...(init === 'benchmark' && { parameters: initialize(network, { seed }) }),
    ...(parameters && { parameters }),
  }
}

async function curvesOf(logText: string, name: string): Promise<string> {
  const { parseTrainingLog } = await import('../records/read-training-log.ts')
  const { curvesPage } = await import('./report.ts')
  return curvesPage([{ name, log: parseTrainingLog(logText, name) }])
}
