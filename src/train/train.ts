import {
  arrayOfText,
  float32Tensors,
  integerFromZero,
  numberFromZero,
  numberOverZero,
  objectWith,
  oneOf,
  optional,
  positiveInteger,
  type Rules,
  recordOf,
  requireOptions,
  someFunction,
  someText,
} from '../check-options.ts'
import { type EngineInfo, prepareRules } from '../engines/engine.ts'
import { openEngine } from '../engines/index.ts'
import { isInterruption, ShapeError, UsageError } from '../errors.ts'
import { frozenLayers, layersWithParameters } from '../networks/freeze.ts'
import { initializeForTraining, weightDecays } from '../networks/initialize.ts'
import { type Network, parametersOf, requireNetwork } from '../networks/network.ts'
import { firstChanged, splitNetwork } from '../networks/split.ts'
import { type Optimizer, optimizerOf, optimizerRule, requireFiniteRates, sgd } from '../optimizers/index.ts'
import {
  checkpointRule,
  isTotal,
  NORM_TENSOR,
  RATES_TENSOR,
  type Training,
  TURN_TENSOR,
} from '../plan/training.ts'
import type { Tuning } from '../runtime/tuning.ts'
import {
  openSession,
  type Session,
  type SessionChoices,
  type SessionOptions,
  sessionChoiceRules,
} from '../session.ts'
import { elementCount, firstNotFinite } from '../tensor.ts'
import { judge } from './accuracy.ts'
import { findNotFinite } from './diagnose.ts'
import { diverged } from './diverged.ts'
import { type BatchInputs, batchInputs } from './inputs.ts'
import { logitsOf } from './logits.ts'
import { rateFactors } from './rates.ts'
import { trainingBeside } from './room.ts'
import { rateAt, SCHEDULES, type Schedule } from './schedule.ts'
import {
  type EpochSums,
  lastingTensors,
  NO_SUMS,
  requireSameTensors,
  stateRules,
  type TrainingState,
  tensorsOf,
} from './state.ts'

/** Images (N, H, W, C), or the values of `from`, and the index of each one's class, whatever the network calls these inputs. */
export interface TrainingBatch {
  readonly images: Float32Array
  readonly labels: Float32Array
}

type MaybeAsync<T> = AsyncIterable<T> | Iterable<T>

/** What `train` does with the network. */
export interface TrainOptions extends SessionChoices, Pick<SessionOptions, 'memoryBeside'> {
  /**
   * The batches of an epoch (counted from 1) from `firstBatch` on. All have `batch` images; asked again for the same
   * epoch, they come in the same order.
   */
  readonly batches: (epoch: number, firstBatch: number) => MaybeAsync<TrainingBatch>
  /** How many batches an epoch has; the schedule of the learning rate depends on it. */
  readonly batchesPerEpoch: number
  /** How many epochs the training has, those before `resume` included. */
  readonly epochs: number
  /** Images of an update. */
  readonly batch: number
  /** Images that are computed at a time, if memory is short: a divisor of `batch`, and by default all of it. */
  readonly microBatch?: number
  /** SGD with momentum 0.9 by default. */
  readonly optimizer?: Optimizer
  /** The learning rate; 0.01 by default. */
  readonly rate?: number
  /**
   * Rates of single layers in place of `rate`, by name or by a pattern in which `*` stands for any text: `{ fc: 0.1, 'layer4.*': 0.001 }`.
   * A name counts more than a pattern, a later pattern more than an earlier one. The schedule applies to all.
   */
  readonly rates?: Readonly<Record<string, number>>
  /** `constant` by default. */
  readonly schedule?: Schedule
  /** L2 penalty of the weights and biases for which the network does not fix it; see `weightDecays`. */
  readonly decay?: number
  /** If the norm of all gradients together is larger, they are scaled down to it; off by default. */
  readonly clipNorm?: number
  /** Layers whose parameters stay as they are, by name or with `*`; see `Training`. */
  readonly freeze?: readonly string[]
  /**
   * A tensor before which all layers are frozen (`lastFixedTensor`): `images` of the batches are its values, as `keepFeatures` makes
   * them, and only what comes after it is computed. States are those of the whole network all the same.
   */
  readonly from?: string
  /** `blocks`: activations are made again in backward, for less memory and the same bits; see `Training`. */
  readonly checkpoint?: Training['checkpoint']
  /** Seed of the initial parameters; 7 by default. */
  readonly seed?: number
  /** Initial parameters; by default made from the seed. */
  readonly parameters?: Readonly<Record<string, Float32Array>>
  /**
   * The state from which to continue; everything else must be the same as before. With `retune` its tiles are not used,
   * so the bits will differ.
   */
  readonly resume?: TrainingState
  /** An engine's spec; `auto` by default. */
  readonly engine?: string
  /** As in PrepareOptions: called while tiles are measured. */
  readonly onProgress?: SessionOptions['onProgress']
  /** Ends the training; the current update is finished or undone. The state is in the last event. */
  readonly signal?: AbortSignal
}

