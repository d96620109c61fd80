import { median } from 'simple-statistics'
import {
  float32Tensors,
  integerFromZero,
  optional,
  positiveInteger,
  type Rules,
  requireOptions,
  someFunction,
  trueOrFalse,
} from '../check-options.ts'
import { type Engine, engineRules, prepareRules } from '../engines/engine.ts'
import { openEngine } from '../engines/index.ts'
import type { Peaks } from '../engines/peak.ts'
import { CheckError, isInterruption } from '../errors.ts'
import type { Algorithm } from '../kernels/kernel.ts'
import { type Network, requireNetwork, requireParameters } from '../networks/network.ts'
import { CLASSIC_PASSES, type Pass, passesRule } from '../plan/plan.ts'
import { isNode } from '../runtime/host.ts'
import { availableCores } from '../runtime/machine.ts'
import { engineRule, type Session } from '../session.ts'
import { Checker } from './check.ts'
import { makeData } from './data.ts'
import type { BenchEvent } from './events.ts'
import { peaksOrNull } from './peaks.ts'
import { requireRoomForAll } from './room.ts'
import { describeRun, type RunSettings, seenPlan, stepMedians } from './run.ts'
import { seenByAll } from './shared-tensors.ts'
import { fewerThreadsWarnings } from './thread-warnings.ts'
import { unmeasuredWarnings } from './tuning-warnings.ts'
import { madeDenormalsWarning } from './value-warnings.ts'
import { type Subject, warmUp } from './warm-up.ts'

/** What `benchmark` measures, and how. */
export interface BenchOptions {
  /** 32 by default. */
  readonly batch?: number
  /** Samples of each pass after burn-in, in each round; 100 by default. */
  readonly batches?: number
  /** The machine rests between rounds; one by default. `gate` compares rounds, so a baseline should have several. */
  readonly rounds?: number
  /** Runs before the first sample; 10 by default. */
  readonly burnIn?: number
  /** By default the two passes of the AlexNet article, forward first. */
  readonly passes?: readonly Pass[]
  /** A spec or an open engine; `auto` by default. */
  readonly engine?: string | Engine
  /** By default as many as there are physical cores that this process may use. */
  readonly threads?: number
  /** `auto` by default: the fastest for each step. */
  readonly algorithm?: Algorithm
  /** Measure tiles again and ignore the cached ones. */
  readonly retune?: boolean
  /** For each pass; as in PrepareOptions. */
  readonly tuningBudgetMs?: number
  /** 7 by default. */
  readonly seed?: number
  /**
   * Of a trained network, by name, in convmark's layouts: it is timed and checked with them. By default the benchmark and the
   * check have weights of their own, made from the seed.
   */
  readonly parameters?: Readonly<Record<string, Float32Array>>
  /** False leaves the check out and marks the result as unchecked. */
  readonly check?: boolean
  /** As in EngineOptions. */
  readonly experimentalV8Flags?: boolean
  /** Called before each sample, outside of the timed section: for work beside the benchmark, such as a calibration. */
  readonly betweenSamples?: () => void
  /** Ends the run within a step; what was measured is reported as interrupted. */
  readonly signal?: AbortSignal
}

const rules: Rules<BenchOptions> = {
  batch: optional(positiveInteger),
  batches: optional(positiveInteger),
  rounds: optional(positiveInteger),
  burnIn: optional(integerFromZero),
  passes: optional(passesRule),
  engine: optional(engineRule),
  algorithm: prepareRules.algorithm,
  seed: optional(integerFromZero),
  parameters: optional(float32Tensors),
  check: optional(trueOrFalse),
  betweenSamples: optional(someFunction),
  signal: prepareRules.signal,
  threads: engineRules.threads,
  experimentalV8Flags: engineRules.experimentalV8Flags,
  retune: engineRules.retune,
  tuningBudgetMs: prepareRules.tuningBudgetMs,
}

