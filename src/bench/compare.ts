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
import { ConvmarkError, messageOf, UnavailableError, UsageError } from '../errors.ts'
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

  const result = {
    runs: [] as Run[],
    comparisons: [] as ComparisonResult[],
    unsupported: [] as Unsupported[],
  }
  let isUnavailable = true
  for (const pass of passes) {
    const running = new Set<Running>()
    const giveUp = (engine: string, error: unknown): CompareEvent => {
      if (!(error instanceof ConvmarkError)) throw error
      isUnavailable &&= error instanceof UnavailableError
      const unsupported = { engine, pass, reason: messageOf(error) }
      result.unsupported.push(unsupported)
      return { kind: 'unsupported', unsupported }
    }
    try {
      // What is not installed is found before the others start, which may take minutes.
      const installed: { engine: string; from: URL | null }[] = []
      for (const engine of engines) {
        try {
          installed.push({ engine, from: isPeer(engine) ? packagesFrom(engine) : null })
        } catch (error) {
          yield giveUp(engine, error)
        }
      }
      if (installed.length < 2) continue
      for (const { engine, from } of installed) {
        signal?.throwIfAborted()
        yield { kind: 'starting', engine, pass }
        try {
          const script = isPeer(engine) ? PEER_RUNNER : ENGINE_PROCESS
          const limits = isSlow(engine) ? SLOW_LIMITS : LIMITS
          const contender = await Contender.start(script, setupOf(engine, pass, from), limits)
          running.add({ contender, turns: [] })
        } catch (error) {
          yield giveUp(engine, error)
        }
      }
      if (running.size < 2) continue
      for (let round = 0; round < rounds; round++) {
        options.betweenRounds?.()
        for (const each of shuffled([...running])) {
          signal?.throwIfAborted()
          try {
            each.turns.push(await each.contender.turn(batches))
          } catch (error) {
            running.delete(each)
            yield giveUp(each.contender.setup.engine, error)
          }
        }
        yield { kind: 'turn', pass, done: round + 1, total: rounds }
      }
      for (const each of running) {
        const peaks = isPeer(each.contender.setup.engine) ? null : (await each.contender.peaks()).peaks
        result.runs.push(runOf(network, settings, each, peaks))
      }
      result.comparisons.push(...comparisonsOf(pass, [...running]))
    } finally {
      for (const { contender } of running) contender.end()
    }
  }
  const failure = failureOf(result.unsupported, passes, isUnavailable)
  if (failure && result.runs.length === 0) throw failure
  yield { kind: 'finished', ...result, failure }
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

function runOf(
  network: Network,
  settings: RunSettings,
  { contender, turns }: Running,
  peaks: Peaks | null,
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
    interrupted: false,
  })
  return {
    ...run,
    threadsUsed: sum(({ processorMs }) => processorMs) / sum(({ elapsedMs }) => elapsedMs),
  }
}

/** The fastest beside each of the others. */
function comparisonsOf(pass: Pass, running: readonly Running[]): ComparisonResult[] {
  const contenders = running.map(({ contender, turns }) => ({
    engine: contender.setup.engine,
    rounds: turns.map(({ samplesMs }) => samplesMs),
  }))
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
      text: verdictText(engine, baseline, comparison),
    }
  })
}

function shuffled<T>(items: readonly T[]): T[] {
  const order = items.map((item) => ({ item, key: Math.random() }))
  return order.sort((a, b) => a.key - b.key).map(({ item }) => item)
}
