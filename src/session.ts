// Projects for browsers need not know the types of `await using`.
/// <reference lib="esnext.disposable" preserve="true" />
import {
  isRecord,
  must,
  numberFromZero,
  oneOf,
  optional,
  positiveInteger,
  type Rules,
  requireOptions,
  someObject,
} from './check-options.ts'
import {
  type Engine,
  type EngineInfo,
  type EngineOptions,
  engineRules,
  type PreparedPlan,
  type PreparedStep,
  type PrepareOptions,
  prepareRules,
  type RunOptions,
  runRules,
  type TensorView,
} from './engines/engine.ts'
import { openEngine } from './engines/index.ts'
import { ConvmarkError, ShapeError, UsageError, unknownName } from './errors.ts'
import { labelClasses, type Network, requireNetwork } from './networks/network.ts'
import { optimizerOf, requireFiniteRates } from './optimizers/index.ts'
import { shownValue } from './plain-text.ts'
import {
  createPlan,
  isWritable,
  type Keep,
  keepRule,
  PASSES,
  type Pass,
  type Plan,
  type PlannedTensor,
} from './plan/plan.ts'
import { benchmarkTraining, RATES_TENSOR, type Training, TURN_TENSOR } from './plan/training.ts'
import type { Tuning } from './runtime/tuning.ts'
import {
  channelsFirst,
  channelsFirstView,
  denseCopy,
  type Layouts,
  layoutsRule,
  namesRule,
  type OtherNames,
  SessionTensors,
  toChannelsLast,
} from './session-tensors.ts'
import { elementCount, formatShape } from './tensor.ts'

/** How a network is prepared by `openSession`. */
export interface SessionOptions extends EngineOptions, PrepareOptions {
  /** Images of a run. */
  readonly batch: number
  /** `forward` by default. */
  readonly pass?: Pass
  /** A spec (`auto`, `wasm@1`, ...), or an open engine, which the session then does not close. */
  readonly engine?: string | Engine
  /** Activations that can be read in addition to the outputs; the others share memory. */
  readonly keep?: Keep
  /**
   * The order of images and activations as they are written and read: 'nhwc', (N, H, W, C), by default, or 'nchw', (N,
   * C, H, W), of which `write` and `run` make a copy. An object names the layout of single tensors. Parameters, vectors
   * and numbers are the same in both.
   */
  readonly layout?: Layouts
  /**
   * Other names by which tensors can be written, read and kept, such as those of an ONNX file: `importOnnx`'s
   * `notes.tensors`.
   */
  readonly names?: OtherNames
  /** Required by the pass `train`: the optimizer, and what belongs to it. */
  readonly training?: Training
}

/** A spec, or an open engine. */
export const engineRule = must(
  (value: string | Engine | null) => typeof value === 'string' || typeof value?.prepare === 'function',
  "an engine's spec, such as 'wasm@1', or what openEngine gave",
)

/** What whoever opens a session for somebody else lets them choose of it. */
export type SessionChoices = Pick<
  SessionOptions,
  'algorithm' | 'threads' | 'experimentalV8Flags' | 'retune' | 'tuningBudgetMs' | 'onProgress' | 'signal'
>

export const sessionChoiceRules: Rules<SessionChoices> = {
  algorithm: prepareRules.algorithm,
  threads: engineRules.threads,
  experimentalV8Flags: engineRules.experimentalV8Flags,
  retune: prepareRules.retune,
  tuningBudgetMs: prepareRules.tuningBudgetMs,
  onProgress: prepareRules.onProgress,
  signal: prepareRules.signal,
}

const sessionRules: Rules<SessionOptions> = {
  batch: positiveInteger,
  pass: optional(oneOf(PASSES)),
  engine: optional(engineRule),
  keep: optional(keepRule),
  training: optional(someObject),
  layout: optional(layoutsRule),
  names: optional(namesRule),
  ...engineRules,
  ...prepareRules,
}

/** What may differ from run to run of a session. */
export interface SessionRunOptions extends RunOptions {
  /** Only in the pass `train`: the learning rate. Later runs without one use what the optimizer made of this one. */
  readonly rate?: number
  /**
   * Only in the pass `train`, with `rate`: the number of the training step, from 1. By default one more than the
   * updates so far. Adam corrects its moments by it, and dropout drops other values in each step.
   */
  readonly step?: number
}

const sessionRunRules: Rules<SessionRunOptions> = {
  ...runRules,
  rate: optional(numberFromZero),
  step: optional(positiveInteger),
}

