/**
 * Comparing engines, convmark's own and peers, in processes of their own: in Node alone.
 *
 * @module convmark/compare
 */
import { median } from 'simple-statistics'
import {
  arrayOfText,
  float32Tensors,
  integerFromZero,
  must,
  optional,
  positiveInteger,
  type Rules,
  requireOptions,
  someFunction,
  someObject,
  trueOrFalse,
} from '../check-options.ts'
import { engineRules, prepareRules } from '../engines/engine.ts'
import type { Peaks } from '../engines/peak.ts'
import { ConvmarkError, InterruptedError, isInterruption, UnavailableError, UsageError } from '../errors.ts'
import type { Algorithm } from '../kernels/kernel.ts'
import { networkCounts } from '../networks/counts.ts'
import { type Network, requireNetwork, requireParameters } from '../networks/network.ts'
import { networkData } from '../networks/network-data.ts'
import { type Pass, passesRule } from '../plan/plan.ts'
import { availableCores } from '../runtime/machine.ts'
import { isPositiveInteger } from '../tensor.ts'
import { compareRounds, MIN_ROUNDS, verdictText } from './compare-rounds.ts'
import { Contender, limitsFor } from './contenders/contender.ts'
import { isPeer, isSlow, PEER_RUNNER, packagesFrom } from './contenders/peers.ts'
import type { ContenderSamples, ContenderSetup, OnnxSource } from './contenders/protocol.ts'
import { writeWeights } from './contenders/weights-file.ts'
import { peaksOrNull } from './peaks.ts'
import { type ComparisonResult, notCompared, type Run, type Unsupported } from './result.ts'
import { describeRun, type RunSettings, stepMedians } from './run.ts'

/** What is compared, and how long: the options of `compare`. */
export interface CompareOptions {
  /** Engine specs, including peers. */
  readonly engines: readonly string[]
  /** Forward by default. */
  readonly passes?: readonly Pass[]
  /** 32 by default. */
  readonly batch?: number
  /** How many runs an engine makes in each round; 3 by default. */
  readonly batches?: number
  /** 10 by default. */
  readonly rounds?: number
  /** Runs before the first round; 10 by default. */
  readonly burnIn?: number
  readonly seed?: number
  /** The network's own, by name; by default the benchmark's, made from the seed. */
  readonly parameters?: Readonly<Record<string, Float32Array>>
  /** Where the network comes from. Peers that read ONNX get this file itself if they can run it. */
  readonly onnx?: OnnxSource
  /** For engines whose spec names none; by default the physical cores. */
  readonly threads?: number
  readonly algorithm?: Algorithm
  /** convmark's own engines measure their tiles again and ignore the cached ones. */
  readonly retune?: boolean
  /** For each of convmark's own engines and each pass; as in PrepareOptions. */
  readonly tuningBudgetMs?: number
  readonly check?: boolean
  /** Called before each round, for work beside the comparison, such as a calibration. */
  readonly betweenRounds?: () => void
  /** Ends the current turn; what was measured is reported as interrupted. */
  readonly signal?: AbortSignal
}

const rules: Rules<CompareOptions> = {
  engines: arrayOfText,
  passes: optional(passesRule),
  batch: optional(positiveInteger),
  batches: optional(positiveInteger),
  rounds: optional(
    must(
      (rounds: number) => isPositiveInteger(rounds) && rounds >= MIN_ROUNDS,
      `${MIN_ROUNDS} or more, since fewer show no difference`,
    ),
  ),
  burnIn: optional(integerFromZero),
  seed: optional(integerFromZero),
  parameters: optional(float32Tensors),
  onnx: optional(someObject),
  threads: engineRules.threads,
  algorithm: prepareRules.algorithm,
  retune: optional(trueOrFalse),
  tuningBudgetMs: prepareRules.tuningBudgetMs,
  check: optional(trueOrFalse),
  betweenRounds: optional(someFunction),
  signal: prepareRules.signal,
}

/** What a comparison found. */
export interface CompareResult {
  readonly runs: readonly Run[]
  readonly comparisons: readonly ComparisonResult[]
  readonly unsupported: readonly Unsupported[]
  /**
   * The error for what is in `unsupported`: UnavailableError or UsageError if that is the only reason. Null if
   * `unsupported` is empty.
   */
  readonly failure: ConvmarkError | null
  readonly interrupted: boolean
}

/** What happens in a comparison; the last event is `finished`. */
export type CompareEvent =
  | { readonly kind: 'starting'; readonly engine: string; readonly pass: Pass }
  | { readonly kind: 'unsupported'; readonly unsupported: Unsupported }
  | { readonly kind: 'turn'; readonly pass: Pass; readonly done: number; readonly total: number }
  | ({ readonly kind: 'finished' } & CompareResult)

const ENGINE_PROCESS = new URL('./contenders/engine-process.js', import.meta.url)

/** An engine in the comparison, and its samples. */
interface Running {
  readonly contender: Contender
  readonly turns: ContenderSamples[]
  /** It failed in a turn and gets no more. */
  hasFailed: boolean
  /** Measured after the last round; null before, and if they can't be measured. */
  peaks: Peaks | null
}

