// Engines take turns, in rounds of random order, each in a worker of its own, as `convmark compare` has them in processes.
import {
  compareRounds,
  describeRun,
  MIN_ROUNDS,
  type RoundComparison,
  type Run,
  type RunMeasurement,
} from 'convmark/bench'
import { networkOf, withFile } from '../model/choice.ts'
import { startTasks } from '../work/start.ts'
import { TaskRunner } from '../work/task.ts'
import {
  type ContenderEvent,
  type ContenderRequest,
  type ContenderSetup,
  type EngineName,
  isPeer,
  type Ready,
  SEED,
  type Truth,
  type TruthRequest,
  type Turn,
} from './messages.ts'

export interface CompareSettings extends Omit<ContenderSetup, 'engine' | 'truths'> {
  readonly engines: readonly EngineName[]
  readonly rounds: number
  readonly runsPerRound: number
}

export type CompareEvent =
  | { readonly kind: 'starting'; readonly engine: EngineName }
  | { readonly kind: 'ready'; readonly engine: EngineName; readonly ready: Ready }
  /** `reason` null: the page's host does not have it. */
  | { readonly kind: 'unsupported'; readonly engine: EngineName; readonly reason: string | null }
  | { readonly kind: 'turn'; readonly engine: EngineName; readonly turn: Turn }
  | { readonly kind: 'round'; readonly done: number; readonly total: number }

interface Running {
  readonly engine: EngineName
  readonly runner: TaskRunner<ContenderRequest, ContenderEvent>
}

const startContender = (engine: EngineName): TaskRunner<ContenderRequest, ContenderEvent> =>
  isPeer(engine)
    ? new TaskRunner(
        'peer',
        () => new Worker(new URL('./peer-worker.ts', import.meta.url), { type: 'module' }),
      )
    : startTasks('compare')

/** Until all rounds are over, or `signal` says so: then what was measured is all there is. Never throws for an engine. */
export async function* compareEngines(
  { engines, rounds, runsPerRound, ...setup }: CompareSettings,
  signal: AbortSignal,
): AsyncGenerator<CompareEvent, void, void> {
  const running = new Set<Running>()
  let truths: readonly Truth[] | null = null
  const disposeAll = (): void => {
    for (const { runner } of running) runner.dispose()
  }
  signal.addEventListener('abort', disposeAll)
  try {
    for (const engine of engines) {
      if (signal.aborted) return
      yield { kind: 'starting', engine }
      const each = { engine, runner: startContender(engine) }
      running.add(each)
      if (isPeer(engine)) truths ??= await findTruths(setup, signal)
      if (signal.aborted) return
      const { event, failure } = await ask(each, {
        kind: 'start',
        setup: { ...setup, engine, truths: truths ?? [] },
      })
      if (signal.aborted) return
      if (event?.kind === 'ready') yield { kind: 'ready', engine, ready: event }
      else {
        drop(running, each)
        yield { kind: 'unsupported', engine, reason: event?.kind === 'missing' ? null : failure }
      }
    }
    for (let round = 0; round < rounds; round++) {
      for (const each of shuffled([...running])) {
        const { event, failure } = await ask(each, { kind: 'turn', samples: runsPerRound })
        if (signal.aborted) return
        if (event?.kind === 'samples') yield { kind: 'turn', engine: each.engine, turn: event }
        else {
          drop(running, each)
          yield { kind: 'unsupported', engine: each.engine, reason: failure }
        }
      }
      yield { kind: 'round', done: round + 1, total: rounds }
    }
  } finally {
    signal.removeEventListener('abort', disposeAll)
    disposeAll()
  }
}

/** Made once for all peers. None where that failed: then no peer can be checked, and none is timed. */
async function findTruths({ network, batch }: TruthRequest, signal: AbortSignal): Promise<readonly Truth[]> {
  const runner = startTasks<TruthRequest, Truth>('truth')
  const end = (): void => runner.dispose()
  signal.addEventListener('abort', end)
  const truths: Truth[] = []
  await runner.run({ network, batch }, (made) => truths.push(...made))
  signal.removeEventListener('abort', end)
  end()
  return truths
}

