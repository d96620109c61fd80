import { median } from 'simple-statistics'
import {
  arrayOfText,
  integerFromZero,
  must,
  optional,
  positiveInteger,
  type Rules,
  requireOptions,
  someFunction,
  trueOrFalse,
} from '../check-options.ts'
import { engineRules, prepareRules } from '../engines/engine.ts'
import type { Peaks } from '../engines/peak.ts'
import { ConvmarkError, InterruptedError, isInterruption, UnavailableError, UsageError } from '../errors.ts'
import type { Algorithm } from '../kernels/kernel.ts'
import { type Network, requireNetwork } from '../networks/network.ts'
import { networkData } from '../networks/network-data.ts'
import { type Pass, passesRule } from '../plan/plan.ts'
import { availableCores } from '../runtime/machine.ts'
import { isPositiveInteger } from '../tensor.ts'
import { compareRounds, MIN_ROUNDS, verdictText } from './compare-rounds.ts'
import { Contender, LIMITS, SLOW_LIMITS } from './contenders/contender.ts'
import { isPeer, isSlow, PEER_RUNNER, packagesFrom } from './contenders/peers.ts'
import type { ContenderSamples, ContenderSetup } from './contenders/protocol.ts'
import { peaksOrNull } from './peaks.ts'
import { type ComparisonResult, notCompared, type Run, type Unsupported } from './result.ts'
import { describeRun, type RunSettings, stepMedians } from './run.ts'

export interface CompareOptions {
  /** Engine specs, peers among them. */
  readonly engines: readonly string[]
  /** Forward alone by default. */
  readonly passes?: readonly Pass[]
  /** 32 by default. */
  readonly batch?: number
  /** That an engine runs in each round; 3 by default. */
  readonly batches?: number
  /** 10 by default. */
  readonly rounds?: number
  /** Runs before the first round; 10 by default. */
  readonly burnIn?: number
  readonly seed?: number
  /** Of each engine that names none; the physical cores by default. */
  readonly threads?: number
  readonly algorithm?: Algorithm
  /** Convmark's own engines measure their tiles anew, whatever the cache has. */
  readonly retune?: boolean
  readonly check?: boolean
  /** Called before each round, for work beside the comparison, such as a calibration. */
  readonly betweenRounds?: () => void
  /** Ends the turn under way; what was measured is reported as interrupted. */
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
  threads: engineRules.threads,
  algorithm: prepareRules.algorithm,
  retune: optional(trueOrFalse),
  check: optional(trueOrFalse),
  betweenRounds: optional(someFunction),
  signal: prepareRules.signal,
}

export interface CompareResult {
  readonly runs: readonly Run[]
  readonly comparisons: readonly ComparisonResult[]
  readonly unsupported: readonly Unsupported[]
  /** For what is in `unsupported`: UnavailableError or UsageError if nothing else is the reason. Null if that is empty. */
  readonly failure: ConvmarkError | null
  readonly interrupted: boolean
}

export type CompareEvent =
  | { readonly kind: 'starting'; readonly engine: string; readonly pass: Pass }
  | { readonly kind: 'unsupported'; readonly unsupported: Unsupported }
  | { readonly kind: 'turn'; readonly pass: Pass; readonly done: number; readonly total: number }
  | ({ readonly kind: 'finished' } & CompareResult)

const ENGINE_PROCESS = new URL('./contenders/engine-process.js', import.meta.url)

/** An engine that takes its turns, and what it made of them. */
interface Running {
  readonly contender: Contender
  readonly turns: ContenderSamples[]
  /** It failed in a turn, and takes no more. */
  hasFailed: boolean
  /** Measured after the last round; null before, and where they can't be. */
  peaks: Peaks | null
}

const stillRunning = (all: readonly Running[]): Running[] => all.filter(({ hasFailed }) => !hasFailed)

/**
 * Engines take turns, in rounds of random order, each in a process of its own that is stopped between its turns: so drift
 * of the machine hits all alike. The fastest is then compared with each of the others, round by round. What an engine can't
 * do is reported, and so is one that crashes or hangs: its rounds so far count, and the others go on, if there are two. If
 * nothing was measured it throws `failure`: UnavailableError if no pass has two engines that are available.
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
  const settings: RunSettings = { batch, batches: batches * rounds, burnIn, seed, algorithm }
  const setupOf = (engine: string, pass: Pass, from: URL | null): ContenderSetup => ({
    engine,
    network: networkData(network),
    pass,
    batch,
    burnIn,
    seed,
    threads,
    algorithm,
    retune,
    isChecked: check,
    packagesFrom: from?.href ?? null,
  })

  const runs: Run[] = []
  const comparisons: ComparisonResult[] = []
  const refused: Refused[] = []
  let isInterrupted = false
  for (const pass of passes) {
    const running: Running[] = []
    try {
      yield* start(engines, pass, (engine, from) => setupOf(engine, pass, from), running, refused, signal)
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

/** Nothing is started unless there are two to be compared. */
async function* start(
  engines: readonly string[],
  pass: Pass,
  setupOf: (engine: string, from: URL | null) => ContenderSetup,
  running: Running[],
  refused: Refused[],
  signal: AbortSignal | undefined,
): AsyncGenerator<CompareEvent, void, void> {
  // What is not installed is found before the others start, which may take minutes.
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
      const limits = isSlow(engine) ? SLOW_LIMITS : LIMITS
      const contender = await Contender.start(script, setupOf(engine, from), { limits, signal })
      running.push({ contender, turns: [], hasFailed: false, peaks: null })
    } catch (error) {
      yield giveUp(refused, error, engine, pass)
    }
  }
}

/** A round. */
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

/** Throws on what is no fault of the engine. */
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
    warnings: ready.warnings ?? [],
    interrupted,
  })
  return {
    ...run,
    threadsUsed: sum(({ processorMs }) => processorMs) / sum(({ elapsedMs }) => elapsedMs),
  }
}

/**
 * The fastest beside each of the others, over the rounds in which both had their turns. One that had too few for a verdict is
 * left out.
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