const stillRunning = (all: readonly Running[]): Running[] => all.filter(({ hasFailed }) => !hasFailed)

/**
 * Engines take turns, in rounds of random order, each in its own process that is stopped between its turns, so that
 * drift of the machine affects all alike. The fastest is then compared with each of the others, round by round. What an
 * engine can't do is reported, and so is one that crashes or hangs: its rounds so far count, and the others continue if
 * there are at least two. If nothing was measured, `failure` is thrown: UnavailableError if no pass has two available
 * engines.
 */
export async function* compare(
  network: Network,
  options: CompareOptions,
): AsyncGenerator<CompareEvent, void, void> {
  requireNetwork('compare', network)
  requireOptions('compare', options, rules)
  const { engines, passes = ['forward'], batch = 32, batches = 3, rounds = 10, signal } = options
  if (engines.length < 2)
    throw new UsageError(
      `a comparison takes two engines or more, not ${engines.join() || 'none'}; bench times one`,
    )
  const threads = options.threads ?? (await availableCores())
  const { burnIn = 10, seed = 7, algorithm = 'auto', retune = false, check = true } = options
  if (options.parameters) requireParameters(network, options.parameters)
  const weights = options.parameters ? await writeWeights(network, options.parameters) : null
  const settings: RunSettings = { batch, batches: batches * rounds, burnIn, seed, algorithm }
  const setupOf = (engine: string, pass: Pass, from: URL | null): ContenderSetup => ({
    engine,
    network: networkData(network),
    weightsFile: weights?.path ?? null,
    onnx: options.onnx ?? null,
    pass,
    batch,
    burnIn,
    seed,
    threads,
    algorithm,
    retune,
    tuningBudgetMs: options.tuningBudgetMs ?? null,
    isChecked: check,
    packagesFrom: from?.href ?? null,
  })

  const runs: Run[] = []
  const comparisons: ComparisonResult[] = []
  const refused: Refused[] = []
  let isInterrupted = false
  try {
    for (const pass of passes) {
      const running: Running[] = []
      try {
        const flops = batch * networkCounts(network)[pass]
        const setup = (engine: string, from: URL | null) => setupOf(engine, pass, from)
        yield* start(engines, pass, setup, flops, running, refused, signal)
        if (running.length < 2) continue
        for (let round = 0; round < rounds && stillRunning(running).length >= 2; round++) {
          options.betweenRounds?.()
          yield* takeTurns(batches, running, refused, signal)
          yield { kind: 'turn', pass, done: round + 1, total: rounds }
        }
        for (const each of stillRunning(running)) each.peaks = await peaksOf(each)
      } catch (error) {
        if (!isInterruption(error, signal)) throw error
      } finally {
        for (const { contender } of running) contender.end()
      }
      isInterrupted = signal?.aborted ?? false
      const timed = running.filter(({ turns }) => turns.length > 0)
      runs.push(...timed.map((each) => runOf(network, settings, each, each.turns.length < rounds)))
      comparisons.push(...comparisonsOf(pass, timed, rounds, isInterrupted))
      if (isInterrupted) break
    }
  } finally {
    await weights?.remove()
  }
  const unsupported = refused.map((each) => each.unsupported)
  const failure = failureOf(refused, passes)
  if (failure && runs.length === 0 && !isInterrupted) throw failure
  yield { kind: 'finished', runs, comparisons, unsupported, failure, interrupted: isInterrupted }
}

/** What could not be compared, and what kind of failure that is. */
interface Refused {
  readonly unsupported: Unsupported
  readonly error: ConvmarkError
}

/** `tfjs-wasm, forward-backward: not compared: it has no filter gradient` */
function failureOf(refused: readonly Refused[], passes: readonly Pass[]): ConvmarkError | null {
  if (refused.length === 0) return null
  const all = refused.map(({ unsupported }) => unsupported)
  const texts = all.map((one) => {
    const what = notCompared(one)
    const alike = all.filter((other) => other.engine === one.engine && notCompared(other) === what)
    const own = new Set(alike.map(({ pass }) => pass))
    return `${one.engine}${own.size < passes.length ? `, ${[...own].join(' and ')}` : ''}: ${what}`
  })
  const kinds = [UnavailableError, UsageError]
  const Kind = kinds.find((kind) => refused.every(({ error }) => error instanceof kind)) ?? ConvmarkError
  return new Kind([...new Set(texts)].join('; '))
}