interface BenchSettings extends RunSettings {
  readonly rounds: number
  readonly retune: boolean
  readonly tuningBudgetMs: number | undefined
  readonly betweenSamples: NonNullable<BenchOptions['betweenSamples']>
}

/**
 * The benchmark: for each pass it prepares a session, checks it, runs it `burnIn` times and then `batches` times, and
 * reports every step as it happens. A sample lasts from the call of `run()` until every result of the pass can be read.
 * Throws CheckError for an engine whose results are wrong, before anything is timed.
 */
export async function* benchmark(
  network: Network,
  options: BenchOptions = {},
): AsyncGenerator<BenchEvent, void, void> {
  requireNetwork('benchmark', network)
  requireOptions('benchmark', options, rules)
  if (options.parameters) requireParameters(network, options.parameters)
  const { batch = 32, batches = 100, rounds = 1, burnIn = 10, retune = false } = options
  const { threads, experimentalV8Flags, tuningBudgetMs } = options
  const { seed = 7, algorithm = 'auto', passes = CLASSIC_PASSES, betweenSamples = () => {} } = options
  const settings: BenchSettings = {
    batch,
    batches: batches * rounds,
    rounds,
    burnIn,
    seed,
    algorithm,
    retune,
    tuningBudgetMs,
    betweenSamples,
  }

  const [firstPass] = passes
  // Before the first event, so that nothing is printed if this machine can't open the engine or the batch does not fit.
  const isOwnEngine = typeof options.engine !== 'object'
  let engine =
    typeof options.engine === 'object'
      ? options.engine
      : await openEngine(options.engine ?? 'auto', { threads, experimentalV8Flags, retune })
  const opened = isOwnEngine ? [engine] : []
  const isChecked = options.check !== false
  // The machine's limits are the same in the second pass
  const known = new Map<Engine, Peaks>()
  const peaksOf = async (engine: Engine): Promise<Peaks | null> => {
    const measure = () => engine.measurePeaks?.({ withBandwidth: true, signal: options.signal })
    const peaks = known.get(engine) ?? (await peaksOrNull(measure))
    if (peaks) known.set(engine, peaks)
    return peaks
  }
  let checker: Checker | null = null
  try {
    await requireRoomForAll(network, engine, { batch, passes, algorithm, isChecked })
    if (firstPass) yield { kind: 'started', network, batch, pass: firstPass }
    const given = options.parameters ? seenByAll(options.parameters) : null
    const data = makeData({ network, batch, seed }, given)
    data.catch(() => {}) // reported where it is awaited
    if (isChecked) checker = new Checker(network, batch, Math.min(2, await availableCores()), given)
    for (const pass of passes) {
      if (pass !== firstPass) yield { kind: 'started', network, batch, pass }
      const run = (engine: Engine) =>
        benchmarkPass(network, pass, engine, checker, data, settings, peaksOf, options.signal)
      try {
        if (yield* run(engine)) return
      } catch (error) {
        if (!(error instanceof CheckError && engine.fallback)) throw error
        // auto: an engine whose results are wrong is not timed, and the result says why another one was.
        engine = await engine.fallback(error.message)
        opened.push(engine)
        if (yield* run(engine)) return
      }
    }
  } finally {
    await checker?.dispose()
    for (const own of opened) await own.dispose()
  }
}