/** A network prepared on an engine: write its parameters, run it, and read the results. */
export interface Session<Names extends string = string> extends AsyncDisposable {
  readonly network: Network<Names>
  /** What a run does and where its tensors are. */
  readonly plan: Plan
  /** The engine that was chosen, and why. */
  readonly engine: EngineInfo
  /** The measured tiles; null if the engine has none. Pass it as `tuning` for the same bits. */
  readonly tuning: Tuning | null
  /** The memory of all activations, gradients and parameters together. */
  readonly slabByteLength: number
  /** How each step of the plan is done. */
  readonly steps: readonly PreparedStep[]
  /** For tools: what the engine prepared. */
  readonly prepared: PreparedPlan
  /**
   * Writes parameters and inputs by name, dense float32, parameters in the documented layouts, images in the session's; they stay
   * until they are written again. Inputs that the pass does not use (labels in forward) may be included.
   */
  write(tensors: { readonly [Name in Names]?: Float32Array }): void
  /** Writes the inputs given and runs the pass. Resolves when every result can be read. */
  run(inputs?: { readonly [Name in Names]?: Float32Array }, options?: SessionRunOptions): Promise<void>
  /** A dense copy, images and activations in the session's layout. */
  read(tensor: Names): Float32Array
  /** As `read`, but on every engine: one that computes on a graphics processor has its results far away. */
  fetch(tensor: Names): Promise<Float32Array>
  /** The engine's own memory, valid until the next run; its strides follow the session's layout. */
  view(tensor: Names): TensorView
  /** How long each step of the last run took, measured inside the run; null if that can't be measured. */
  stepTimesMs(): readonly number[] | null
  /**
   * Frees the memory, and closes the engine if the session opened it. Waits for a run that has not ended; may be called
   * again.
   */
  dispose(): Promise<void>
}

/**
 * Prepares a network on an engine. All memory is allocated here; a run allocates none. Throws UsageError for invalid
 * options, UnavailableError if this machine can't run the engine.
 */
export async function openSession<Names extends string>(
  network: Network<Names>,
  options: SessionOptions,
): Promise<Session<Names>> {
  requireNetwork('openSession', network)
  requireOptions('openSession', options, sessionRules)
  const { batch, pass = 'forward', training, engine: given = 'auto', names, layout, ...others } = options
  const { threads, experimentalV8Flags, keep: kept, ...prepareOptions } = others
  const tensors = new SessionTensors(network, names ?? {}, layout ?? 'nhwc')
  const keep = tensors.ownNames(kept)
  const { tuningCache, retune, signal } = options
  const isOwnEngine = typeof given === 'string'
  const engine = isOwnEngine
    ? await openEngine(given, { threads, experimentalV8Flags, tuningCache, retune, signal })
    : given
  try {
    const plan = createPlan(network, {
      batch,
      pass,
      lanes: engine.lanes,
      fuses: engine.fuses,
      keep,
      training,
    })
    const prepared = await engine.prepare(plan, prepareOptions)
    return new EngineSession(network, tensors, engine, isOwnEngine, prepared)
  } catch (error) {
    if (isOwnEngine) await engine.dispose()
    throw error
  }
}

/** Called before the keys are listed: an array of a million values has a million of them. */
function requireByName(tensors: unknown): void {
  if (isRecord(tensors)) return
  throw new UsageError(`tensors are given by name, as in { images }, not as ${shownValue(tensors)}`)
}

/** Throws UsageError if `openSession` would with this engine, because the batch does not fit into memory. */
export async function requireRoom(
  network: Network,
  options: SessionOptions & { readonly engine: Engine },
): Promise<void> {
  const { batch, pass = 'forward', keep: kept, training, engine, names, layout, ...prepareOptions } = options
  const keep = new SessionTensors(network, names ?? {}, layout ?? 'nhwc').ownNames(kept)
  const plan = createPlan(network, { batch, pass, lanes: engine.lanes, fuses: engine.fuses, keep, training })
  await engine.requireRoom?.(plan, prepareOptions)
}

class EngineSession<Names extends string> implements Session<Names> {
  readonly network: Network<Names>
  readonly plan: Plan
  readonly engine: EngineInfo
  readonly tuning: Tuning | null
  readonly slabByteLength: number
  readonly steps: readonly PreparedStep[]
  readonly prepared: PreparedPlan
  readonly #tensors: SessionTensors
  readonly #engine: Engine
  readonly #isOwnEngine: boolean
  readonly #unwritten: Set<string>
  /** The number of updates so far. */
  #updates = 0
  /**
   * The step whose gradients are being computed, micro-batch by micro-batch: its number, and how many micro-batches
   * were run.
   */
  #begun: { readonly step: number; readonly microBatches: number } | null = null
  #running: Promise<void> | null = null
  #disposed: Promise<void> | null = null

