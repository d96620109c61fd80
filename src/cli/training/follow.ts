import { type Dataset, type Pipeline, triedSplit } from '../../data/index.ts'
import { isInterruption } from '../../errors.ts'
import { definitionOf } from '../../layers/index.ts'
import type { EpochRecord, TrainingSettings } from '../../records/training-log.ts'
import {
  formatCount,
  formatDuration,
  formatImageRate,
  formatLoss,
  formatPercent,
} from '../../report/format.ts'
import { saysTop5 } from '../../report/outcome.ts'
import { epochLine } from '../../report/training.ts'
import type { Session } from '../../session.ts'
import { diverged } from '../../train/diverged.ts'
import type { Accuracy, TrainEvent, TrainingState } from '../../train/index.ts'
import { VERSION } from '../../version.ts'
import type { Output } from '../output.ts'
import type { Progress } from '../progress.ts'
import { tuningBudgetOf, warnOfUnmeasured } from '../tuning-budget.ts'
import type { TrainingFiles } from './files.ts'
import type { KeptOfDataset } from './kept-features.ts'
import type { TrainOptions } from './options.ts'
import type { Resumed } from './resume.ts'
import { type Beginning, parameterCount, type TrainingSetup } from './setup.ts'

/** The least time between two lines of the log. */
const LOGGED_MS = 200

/** A training that was asked for, and what belongs to it. */
export interface BegunJob {
  readonly networkName: string
  readonly settings: TrainingSettings
  /** The checkpoint it was resumed from; null for a new training. */
  readonly resumed: Resumed | null
  readonly options: TrainOptions
  readonly begun: Beginning
  /** The settings that a checkpoint stores, without the augmentation. */
  readonly asked: Readonly<Record<string, unknown>>
  readonly files: TrainingFiles
  readonly output: Output
  readonly progress: Progress
  readonly signal: AbortSignal
  /** Since the command began. */
  elapsedMs(): number
}

/** A training that is running. */
export interface Job extends BegunJob {
  readonly setup: TrainingSetup
  /** The settings that a checkpoint stores. */
  readonly kept: unknown
  readonly pipeline: Pipeline
  /** What frozen layers make of the images; null if they run in every epoch. */
  readonly features: KeptOfDataset | null
}

type EventOf<Kind extends TrainEvent['kind']> = Extract<TrainEvent, { kind: Kind }>

/** Follows a training: its progress bar, its log, its checkpoints, and the test after each epoch. */
export class FollowedTraining {
  /** Whether it was finished. */
  isDone = false
  /** The last checkpoint; before the first is saved, the one that was resumed. */
  lastSaved: { readonly file: string; readonly step: number } | null
  readonly #job: Job
  #loggedMs = 0
  #trainedMs = 0
  #trainedBatches = 0
  #skipped = 0
  /** Over the current epoch, for the progress bar. */
  #loss = 0
  #correct = 0
  #images = 0
  /** Whether the next test measures its tiles again: only the first one does, if that was asked for. */
  #retunesNext: boolean
  /** Whether it was said that tiles of the test were not measured; that is said once, and not after each epoch. */
  #hasWarnedOfTest = false

  constructor(job: Job) {
    this.#job = job
    this.#retunesNext = job.options.retune ?? false
    const { resumed } = job
    this.lastSaved = resumed && { file: resumed.file, step: resumed.checkpoint.state.step }
  }

  async take(event: TrainEvent): Promise<void> {
    if (event.kind === 'start') await this.#begin(event)
    else if (event.kind === 'step') await this.#step(event)
    else if (event.kind === 'epoch') await this.#epoch(event)
    else await this.#finish(event)
  }