/** One pass; returns true if the benchmark was interrupted, in it or right after it. */
async function* benchmarkPass(
  network: Network,
  pass: Pass,
  engine: Engine,
  checker: Checker | null,
  data: Promise<Readonly<Record<string, Float32Array>>>,
  settings: BenchSettings,
  peaksOf: (engine: Engine) => Promise<Peaks | null>,
  signal: AbortSignal | undefined,
): AsyncGenerator<BenchEvent, boolean, void> {
  const { batches, rounds, betweenSamples } = settings
  const perRound = batches / rounds
  const measured = new Samples()
  const subject: Subject = { session: null, check: null }
  let isInterrupted = false
  let valueWarning: string | null = null
  try {
    const { batch, burnIn, algorithm, retune, tuningBudgetMs } = settings
    const setup = { network, pass, engine, batch, burnIn, algorithm, retune, tuningBudgetMs, checker, data }
    yield* warmUp(subject, setup, signal)
    const session = subject.session!
    for (let step = 0; step < batches; step++) {
      if (step > 0 && step % perRound === 0) await beginRound(session, signal)
      betweenSamples()
      const durationMs = await measured.take(session, signal)
      yield { kind: 'step', pass, step, durationMs, endedAt: performance.timeOrigin + performance.now() }
      yield { kind: 'progress', pass, phase: 'batches', done: step + 1, total: batches }
    }
    valueWarning = madeDenormalsWarning(session)
  } catch (error) {
    if (!isInterruption(error, signal)) throw error
    isInterrupted = true
  } finally {
    await subject.session?.dispose()
  }
  const { session, check } = subject
  // After the timed run, so that the start is fast and nothing runs beside a sample.
  const peakMemoryBytes = residentPeakBytes() // without the memory for measuring the limits
  const peaks = isInterrupted ? null : await peaksOf(engine)
  yield {
    kind: 'finished',
    run: describeRun({
      network,
      pass,
      engine: engine.info,
      settings,
      samplesMs: measured.samplesMs,
      startsMs: measured.startsMs,
      rounds: rounds > 1 ? roundSizes(measured.samplesMs.length, perRound) : null,
      plan: session && seenPlan(session.steps, session.plan),
      stepMediansMs: measured.stepMediansMs(),
      weightsMedianMs: pass === 'train' ? measured.weightsMedianMs : undefined,
      check,
      peaks,
      peakMemoryBytes,
      warnings: [
        ...(valueWarning === null ? [] : [valueWarning]),
        ...(session ? [...fewerThreadsWarnings(session), ...unmeasuredWarnings(session)] : []),
      ],
      tuning: session?.tuning ?? null,
      interrupted: isInterrupted,
    }),
  }
  return isInterrupted || (signal?.aborted ?? false)
}

const BETWEEN_ROUNDS_MS = 250

/**
 * Rests, as if other engines had their turns in a comparison, and makes a run that is not counted, so that caches and
 * clocks start afresh.
 */
async function beginRound(session: Session, signal: AbortSignal | undefined): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, BETWEEN_ROUNDS_MS))
  await session.run({}, signal && { signal })
}

/** The last one may be shorter. */
function roundSizes(samples: number, perRound: number): number[] {
  const count = Math.ceil(samples / perRound)
  return Array.from({ length: count }, (_, round) => Math.min(perRound, samples - round * perRound))
}

/** Samples, and for the same runs how long each step took. */
class Samples {
  readonly samplesMs: number[] = []
  readonly startsMs: number[] = []
  /** For each sample. */
  readonly #stepsMs: (readonly number[])[] = []
  readonly #weightsMs: number[] = []
  #firstMs = 0

  async take(session: Session, signal: AbortSignal | undefined): Promise<number> {
    const start = performance.now()
    await session.run({}, signal && { signal })
    const durationMs = performance.now() - start
    if (this.samplesMs.length === 0) this.#firstMs = start
    this.samplesMs.push(durationMs)
    this.startsMs.push(start - this.#firstMs)
    const times = session.stepTimesMs()
    this.#weightsMs.push(session.prepared.weightsTimeMs())
    if (times) this.#stepsMs.push(times)
    return durationMs
  }

  get weightsMedianMs(): number {
    return this.#weightsMs.length > 0 ? median(this.#weightsMs) : 0
  }

  stepMediansMs(): number[] | null {
    return stepMedians(this.#stepsMs)
  }
}

const residentPeakBytes = (): number => (isNode ? process.resourceUsage().maxRSS * 1024 : 0)
