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
import {
  ConvmarkError,
  InterruptedError,
  isInterruption,
  messageOf,
  UnavailableError,
  UsageError,
} from '../errors.ts'
import type { Algorithm } from '../kernels/kernel.ts'
import type { Network } from '../networks/network.ts'
import { type Pass, passesRule } from '../plan/plan.ts'
import { availableCores } from '../runtime/machine.ts'
import { asImageShape, isPositiveInteger } from '../tensor.ts'
import { compareRounds, MIN_ROUNDS, verdictText } from './compare-rounds.ts'
import { Contender, LIMITS, SLOW_LIMITS } from './contenders/contender.ts'
import { isPeer, isSlow, PEER_RUNNER, packagesFrom } from './contenders/peers.ts'
import type { ContenderSamples, ContenderSetup } from './contenders/protocol.ts'
import type { ComparisonResult, Run, Unsupported } from './result.ts'
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
  /** For what is in `unsupported`: UnavailableError where nothing else is the reason. Null where nothing is. */
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
  /** Measured after the last round; null before, and where they can't be. */
  peaks: Peaks | null
}

/**
 * Engines take turns, in rounds of random order, each in a process of its own that is stopped between its turns: so drift
 * of the machine hits all alike. The fastest is then compared with each of the others, round by round. What an engine can't
 * do is reported, and so is one that crashes or hangs; the others go on, if there are two. Throws UnavailableError if no pass
 * has two engines that are available, ConvmarkError if they fail.
 */
