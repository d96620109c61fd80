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
import { elementCount, formatShape } from './tensor.ts'

export interface SessionOptions extends EngineOptions, PrepareOptions {
  readonly batch: number
  /** `forward` by default. */
  readonly pass?: Pass
  /** A spec (`auto`, `wasm@1`, ...) or an engine that is open already, which the session then leaves open. */
  readonly engine?: string | Engine
  /** Activations to be read beyond the outputs; what is not kept shares memory. */
  readonly keep?: Keep
  /** Of the pass `train`: the optimizer, and what belongs to it. */
  readonly training?: Training
}

/** A spec, or an engine that is open. */
export const engineRule = must(
  (value: string | Engine | null) => typeof value === 'string' || typeof value?.prepare === 'function',
  "an engine's spec, such as 'wasm@1', or what openEngine gave",
)

const sessionRules: Rules<SessionOptions> = {
  batch: positiveInteger,
  pass: optional(oneOf(PASSES)),
  engine: optional(engineRule),
  keep: optional(keepRule),
  training: optional(someObject),
  ...engineRules,
  ...prepareRules,
}

export interface SessionRunOptions extends RunOptions {
  /** Of the pass `train`: the learning rate. What the optimizer makes of it stays for later runs. */
  readonly rate?: number
  /**
   * Of the pass `train`, with `rate`: which step of the training it is, from 1. By default one more than the updates so far.
   * Adam corrects its moments by it, and dropout drops other values in each.
   */
  readonly step?: number
}

const sessionRunRules: Rules<SessionRunOptions> = {
  ...runRules,
  rate: optional(numberFromZero),
  step: optional(positiveInteger),
}

/** A network prepared on an engine: write its parameters, run it, read what it made. */
export interface Session<Names extends string = string> extends AsyncDisposable {
  readonly network: Network<Names>
  readonly plan: Plan
  readonly engine: EngineInfo
  /** Tiles as measured; null for an engine that has none. Give it back as `tuning` for the same bits. */
  readonly tuning: Tuning | null
  readonly slabByteLength: number
  readonly steps: readonly PreparedStep[]
  /** For tools: what the engine prepared. */
  readonly prepared: PreparedPlan
  /**
   * Parameters and inputs by name, dense float32 in the documented layouts; they stay until written again. Inputs that
   * the pass has no use for (labels in forward) may be among them.
   */
  write(tensors: { readonly [Name in Names]?: Float32Array }): void
  /** Writes the inputs given and runs the pass. Resolves when every result can be read. */
  run(inputs?: { readonly [Name in Names]?: Float32Array }, options?: SessionRunOptions): Promise<void>
  /** A copy, dense. */
  read(tensor: Names): Float32Array
  /** The engine's own memory, live until the next run. */
  view(tensor: Names): TensorView
  /** How long each step took in the last run, inside it; null where it can't be seen. */
  stepTimesMs(): readonly number[] | null
  dispose(): Promise<void>
}

/**
 * Prepares a network on an engine. All memory is taken here; a run takes none. Throws UsageError for options that can't
 * be, UnavailableError if this machine can't run the engine.
 */
export async function openSession<Names extends string>(
  network: Network<Names>,
  options: SessionOptions,
): Promise<Session<Names>> {
  requireNetwork('openSession', network)
  requireOptions('openSession', options, sessionRules)
  const { batch, pass = 'forward', keep, training, engine: given = 'auto', ...others } = options
  const { threads, experimentalV8Flags, ...prepareOptions } = others
  const { tuningCache, retune, signal } = options
  const isOwnEngine = typeof given === 'string'
  const engine = isOwnEngine
    ? await openEngine(given, { threads, experimentalV8Flags, tuningCache, retune, signal })
    : given
  try {
    const plan = createPlan(network, { batch, pass, lanes: engine.lanes, keep, training })
    const prepared = await engine.prepare(plan, prepareOptions)
    return new EngineSession(network, engine, isOwnEngine, prepared)
  } catch (error) {
    if (isOwnEngine) await engine.dispose()
    throw error
  }
}

/** Before its keys are looked at: an array of a million values has as many. */
function requireByName(tensors: unknown): void {
  if (isRecord(tensors)) return
  throw new UsageError(`tensors are given by name, as in { images }, not as ${shownValue(tensors)}`)
}