  async #begin({ engine, session }: EventOf<'start'>): Promise<void> {
    const { files, setup, options, networkName, output, settings, resumed } = this.#job
    const { name, target, threads, reason } = engine
    output.lines(`engine ${name}, ${target}, ${threads} ${threads === 1 ? 'thread' : 'threads'}: ${reason}`)
    warnOfUnmeasured(session, 'training')
    const left = resumed?.checkpoint.state
    if (left) {
      this.#images = left.sums.images
      this.#loss = left.sums.loss
      this.#correct = left.sums.correct ?? 0
      const isAllDone = left.epoch > settings.epochs
      output.lines(
        isAllDone
          ? `resumed after its ${left.epoch - 1} epochs, so there is nothing left to train; use more --epochs`
          : `resumed in epoch ${left.epoch} after ${formatCount(left.step)} steps`,
      )
    }
    const { dataset, network } = setup
    await files.record({
      kind: 'run',
      schemaVersion: 1,
      tool: { name: 'convmark', version: VERSION },
      network: networkName,
      data: options.data,
      engine: { ...engine, v8Flags: [...engine.v8Flags] },
      settings,
      parameters: parameterCount(network),
      trainCount: dataset.train.count,
      testCount: triedSplit(dataset)?.count ?? 0,
      testedOn: testedOn(dataset),
      hasDropout: network.layers.some(({ layer }) => definitionOf(layer).usesTurns ?? false),
      classNames: [...dataset.classNames],
      startedAt: new Date().toISOString(),
    })
    if (left) await files.record({ kind: 'resume', epoch: left.epoch, step: left.step })
  }

  async #step(event: EventOf<'step'>): Promise<void> {
    const { files, progress, pipeline, settings } = this.#job
    const { epoch, step, loss, rate, images, correct, elapsedMs, gradientNorm } = event
    this.#trainedMs += elapsedMs
    this.#trainedBatches++
    this.#loss += loss * images
    this.#correct += correct ?? 0
    this.#images += images
    const { batchesPerEpoch } = pipeline
    const imagesPerSecond = (1000 * images * this.#trainedBatches) / this.#trainedMs
    const left = settings.epochs * batchesPerEpoch - step
    progress.update(
      `epoch ${epoch}/${settings.epochs}`,
      step - (epoch - 1) * batchesPerEpoch,
      batchesPerEpoch,
      [
        `loss ${formatLoss(this.#loss / this.#images)}`,
        `train ${formatPercent(this.#correct / this.#images)}`,
        `${formatImageRate(imagesPerSecond)} images/s`,
        `${formatDuration((left * this.#trainedMs) / this.#trainedBatches)} left`,
      ].join('  '),
    )
    const now = this.#job.elapsedMs()
    if (now - this.#loggedMs < LOGGED_MS && step % batchesPerEpoch !== 0) return
    this.#loggedMs = now
    await files.record({
      kind: 'step',
      epoch,
      step,
      loss,
      rate,
      imagesPerSecond: (1000 * images) / elapsedMs,
      elapsedMs: now,
      ...(gradientNorm !== null && { gradientNorm }),
    })
  }

  async #epoch(event: EventOf<'epoch'>): Promise<void> {
    const { files, output, progress, pipeline, settings, setup, signal } = this.#job
    const state = event.state()
    const isLast = event.epoch === settings.epochs
    let accuracy: Accuracy | null = null
    try {
      accuracy = await this.#test(state)
    } catch (error) {
      // After Ctrl-C the training ends with its next step, which also saves.
      if (!isInterruption(error, signal)) {
        await this.#save(state, { isLast: true }) // the trained parameters are saved even if their test failed
        throw error
      }
    }
    if (accuracy) this.#requirePredictions(accuracy, event.epoch)
    await this.#save(state, { isLast })
    const { sums } = event
    const skipped = pipeline.skipped.length
    const record: EpochRecord = {
      kind: 'epoch',
      epoch: event.epoch,
      step: event.step,
      trainLoss: sums.loss / sums.images,
      trainAccuracy: (sums.correct ?? 0) / sums.images,
      testLoss: accuracy?.loss ?? null,
      testTop1: accuracy?.top1 ?? null,
      testTop5: accuracy && saysTop5(accuracy.confusion.length) ? accuracy.top5 : null,
      elapsedMs: this.#job.elapsedMs(),
      trainMs: sums.elapsedMs,
      waitedMs: sums.waitedMs,
      imagesPerSecond: (1000 * sums.images) / sums.elapsedMs,
      skippedImages: skipped - this.#skipped,
    }
    const skippedLines = pipeline.skipped
      .slice(this.#skipped)
      .map(({ file, reason }) => output.palette.yellow(`skipped ${file}: ${reason}`))
    this.#skipped = skipped
    this.#loss = 0
    this.#correct = 0
    this.#images = 0
    await files.record(record)
    progress.clear()
    output.lines(...skippedLines, epochLine(record, settings.epochs, testedOn(setup.dataset)))
  }

  async #finish({ reason, state }: EventOf<'end'>): Promise<void> {
    const { files, output, progress } = this.#job
    progress.clear()
    const left = state() // throws if it is not finite, and then this is not a normal end
    if (reason === 'interrupted') await this.#save(left, { isLast: true })
    else {
      const saved = await files.saveModel({ ...this.#model(), parameters: left.parameters })
      if (saved !== null) output.lines(`saved ${saved}`)
    }
    await files.record({ kind: 'end', reason, elapsedMs: this.#job.elapsedMs() })
    this.isDone = reason === 'done'
  }

  /** Throws DivergedError: a model without predictions must not replace the last checkpoint. */
  #requirePredictions({ unpredicted, count }: Accuracy, epoch: number): void {
    const without = unpredicted.reduce((sum, images) => sum + images, 0)
    if (without === 0) return
    throw diverged(
      `after epoch ${epoch}, ${formatCount(without)} of ${formatCount(count)} images of the ` +
        `${testedOn(this.#job.setup.dataset)} set have no prediction, since their logits are NaN or infinite`,
    )
  }

  #model() {
    const { network, dataset, preprocessing, trainedOn } = this.#job.setup
    return { network, classNames: dataset.classNames, preprocessing, ...(trainedOn && { trainedOn }) }
  }

  /** `isLast`: if it can't be written there is no later opportunity. */
  async #save(state: TrainingState, { isLast }: { readonly isLast: boolean }): Promise<void> {
    const { files, kept } = this.#job
    const content = [this.#model(), state, kept] as const
    const file = await (isLast ? files.saveLastCheckpoint(...content) : files.saveCheckpoint(...content))
    if (file !== null) this.lastSaved = { file, step: state.step }
  }

  /** Null if there is no test set. */
  async #test({ parameters }: TrainingState): Promise<Accuracy | null> {
    const { setup, options, progress, signal, settings, features } = this.#job
    const { dataset, network, preprocessing } = setup
    const { batch, microBatch } = settings
    const tried = triedSplit(dataset)
    if (!tried) return null
    const { openPipeline } = await import('../../data/index.ts')
    const { evaluate } = await import('../../train/evaluate.ts')
    const size = Math.min(microBatch ?? batch, tried.count)
    const layout = { batch: size, shuffle: false }
    await using pipeline =
      features?.tried?.pipeline(layout) ?? (await openPipeline(tried, { ...layout, preprocessing }))
    const retune = this.#retunesNext
    this.#retunesNext = false
    return await evaluate(network, {
      parameters,
      ...(features && { from: features.from }),
      batches: pipeline.epoch(1),
      batch: size,
      engine: options.engine,
      experimentalV8Flags: true,
      retune,
      ...tuningBudgetOf(options),
      onOpen: (session) => this.#warnOfTest(session),
      ...(options.threads !== undefined && { threads: options.threads }),
      isRoomSure: true, // its memory is counted beside the training's
      onBatch: (done) => progress.update(testedOn(dataset), done, tried.count),
      signal,
    })
  }

  #warnOfTest(session: Session): void {
    if (this.#hasWarnedOfTest || !session.prepared.unmeasuredSteps) return
    this.#hasWarnedOfTest = true
    this.#job.progress.clear()
    warnOfUnmeasured(session, `${testedOn(this.#job.setup.dataset)} set`)
  }
}

const testedOn = ({ validation }: Dataset) => (validation ? 'validation' : 'test')