export async function* compare(
  network: Network,
  options: CompareOptions,
): AsyncGenerator<CompareEvent, void, void> {
  requireOptions('compare', options, rules)
  const { engines, passes = ['forward'], batch = 32, batches = 3, rounds = 10, signal } = options
  if (engines.length < 2)
    throw new UsageError(
      `a comparison takes two engines or more, not ${engines.join() || 'none'}; bench times one`,
    )
  const threads = options.threads ?? (await availableCores())
  const { burnIn = 10, seed = 7, algorithm = 'auto', retune = false, check = true } = options
  const settings: RunSettings = { batch, batches: batches * rounds, burnIn, seed, algorithm }
  const imageSize = Math.max(...Object.values(network.inputs).map((shape) => asImageShape(shape)[0]))
  const setupOf = (engine: string, pass: Pass, from: URL | null): ContenderSetup => ({
    engine,
    network: network.name,
    imageSize,
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
  const refused: Refused = { unsupported: [], isUnavailable: true }
  let isInterrupted = false
  for (const pass of passes) {
    const running = new Set<Running>()
    try {
      yield* start(engines, pass, (engine, from) => setupOf(engine, pass, from), running, refused, signal)
      if (running.size < 2) continue
      for (let round = 0; round < rounds; round++) {
        options.betweenRounds?.()
        yield* takeTurns(batches, running, refused, signal)
        yield { kind: 'turn', pass, done: round + 1, total: rounds }
      }
      for (const each of running) each.peaks = await peaksOf(each, signal)
    } catch (error) {
      if (!isInterruption(error, signal)) throw error
      isInterrupted = true
    } finally {
      for (const { contender } of running) contender.end()
    }
    const timed = [...running].filter(({ turns }) => turns.length > 0)
    runs.push(...timed.map((each) => runOf(network, settings, each, each.turns.length < rounds)))
    comparisons.push(...comparisonsOf(pass, timed, rounds))
    if (isInterrupted) break
  }
  const { unsupported, isUnavailable } = refused
  const failure = failureOf(unsupported, passes, isUnavailable)
  if (failure && runs.length === 0 && !isInterrupted) throw failure
  yield { kind: 'finished', runs, comparisons, unsupported, failure, interrupted: isInterrupted }
}

/** `not compared: tfjs-wasm, forward-backward: it has no filter gradient` */
function failureOf(
  unsupported: readonly Unsupported[],
  passes: readonly Pass[],
  isUnavailable: boolean,
): ConvmarkError | null {
  if (unsupported.length === 0) return null
  const passesBy = new Map<string, { readonly reason: Unsupported; readonly passes: Pass[] }>()
  for (const each of unsupported) {
    const key = JSON.stringify([each.engine, each.reason])
    passesBy.set(key, { reason: each, passes: [...(passesBy.get(key)?.passes ?? []), each.pass] })
  }
  const all = [...passesBy.values()].map(({ reason: { engine, reason }, passes: own }) => {
    const where = own.length < passes.length ? `, ${own.join(' and ')}` : ''
    return `${engine}${where}: ${reason.replace(`${engine}: `, '')}`
  })
  const message = `not compared: ${all.join('; ')}`
  return isUnavailable ? new UnavailableError(message) : new ConvmarkError(message)
}

/** What could not be compared, and whether that is only because this machine lacks it. */
interface Refused {
  readonly unsupported: Unsupported[]
  isUnavailable: boolean
}

/** Nothing is started unless there are two to be compared. */
async function* start(
  engines: readonly string[],
  pass: Pass,
  setupOf: (engine: string, from: URL | null) => ContenderSetup,
  running: Set<Running>,
  refused: Refused,
  signal: AbortSignal | undefined,
): AsyncGenerator<CompareEvent, void, void> {
  // What is not installed is found before the others start, which may take minutes.
  const installed: { engine: string; from: URL | null }[] = []
  for (const engine of engines) {
    try {
      installed.push({ engine, from: isPeer(engine) ? packagesFrom(engine) : null })
    } catch (error) {
      yield giveUp(engine, pass, refused, error)
    }
  }
  if (installed.length < 2) return
  for (const { engine, from } of installed) {
    signal?.throwIfAborted()
    yield { kind: 'starting', engine, pass }
    try {
      const script = isPeer(engine) ? PEER_RUNNER : ENGINE_PROCESS
      const limits = isSlow(engine) ? SLOW_LIMITS : LIMITS
      const contender = await Contender.start(script, setupOf(engine, from), { limits, signal })
      running.add({ contender, turns: [], peaks: null })
    } catch (error) {
      yield giveUp(engine, pass, refused, error)
    }
  }
}

/** A round. */
async function* takeTurns(
  batches: number,
  running: Set<Running>,
  refused: Refused,
  signal: AbortSignal | undefined,
): AsyncGenerator<CompareEvent, void, void> {
  for (const each of shuffled([...running])) {
    signal?.throwIfAborted()
    const { contender, turns } = each
    try {
      turns.push(await contender.turn(batches))
    } catch (error) {
      const { engine, pass } = contender.setup
      const event = giveUp(engine, pass, refused, error)
      running.delete(each)
      yield event
    }
  }
}

/** Throws on what is no fault of the engine. */
function giveUp(engine: string, pass: Pass, refused: Refused, error: unknown): CompareEvent {
  if (!(error instanceof ConvmarkError) || error instanceof InterruptedError) throw error
  refused.isUnavailable &&= error instanceof UnavailableError
  const unsupported = { engine, pass, reason: messageOf(error) }
  refused.unsupported.push(unsupported)
  return { kind: 'unsupported', unsupported }
}

async function peaksOf({ contender }: Running, signal: AbortSignal | undefined): Promise<Peaks | null> {
  if (isPeer(contender.setup.engine)) return null
  signal?.throwIfAborted()
  try {
    return (await contender.peaks()).peaks
  } catch (error) {
    // An engine that ends now has been timed all the same
    if (!(error instanceof ConvmarkError) || error instanceof InterruptedError) throw error
    return null
  }
}

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
    interrupted,
  })
  return {
    ...run,
    threadsUsed: sum(({ processorMs }) => processorMs) / sum(({ elapsedMs }) => elapsedMs),
  }
}

/** The fastest beside each of the others, over the rounds in which all had their turns; none where these are too few. */
function comparisonsOf(pass: Pass, timed: readonly Running[], rounds: number): ComparisonResult[] {
  const made = Math.min(...timed.map(({ turns }) => turns.length))
  if (made < MIN_ROUNDS) return []
  const contenders = timed.map(({ contender, turns }) => ({
    engine: contender.setup.engine,
    rounds: turns.slice(0, made).map(({ samplesMs }) => samplesMs),
  }))
  const mark = made < rounds ? `; interrupted after ${made} of ${rounds} rounds` : ''
  const [fastest, ...others] = contenders.sort((a, b) => median(a.rounds.flat()) - median(b.rounds.flat()))
  return others.map(({ engine: baseline, rounds }): ComparisonResult => {
    const { engine } = fastest!
    const comparison = compareRounds(fastest!.rounds, rounds)
    const { interval } = comparison
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