/** Starts the engines, if there are at least two that can be compared. */
async function* start(
  engines: readonly string[],
  pass: Pass,
  setupOf: (engine: string, from: URL | null) => ContenderSetup,
  flops: number,
  running: Running[],
  refused: Refused[],
  signal: AbortSignal | undefined,
): AsyncGenerator<CompareEvent, void, void> {
  // Missing packages are found before the others start, which may take minutes.
  const installed: { engine: string; from: URL | null }[] = []
  for (const engine of engines) {
    try {
      installed.push({ engine, from: isPeer(engine) ? packagesFrom(engine) : null })
    } catch (error) {
      yield giveUp(refused, error, engine, pass)
    }
  }
  for (const [i, { engine, from }] of installed.entries()) {
    if (running.length + installed.length - i < 2) return
    signal?.throwIfAborted()
    yield { kind: 'starting', engine, pass }
    try {
      const script = isPeer(engine) ? PEER_RUNNER : ENGINE_PROCESS
      const limits = limitsFor({ isSlow: isSlow(engine), flops })
      const contender = await Contender.start(script, setupOf(engine, from), { limits, signal })
      running.push({ contender, turns: [], hasFailed: false, peaks: null })
    } catch (error) {
      yield giveUp(refused, error, engine, pass)
    }
  }
}

/** One round: every engine has its turn. */
async function* takeTurns(
  batches: number,
  running: readonly Running[],
  refused: Refused[],
  signal: AbortSignal | undefined,
): AsyncGenerator<CompareEvent, void, void> {
  for (const each of shuffled(stillRunning(running))) {
    signal?.throwIfAborted()
    const { contender, turns } = each
    try {
      turns.push(await contender.turn(batches))
    } catch (error) {
      const { engine, pass } = contender.setup
      each.hasFailed = true
      yield giveUp(refused, error, engine, pass, turns.length)
    }
  }
}

/** Throws the error if it is not the engine's fault. */
function giveUp(
  refused: Refused[],
  error: unknown,
  engine: string,
  pass: Pass,
  afterRounds = 0,
): CompareEvent {
  if (!(error instanceof ConvmarkError) || error instanceof InterruptedError) throw error
  const reason = error.message.replace(`${engine}: `, '')
  const unsupported = { engine, pass, reason, ...(afterRounds > 0 && { afterRounds }) }
  refused.push({ unsupported, error })
  return { kind: 'unsupported', unsupported }
}

const peaksOf = ({ contender }: Running): Promise<Peaks | null> =>
  peaksOrNull(async () => (isPeer(contender.setup.engine) ? null : (await contender.peaks()).peaks))

function runOf(
  network: Network,
  settings: RunSettings,
  { contender, turns, peaks }: Running,
  interrupted: boolean,
): Run {
  const { setup, ready } = contender
  const startedAtMs = turns.flatMap((turn) => turn.startedAtMs)
  const stepsMs = turns.flatMap((turn) => turn.stepsMs ?? [])
  const sum = (value: (turn: ContenderSamples) => number) => turns.reduce((all, turn) => all + value(turn), 0)
  const run = describeRun({
    network,
    pass: setup.pass,
    engine: ready.engine,
    settings,
    samplesMs: turns.flatMap(({ samplesMs }) => samplesMs),
    startsMs: startedAtMs.map((at) => at - startedAtMs[0]!),
    rounds: turns.map(({ samplesMs }) => samplesMs.length),
    plan: ready.plan,
    stepMediansMs: stepMedians(stepsMs),
    check: ready.check,
    peaks,
    peakMemoryBytes: Math.max(...turns.map(({ peakMemoryBytes }) => peakMemoryBytes)),
    tuning: ready.tuning,
    warnings: [...(ready.warnings ?? []), ...(turns.at(-1)?.warnings ?? [])],
    interrupted,
  })
  return {
    ...run,
    threadsUsed: sum(({ processorMs }) => processorMs) / sum(({ elapsedMs }) => elapsedMs),
  }
}

/**
 * The fastest compared with each of the others, over the rounds in which both took part. An engine with too few rounds
 * for a verdict is left out.
 */
function comparisonsOf(
  pass: Pass,
  timed: readonly Running[],
  asked: number,
  isInterrupted: boolean,
): ComparisonResult[] {
  const contenders = timed
    .filter(({ turns }) => turns.length >= MIN_ROUNDS)
    .map(({ contender, turns }) => ({
      engine: contender.setup.engine,
      rounds: turns.map(({ samplesMs }) => samplesMs),
    }))
  const [fastest, ...others] = contenders.sort((a, b) => median(a.rounds.flat()) - median(b.rounds.flat()))
  return others.map(({ engine: baseline, rounds }): ComparisonResult => {
    const { engine } = fastest!
    const made = Math.min(fastest!.rounds.length, rounds.length)
    const comparison = compareRounds(fastest!.rounds.slice(0, made), rounds.slice(0, made))
    const { interval } = comparison
    const mark =
      made < asked ? `; ${isInterrupted ? 'interrupted after' : 'over'} ${made} of ${asked} rounds` : ''
    return {
      pass,
      engine,
      baseline,
      ...comparison,
      interval: [...interval],
      text: `${verdictText(engine, baseline, comparison)}${mark}`,
    }
  })
}

function shuffled<T>(items: readonly T[]): T[] {
  const order = items.map((item) => ({ item, key: Math.random() }))
  return order.sort((a, b) => a.key - b.key).map(({ item }) => item)
}