const DEFAULT_RATE = 0.01

interface Now {
  /** The current epoch, counted from 1, and all updates made so far. */
  readonly epoch: number
  readonly step: number
  /**
   * A copy of all that the training needs to continue; call it before the next event. Throws DivergedError if it is not
   * finite, so that no state is saved from which training can't continue.
   */
  state(): TrainingState
}

/**
 * What `train` yields, by `kind`: `start` once the session is open; `step` after each update; `epoch` after each epoch,
 * with sums over it; `end` at the end.
 *
 * All but `start` have `epoch` (the current one, counted from 1), `step` (all updates made so far) and `state()`, a
 * copy of all that the training needs to continue: call it before the next event; it throws DivergedError if the state
 * is not finite. `loss` is the mean over the update's images, `correct` how many of them had the largest logit at their
 * label (null if the network has no classes), `gradientNorm` the norm of all gradients before clipping (null if they
 * are not clipped), `waitedMs` how much of `elapsedMs` was spent waiting for the batch.
 */
export type TrainEvent =
  | {
      readonly kind: 'start'
      readonly engine: EngineInfo
      readonly session: Session
      readonly tuning: Tuning | null
    }
  | (Now & {
      readonly kind: 'step'
      /** The mean over this update's images. */
      readonly loss: number
      readonly rate: number
      readonly images: number
      /** How many of these had the largest logit at their label; null if the network has no classes. */
      readonly correct: number | null
      readonly elapsedMs: number
      readonly waitedMs: number
      /** Before clipping; null if gradients are not clipped. */
      readonly gradientNorm: number | null
    })
  | (Now & { readonly kind: 'epoch'; readonly sums: EpochSums })
  | (Now & { readonly kind: 'end'; readonly reason: 'done' | 'interrupted' })

/**
 * Trains a network: for each batch forward, backward and an update of the parameters, all on one engine. Yields an
 * event after every update and every epoch; nothing runs until the caller asks for the next one. Throws UsageError for
 * invalid options. Throws DivergedError before an update if its loss is not finite, naming the first layer that is not;
 * with `clipNorm`, after an update if the norm of its gradients is not finite; and in place of an epoch's event if a
 * parameter, a state of the optimizer, or the loss of the last batch after the last update is not finite. That check
 * costs one more forward and backward an epoch. A signal hides no error: an event of the kind `end` says that the
 * training was interrupted only if nothing else went wrong.
 */
export async function* train(
  network: Network,
  options: TrainOptions,
): AsyncGenerator<TrainEvent, void, void> {
  requireTrainable(network, options)
  const { optimizer = sgd(), batch, microBatch = batch, rate = DEFAULT_RATE, rates, resume, signal } = options
  const { computed, frozen, isComputed } = computedPart(network, options)
  const factors = rates && rateFactors(network, { rate, rates, freeze: options.freeze })
  const training: Training = {
    optimizer,
    decays: pick(weightDecays(network, options.decay), isComputed),
    ...(factors && { rateFactors: factors }),
    microBatches: batch / microBatch,
    clipNorm: options.clipNorm,
    ...(frozen && { freeze: frozen }),
    ...(options.checkpoint && { checkpoint: options.checkpoint }),
  }
  const { threads, experimentalV8Flags, retune, tuningBudgetMs, algorithm, onProgress } = options
  const engine = await openEngine(options.engine ?? 'auto', { threads, experimentalV8Flags, retune, signal })
  let session: Session | null = null
  try {
    const logits = logitsOf(computed)
    session = await openSession(computed, {
      batch: microBatch,
      pass: 'train',
      training,
      // They are no output where another layer reads them too, such as a softmax beside the loss.
      ...(logits && { keep: [logits.name] }),
      engine,
      algorithm,
      tuning: retune ? undefined : (resume?.tuning ?? undefined),
      retune,
      ...(tuningBudgetMs !== undefined && { tuningBudgetMs }),
      memoryBeside: options.memoryBeside ?? trainingBeside({ whole: microBatch === batch ? null : batch }),
      onProgress,
      signal,
    })
    yield { kind: 'start', engine: engine.info, session, tuning: session.tuning }
    const first =
      resume?.parameters ?? options.parameters ?? initializeForTraining(network, { seed: options.seed ?? 7 })
    const fixed = pick(first, (name) => !isComputed(name))
    const own = pick(first, isComputed)
    if (resume) requireSameTensors(session, { ...resume, parameters: own })
    session.write(own)
    if (resume) session.write(resume.states)
    const run = new TrainingRun(computed, session, training, options, fixed)
    yield* run.events((inputs, settings) =>
      findNotFinite(computed, engine, microBatch, {
        parameters: tensorsOf(session!).parameters,
        inputs,
        settings,
        training,
      }),
    )
  } finally {
    await session?.dispose()
    await engine.dispose()
  }
}