  constructor(
    network: Network<Names>,
    tensors: SessionTensors,
    engine: Engine,
    isOwnEngine: boolean,
    prepared: PreparedPlan,
  ) {
    this.network = network
    this.#tensors = tensors
    this.plan = prepared.plan
    this.engine = engine.info
    this.tuning = prepared.tuning
    this.slabByteLength = prepared.slabByteLength
    this.steps = prepared.steps
    this.prepared = prepared
    this.#engine = engine
    this.#isOwnEngine = isOwnEngine
    this.#unwritten = new Set(
      Object.entries(prepared.plan.tensors)
        .filter(([name, { role }]) => role === 'input' || role === 'parameter' || name === RATES_TENSOR)
        .map(([name]) => name),
    )
  }

  write(tensors: { readonly [Name in Names]?: Float32Array }): void {
    this.#requireIdle('write')
    this.#write(tensors)
  }

  #write(tensors: { readonly [Name in Names]?: Float32Array }): void {
    requireByName(tensors)
    const entries = Object.entries<Float32Array | undefined>(tensors)
    for (const [name, values] of entries) this.#requireWritable(name, values)
    for (const [given, values] of entries) {
      const name = this.#tensors.ownName(given)
      if (values === undefined || this.#isLeftOut(name)) continue
      const { role, shape } = this.plan.tensors[name]!
      const isFirst = this.#tensors.isChannelsFirst(name, role, shape)
      this.prepared.write(name, isFirst ? toChannelsLast(values, shape) : values)
      this.#unwritten.delete(name)
    }
  }

  async run(
    inputs: { readonly [Name in Names]?: Float32Array } = {},
    options: SessionRunOptions = {},
  ): Promise<void> {
    requireOptions('run', options, sessionRunRules)
    const { rate, step = this.#begun?.step ?? this.#updates + 1, ...runOptions } = options
    const settings = this.#settings(rate, options.step, step)
    this.#requireIdle('run')
    this.#write(inputs)
    for (const [name, values] of Object.entries(settings)) {
      this.prepared.write(name, values)
      this.#unwritten.delete(name)
    }
    if (this.#unwritten.size === 1 && this.#unwritten.has(RATES_TENSOR))
      throw new UsageError(
        'run: a training has no learning rate yet; give it one: run(inputs, { rate: 0.01 })',
      )
    if (this.#unwritten.size > 0) {
      throw new UsageError(
        `run: ${[...this.#unwritten].join(', ')}: never written; write parameters and inputs first`,
      )
    }
    this.#running = this.prepared.run(runOptions)
    try {
      await this.#running
    } finally {
      this.#running = null
    }
    if (runOptions.part === 'gradients') {
      this.#begun = { step, microBatches: (this.#begun?.microBatches ?? 0) + 1 }
    } else {
      this.#begun = null
      this.#updates = step
    }
  }

  /** The tensors that a training step needs: its rates and dropout's run number. */
  #settings(
    rate: number | undefined,
    askedStep: number | undefined,
    step: number,
  ): Readonly<Record<string, Float32Array>> {
    const { pass, training, tensors } = this.plan
    if (rate === undefined && askedStep === undefined) return {}
    if (!training)
      throw new UsageError(`run: rate and step belong to the pass 'train'; this session's pass is '${pass}'`)
    if (rate === undefined) throw new UsageError('run: a step is given without a rate')
    const { optimizer, microBatches = 1, rateFactors = {} } = training
    requireFiniteRates(optimizer, rate * Math.max(1, ...Object.values(rateFactors)))
    return {
      [RATES_TENSOR]: Float32Array.from(optimizerOf(optimizer).rates(optimizer, rate, step)),
      ...(Object.hasOwn(tensors, TURN_TENSOR) && {
        // A different one for each micro-batch
        [TURN_TENSOR]: Float32Array.of(
          ((step - 1) * microBatches + (this.#begun?.microBatches ?? 0)) % 2 ** 24,
        ),
      }),
    }
  }

  read(tensor: Names): Float32Array {
    this.#requireIdle('read')
    return denseCopy(this.#view(tensor))
  }

  async fetch(tensor: Names): Promise<Float32Array> {
    this.#requireIdle('fetch')
    return denseCopy(this.#view(tensor))
  }

  view(tensor: Names): TensorView {
    this.#requireIdle('view')
    return this.#view(tensor)
  }

  #view(tensor: Names): TensorView {
    const name = this.#tensors.ownName(tensor)
    const { isKept, role, shape } = this.#tensor(tensor)
    if (!isKept) {
      throw new UsageError(
        `'${tensor}' is not kept: its memory is reused during the run; open the session with keep: ['${tensor}']`,
      )
    }
    const view = this.prepared.view(name)
    return this.#tensors.isChannelsFirst(name, role, shape) ? channelsFirstView(view) : view
  }

  stepTimesMs(): readonly number[] | null {
    return this.prepared.stepTimesMs()
  }

  dispose(): Promise<void> {
    this.#disposed ??= this.#dispose()
    return this.#disposed
  }

  async #dispose(): Promise<void> {
    await this.#running?.catch(() => {}) // the run's caller gets the error; here only its end matters
    await this.prepared.dispose()
    if (this.#isOwnEngine) await this.#engine.dispose()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose()
  }

  #requireIdle(what: string): void {
    if (this.#disposed) throw new ConvmarkError(`${what}: this session is disposed`)
    if (this.#running) throw new ConvmarkError(`${what}: this session is running; await its run first`)
  }

  /** An input of the network that this pass does not read, because only losses do. */
  #isLeftOut(name: string): boolean {
    return Object.hasOwn(this.network.inputs, name) && !Object.hasOwn(this.plan.tensors, name)
  }

  /** By a name of the caller's. */
  #tensor(given: string): PlannedTensor {
    const { tensors } = this.plan
    const name = this.#tensors.ownName(given)
    const planned = Object.hasOwn(tensors, name) ? tensors[name] : undefined
    if (planned) return planned
    const other = this.#planThatHas(name)
    if (other === null) {
      const known = [...new Set([...Object.keys(tensors), ...this.#tensors.otherNames])]
      throw new UsageError(unknownName('tensor', given, known))
    }
    const isGiven = isWritable(other.tensors[name]!.role)
    throw new UsageError(
      `'${given}' is not ${isGiven ? 'used' : 'computed'} in the pass '${this.plan.pass}'; ` +
        `open the session with pass: '${other.pass}'`,
    )
  }

  /** The plan of another pass of the network that has the tensor, if this one does not. */
  #planThatHas(name: string): Plan | null {
    if (!this.network.layers.some(({ isLoss }) => isLoss)) return null // it has no other pass
    const plans = PASSES.filter((pass) => pass !== this.plan.pass).map((pass) => this.#planOf(pass))
    return plans.find((plan) => plan && Object.hasOwn(plan.tensors, name)) ?? null
  }

  /** Null if this network or batch can't be run in that pass. */
  #planOf(pass: Pass): Plan | null {
    const { batch, lanes, fuses } = this.plan
    try {
      const training = pass === 'train' ? { training: benchmarkTraining(this.network) } : {}
      return createPlan(this.network, { batch, lanes, fuses, pass, ...training })
    } catch (error) {
      if (error instanceof UsageError) return null
      throw error
    }
  }

  /** Undefined: no values are given for this name. */
  #requireWritable(name: string, values: Float32Array | undefined): void {
    const own = this.#tensors.ownName(name)
    const { role, shape } = this.#isLeftOut(own)
      ? { role: 'input' as const, shape: [this.plan.batch, ...this.network.inputs[own]!] }
      : this.#tensor(name)
    if (!isWritable(role)) {
      throw new UsageError(`'${name}' is made by the run; parameters and inputs can be written`)
    }
    if (values === undefined) return
    if (!(values instanceof Float32Array))
      throw new UsageError(`'${name}' must be a Float32Array, not ${shownValue(values)}`)
    if (values.length !== elementCount(shape)) {
      const isFirst = this.#tensors.isChannelsFirst(own, role, shape)
      const shown = formatShape(isFirst ? channelsFirst(shape) : shape)
      throw new ShapeError(
        `'${name}' is ${shown}, ${elementCount(shape)} values; ${values.length} were given`,
      )
    }
    const classes = labelClasses(this.network)[own]
    if (classes === undefined) return
    const bad = values.findIndex((label) => !(Number.isInteger(label) && label >= 0 && label < classes))
    if (bad >= 0) {
      throw new UsageError(
        `'${name}': image ${bad} has the label ${values[bad]}; it must be an integer from 0 to ${classes - 1}`,
      )
    }
  }
}