/** Without a sign of life for so long an engine is given up: some libraries wait for a thread that never starts. */
const SILENCE_MINUTES = 2

/** Its answer, or why there is none. */
async function ask({ runner }: Running, request: ContenderRequest) {
  let event: ContenderEvent | null = null
  let isSilent = false
  const giveUp = (): void => {
    isSilent = true
    runner.dispose()
  }
  const wait = () => setTimeout(giveUp, SILENCE_MINUTES * 60_000)
  let timer = wait()
  const end = await runner.run(request, (events) => {
    event = events.at(-1) ?? event
    clearTimeout(timer)
    timer = wait()
  })
  clearTimeout(timer)
  const failure = isSilent
    ? `it did not answer for ${SILENCE_MINUTES} minutes, and was ended`
    : end.kind === 'failed' && end.message
      ? end.message
      : 'its worker could not be started, or was lost'
  return { event: event as ContenderEvent | null, failure }
}

function drop(running: Set<Running>, each: Running): void {
  each.runner.dispose()
  running.delete(each)
}

function shuffled<T>(items: readonly T[]): T[] {
  const order = items.map((item) => ({ item, key: Math.random() }))
  return order.sort((a, b) => a.key - b.key).map(({ item }) => item)
}

/** An engine that was started, and the turns that it took. */
export interface Measured {
  readonly engine: EngineName
  readonly ready: Ready
  readonly turns: readonly Turn[]
}

/** As a result has it. */
export function runOf({ ready, turns }: Measured, settings: CompareSettings): Run {
  const { network, pass, batch, burnIn, rounds, runsPerRound } = settings
  const startedAtMs = turns.flatMap((turn) => turn.startedAtMs)
  const measurement: RunMeasurement = {
    network: networkOf(network),
    pass,
    engine: ready.engine,
    settings: { batch, batches: rounds * runsPerRound, burnIn, seed: SEED, algorithm: 'auto' },
    samplesMs: turns.flatMap(({ samplesMs }) => samplesMs),
    startsMs: startedAtMs.map((at) => at - startedAtMs[0]!),
    rounds: turns.map(({ samplesMs }) => samplesMs.length),
    plan: ready.plan,
    stepMediansMs: null,
    check: ready.check,
    peaks: null,
    peakMemoryBytes: 0,
    tuning: ready.tuning,
    warnings: [],
    interrupted: turns.length < rounds,
  }
  return withFile(describeRun(measurement), network)
}

export interface Verdict {
  readonly engine: EngineName
  readonly baseline: EngineName
  readonly comparison: RoundComparison
}

/** The fastest beside each of the others, over the rounds that both had. One that had too few for a verdict is left out. */
export function verdictsOf(measured: readonly Measured[]): Verdict[] {
  const [fastest, ...others] = fastestFirst(measured.filter(({ turns }) => turns.length >= MIN_ROUNDS))
  return others.map((other) => {
    const made = Math.min(fastest!.turns.length, other.turns.length)
    const roundsOf = ({ turns }: Measured) => turns.slice(0, made).map(({ samplesMs }) => samplesMs)
    return {
      engine: fastest!.engine,
      baseline: other.engine,
      comparison: compareRounds(roundsOf(fastest!), roundsOf(other)),
    }
  })
}

export const fastestFirst = (measured: readonly Measured[]): Measured[] =>
  [...measured].sort((a, b) => medianOf(a) - medianOf(b))

export const medianOfTurn = ({ samplesMs }: Turn): number => middle(samplesMs)
const medianOf = ({ turns }: Measured): number => middle(turns.flatMap(({ samplesMs }) => samplesMs))

function middle(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const half = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2
}