type Tensors = Readonly<Record<string, Float32Array>>
interface RunInputs {
  readonly inputs: Tensors
  /** Tensors that are written besides the network's inputs: which values dropout drops. */
  readonly settings: Tensors
}
/** Says where numbers stopped being finite. */
type Diagnose = (inputs: Tensors, settings: Tensors) => Promise<string>

class TrainingRun {
  readonly #network: Network
  readonly #session: Session
  readonly #training: Training
  readonly #options: TrainOptions
  /** The parameters of what is not computed. */
  readonly #fixed: Tensors
  readonly #losses: readonly string[]
  readonly #inputs: BatchInputs
  readonly #logits: { readonly name: string; readonly classes: number } | null
  #step: number
  #epoch: number
  #batch: number
  #sums: EpochSums
  /** What was written for the last run; null before the first. */
  #last: RunInputs | null = null
  /** Running statistics as they were before the current update, since forward changes them; empty between updates. */
  #statisticsBefore: Tensors = {}

  constructor(network: Network, session: Session, training: Training, options: TrainOptions, fixed: Tensors) {
    this.#fixed = fixed
    this.#network = network
    this.#session = session
    this.#training = training
    this.#options = options
    const { step = 0, epoch = 1, batch = 0, sums = NO_SUMS } = options.resume ?? {}
    this.#step = step
    this.#epoch = epoch
    this.#batch = batch
    this.#sums = sums
    this.#losses = network.layers.filter(({ isLoss }) => isLoss).map(({ layer }) => layer.name)
    this.#inputs = batchInputs(network)
    this.#logits = logitsOf(network)
  }