/** Throws UsageError where `openSession` would with this engine, since the batch does not fit into memory. */
export async function requireRoom(
  network: Network,
  options: SessionOptions & { readonly engine: Engine },
): Promise<void> {
  const { batch, pass = 'forward', keep, training, engine, ...prepareOptions } = options
  const plan = createPlan(network, { batch, pass, lanes: engine.lanes, keep, training })
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
  readonly #engine: Engine
  readonly #isOwnEngine: boolean
  readonly #unwritten: Set<string>
  /** Steps of a training so far. */
  #updates = 0
  /** The one whose gradients are being made, part by part of its batch: which it is, and how many parts there were. */
  #begun: { readonly step: number; readonly parts: number } | null = null
  #running: Promise<void> | null = null
  #disposed: Promise<void> | null = null

  constructor(network: Network<Names>, engine: Engine, isOwnEngine: boolean, prepared: PreparedPlan) {
    this.network = network
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
    for (const [name, values] of entries) {
      if (values === undefined || this.#isLeftOut(name)) continue
      this.prepared.write(name, values)
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
      this.#begun = { step, parts: (this.#begun?.parts ?? 0) + 1 }
    } else {
      this.#begun = null
      this.#updates = step
    }
  }

  /** What a step of a training is told. */
  #settings(
    rate: number | undefined,
    askedStep: number | undefined,
    step: number,
  ): Readonly<Record<string, Float32Array>> {
    const { pass, training, tensors } = this.plan
    if (rate === undefined && askedStep === undefined) return {}
    if (!training)
      throw new UsageError(`run: rate and step are of the pass 'train'; this session's is '${pass}'`)
    if (rate === undefined) throw new UsageError('run: a step is given without a rate')
    const { optimizer, microBatches = 1 } = training
    requireFiniteRates(optimizer, rate)
    return {
      [RATES_TENSOR]: Float32Array.from(optimizerOf(optimizer).rates(optimizer, rate, step)),
      ...(Object.hasOwn(tensors, TURN_TENSOR) && {
        // Another one in each part of a batch
        [TURN_TENSOR]: Float32Array.of(((step - 1) * microBatches + (this.#begun?.parts ?? 0)) % 2 ** 24),
      }),
    }
  }

  read(tensor: Names): Float32Array {
    this.#requireIdle('read')
    const { data, offset, shape, strides } = this.#view(tensor)
    const copy = new Float32Array(elementCount(shape))
    let to = 0
    const walk = (axis: number, from: number): void => {
      if (axis === shape.length) copy[to++] = data[from]!
      else if (axis === shape.length - 1 && strides[axis] === 1) {
        copy.set(data.subarray(from, from + shape[axis]!), to)
        to += shape[axis]!
      } else for (let i = 0; i < shape[axis]!; i++) walk(axis + 1, from + i * strides[axis]!)
    }
    walk(0, offset)
    return copy
  }

  view(tensor: Names): TensorView {
    this.#requireIdle('view')
    return this.#view(tensor)
  }

  #view(tensor: Names): TensorView {
    const planned = this.#tensor(tensor)
    if (!planned.isKept) {
      throw new UsageError(
        `'${tensor}' is not kept: its memory is used again in the run; open the session with keep: ['${tensor}']`,
      )
    }
    return this.prepared.view(tensor)
  }

  stepTimesMs(): readonly number[] | null {
    return this.prepared.stepTimesMs()
  }

  dispose(): Promise<void> {
    this.#disposed ??= this.#dispose()
    return this.#disposed
  }

  async #dispose(): Promise<void> {
    await this.#running?.catch(() => {}) // its caller is told; here only the end matters
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

  /** An input of the network that this pass does not read, since only losses do. */
  #isLeftOut(name: string): boolean {
    return Object.hasOwn(this.network.inputs, name) && !Object.hasOwn(this.plan.tensors, name)
  }

  #tensor(name: string): PlannedTensor {
    const { tensors } = this.plan
    const planned = Object.hasOwn(tensors, name) ? tensors[name] : undefined
    if (planned) return planned
    const other = this.#planThatHas(name)
    if (other === null) throw new UsageError(unknownName('tensor', name, Object.keys(tensors)))
    const isGiven = isWritable(other.tensors[name]!.role)
    throw new UsageError(
      `'${name}' is not ${isGiven ? 'used' : 'computed'} in the pass '${this.plan.pass}'; ` +
        `open the session with pass: '${other.pass}'`,
    )
  }

  /** Of another pass of the network, in which there is a tensor that this one has not. */
  #planThatHas(name: string): Plan | null {
    if (!this.network.layers.some(({ isLoss }) => isLoss)) return null // it has no other pass
    const plans = PASSES.filter((pass) => pass !== this.plan.pass).map((pass) => this.#planOf(pass))
    return plans.find((plan) => plan && Object.hasOwn(plan.tensors, name)) ?? null
  }

  /** Null where this network or batch can't be run in that pass. */
  #planOf(pass: Pass): Plan | null {
    const { batch, lanes } = this.plan
    try {
      const training = pass === 'train' ? { training: benchmarkTraining(this.network) } : {}
      return createPlan(this.network, { batch, lanes, pass, ...training })
    } catch (error) {
      if (error instanceof UsageError) return null
      throw error
    }
  }

  /** Undefined: nothing is given for this name. */
  #requireWritable(name: string, values: Float32Array | undefined): void {
    const { role, shape } = this.#isLeftOut(name)
      ? { role: 'input' as const, shape: [this.plan.batch, ...this.network.inputs[name]!] }
      : this.#tensor(name)
    if (!isWritable(role)) {
      throw new UsageError(`'${name}' is made by the run; parameters and inputs can be written`)
    }
    if (values === undefined) return
    if (!(values instanceof Float32Array))
      throw new UsageError(`'${name}' must be a Float32Array, not ${shownValue(values)}`)
    if (values.length !== elementCount(shape)) {
      throw new ShapeError(
        `'${name}' is ${formatShape(shape)}, ${elementCount(shape)} values; ${values.length} were given`,
      )
    }
    const classes = labelClasses(this.network)[name]
    if (classes === undefined) return
    const bad = values.findIndex((label) => !(Number.isInteger(label) && label >= 0 && label < classes))
    if (bad >= 0) {
      throw new UsageError(
        `'${name}': image ${bad} has the label ${values[bad]}; it must be an integer from 0 to ${classes - 1}`,
      )
    }
  }
}