  async *events(diagnose: Diagnose): AsyncGenerator<TrainEvent, void, void> {
    const { epochs, signal } = this.#options
    try {
      while (this.#epoch <= epochs) yield* this.#epochEvents(diagnose)
    } catch (error) {
      // An interruption takes effect between updates: the session holds the result of the last one.
      if (!isInterruption(error, signal)) throw error
      this.#session.write(this.#statisticsBefore)
      yield { kind: 'end', reason: 'interrupted', ...this.#now() }
      return
    }
    yield { kind: 'end', reason: 'done', ...this.#now() }
  }

  async *#epochEvents(diagnose: Diagnose): AsyncGenerator<TrainEvent, void, void> {
    const { signal, batches } = this.#options
    let begunMs = performance.now()
    for await (const given of batches(this.#epoch, this.#batch)) {
      signal?.throwIfAborted()
      const waitedMs = performance.now() - begunMs
      const made = await this.#update(given, diagnose)
      const elapsedMs = performance.now() - begunMs
      this.#batch++
      const { images, loss, correct } = this.#sums
      this.#sums = {
        images: images + this.#options.batch,
        loss: loss + made.loss * this.#options.batch,
        correct: correct === null || made.correct === null ? null : correct + made.correct,
        elapsedMs: this.#sums.elapsedMs + elapsedMs,
        waitedMs: this.#sums.waitedMs + waitedMs,
      }
      const { loss: stepLoss, correct: stepCorrect, rate, gradientNorm } = made
      yield {
        kind: 'step',
        loss: stepLoss,
        rate,
        images: this.#options.batch,
        correct: stepCorrect,
        elapsedMs,
        waitedMs,
        gradientNorm,
        ...this.#now(),
      }
      begunMs = performance.now()
    }
    if (this.#batch === 0) throw new UsageError(`epoch ${this.#epoch} has no batch; give smaller ones`)
    await this.#requireFinite(diagnose)
    const [epoch, sums] = [this.#epoch, this.#sums]
    // A training that continues from here begins with the next epoch.
    this.#epoch++
    this.#batch = 0
    this.#sums = NO_SUMS
    yield { kind: 'epoch', sums, ...this.#now(), epoch }
  }

  /** Forward and backward of each micro-batch; then, if the loss is a number, the update. */
  async #update(given: TrainingBatch, diagnose: Diagnose) {
    const { microBatches = 1, optimizer } = this.#training
    const { rate = DEFAULT_RATE, schedule = 'constant', epochs, batchesPerEpoch, signal } = this.#options
    const now = rateAt(schedule, rate, this.#step, epochs * batchesPerEpoch)
    const session = this.#session
    session.write({
      [RATES_TENSOR]: Float32Array.from(optimizerOf(optimizer).rates(optimizer, now, this.#step + 1)),
    })
    this.#statisticsBefore = this.#statistics()
    let loss = 0
    let correct: number | null = 0
    for (let microBatch = 0; microBatch < microBatches; microBatch++) {
      const inputs = this.#microBatchOf(given, microBatch)
      this.#last = { inputs, settings: this.#dropoutTurn(microBatch) }
      const microBatchLoss = await this.#lossOf(this.#last, signal)
      if (!Number.isFinite(microBatchLoss)) {
        const where = `in step ${this.#step + 1} (epoch ${this.#epoch})`
        // The forward pass has changed them; they are not the cause, so the diagnosis starts from the old ones.
        session.write(this.#statisticsBefore)
        throw diverged(
          `the loss is ${microBatchLoss} ${where}: ${await diagnose(inputs, this.#last.settings)}`,
        )
      }
      loss += microBatchLoss / microBatches
      const right = this.#correct(inputs)
      correct = correct === null || right === null ? null : correct + right
    }
    // Can't be interrupted: half an update would be useless.
    await session.run({}, { part: 'update' })
    this.#statisticsBefore = {}
    this.#step++
    const gradientNorm = this.#training.clipNorm === undefined ? null : (await session.fetch(NORM_TENSOR))[0]!
    if (gradientNorm !== null && !Number.isFinite(gradientNorm))
      throw diverged(`the gradients' norm is ${gradientNorm} in step ${this.#step} (epoch ${this.#epoch})`)
    return { loss, correct, rate: now, gradientNorm }
  }

  /** The sum of the network's losses; the gradients stay where the update reads them. */
  async #lossOf({ inputs, settings }: RunInputs, signal?: AbortSignal): Promise<number> {
    this.#session.write(settings)
    await this.#session.run(inputs, { part: 'gradients', ...(signal && { signal }) })
    let sum = 0
    for (const name of this.#losses) sum += (await this.#session.fetch(name))[0]!
    return sum
  }

  /** Checks the result of an epoch's last update, from which no loss was computed yet. */
  async #requireFinite(diagnose: Diagnose): Promise<void> {
    const session = this.#session
    const after = `after step ${this.#step} (epoch ${this.#epoch})`
    for (const name of lastingTensors(session)) requireFinite(name, await session.fetch(name), after)
    if (!this.#last) return // resumed at the epoch's end
    const statistics = this.#statistics()
    const loss = await this.#lossOf(this.#last)
    // Running the same images again was not a step of training.
    session.write(statistics)
    if (!Number.isFinite(loss)) {
      const { inputs, settings } = this.#last
      throw diverged(`the loss is ${loss} ${after}: ${await diagnose(inputs, settings)}`)
    }
    // That run has added to the gradients of micro-batches, so they are cleared for the next batch.
    for (const [name, { shape }] of Object.entries(session.plan.tensors).filter(([name]) => isTotal(name)))
      session.write({ [name]: new Float32Array(elementCount(shape)) })
  }

  /** The running statistics as they are now. */
  #statistics(): Tensors {
    const parameters = Object.entries(parametersOf(this.#network))
    const names = parameters.filter(([, { role }]) => role === 'statistic').map(([name]) => name)
    return Object.fromEntries(names.map((name) => [name, this.#session.read(name)]))
  }

  #microBatchOf(given: TrainingBatch, microBatch: number): Tensors {
    const { microBatches = 1 } = this.#training
    const { images, labels } = this.#inputs
    const parts = [['images', images] as const, ...(labels === null ? [] : [['labels', labels] as const])]
    return Object.fromEntries(
      parts.map(([part, name]) => {
        const shape = this.#network.inputs[name]!
        const values = given[part]
        const length = (this.#options.batch / microBatches) * elementCount(shape)
        if (values?.length !== length * microBatches) {
          throw new ShapeError(
            `a batch's '${part}' has ${values?.length ?? 'no'} values; ${length * microBatches} are ` +
              `${this.#options.batch} of [${shape.join(', ')}]`,
          )
        }
        return [name, values.subarray(microBatch * length, (microBatch + 1) * length)]
      }),
    )
  }

  /** Makes dropout drop other values in every run. */
  #dropoutTurn(microBatch: number): Tensors {
    if (!Object.hasOwn(this.#session.plan.tensors, TURN_TENSOR)) return {}
    const { microBatches = 1 } = this.#training
    return { [TURN_TENSOR]: Float32Array.of((this.#step * microBatches + microBatch) % 2 ** 24) }
  }

  #correct(inputs: Tensors): number | null {
    const labels = inputs[this.#inputs.labels ?? '']
    if (!this.#logits || !labels) return null
    const { name, classes } = this.#logits
    const logits = this.#session.read(name)
    return labels.filter((label, image) => judge(logits, image, classes, label).predicted === label).length
  }

  #now() {
    const [epoch, step, batch, sums] = [this.#epoch, this.#step, this.#batch, this.#sums]
    const state = (): TrainingState => {
      const tensors = tensorsOf(this.#session)
      for (const [name, values] of Object.entries({ ...tensors.parameters, ...tensors.states }))
        requireFinite(name, values, `after step ${step}`)
      const parameters = { ...this.#fixed, ...tensors.parameters }
      return { step, epoch, batch, ...tensors, parameters, tuning: this.#session.tuning, sums }
    }
    return { epoch, step, state }
  }
}

interface ComputedPart {
  /** The whole network, or what comes after `from`. */
  readonly computed: Network
  /** Those of its layers that are frozen. */
  readonly frozen: readonly string[] | undefined
  /** Whether a parameter of the whole network is one of its own. */
  isComputed(parameter: string): boolean
}

/** Throws UsageError if a layer before `from` is trained. */
function computedPart(network: Network, { from, freeze }: TrainOptions): ComputedPart {
  if (from === undefined) return { computed: network, frozen: freeze, isComputed: () => true }
  const { trunk, rest } = splitNetwork(network, from)
  const frozen = frozenLayers(network, freeze)
  const changed = firstChanged(trunk, frozen)
  if (changed !== null)
    throw new UsageError(
      `train: from '${from}': '${changed}' before it changes in training; freeze it, or begin earlier`,
    )
  const own = new Set(Object.keys(parametersOf(rest)))
  const layers = new Set(layersWithParameters(rest))
  return {
    computed: rest,
    frozen: [...frozen].filter((layer) => layers.has(layer)),
    isComputed: (parameter) => own.has(parameter),
  }
}

const pick = <Value>(
  values: Readonly<Record<string, Value>>,
  isWanted: (name: string) => boolean,
): Readonly<Record<string, Value>> =>
  Object.fromEntries(Object.entries(values).filter(([name]) => isWanted(name)))

function requireFinite(name: string, values: Float32Array, after: string): void {
  const bad = firstNotFinite(values)
  if (bad >= 0)
    throw diverged(`'${name}' is not finite ${after}: value ${bad} of ${values.length} is ${values[bad]}`)
}

const rules: Rules<TrainOptions> = {
  batches: someFunction,
  batchesPerEpoch: positiveInteger,
  epochs: positiveInteger,
  batch: positiveInteger,
  microBatch: optional(positiveInteger),
  optimizer: optional(optimizerRule),
  rate: optional(numberOverZero),
  rates: optional(recordOf(numberOverZero, 'an object of numbers by layer')),
  schedule: optional(oneOf(SCHEDULES)),
  decay: optional(numberFromZero),
  clipNorm: optional(numberOverZero),
  freeze: optional(arrayOfText),
  from: optional(someText),
  checkpoint: checkpointRule,
  seed: optional(integerFromZero),
  parameters: optional(float32Tensors),
  resume: optional(objectWith(stateRules)),
  engine: optional(someText),
  ...sessionChoiceRules,
  memoryBeside: prepareRules.memoryBeside,
}

function requireTrainable(network: Network, options: TrainOptions): void {
  requireNetwork('train', network)
  requireOptions('train', options, rules)
  const { batch, microBatch = batch, rate = DEFAULT_RATE, rates = {}, optimizer = sgd() } = options
  if (batch % microBatch !== 0)
    throw new UsageError(`microBatch is ${microBatch}; it must divide the batch, ${batch}`)
  for (const each of [rate, ...Object.values(rates)]) requireFiniteRates(optimizer, each)
  batchInputs(network)
}
