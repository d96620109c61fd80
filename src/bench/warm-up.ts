// A session ready to be timed: opened, checked, and run until it is warm.
import type { Engine } from '../engines/engine.ts'
import type { Algorithm } from '../kernels/kernel.ts'
import type { Network } from '../networks/network.ts'
import type { Pass } from '../plan/plan.ts'
import { benchmarkTraining } from '../plan/training.ts'
import { openSession, type Session } from '../session.ts'
import type { Checker, CheckResult } from './check.ts'
import { benchmarkRates } from './data.ts'
import type { BenchEvent } from './events.ts'
import { latest } from './latest.ts'
import { benchmarkBeside } from './room.ts'

/** Enough to decide on how many threads a small plan runs, however many there are. */
const MOST_TRIAL_RUNS = 200

/** The caller has made sure that there is enough memory. */
export interface WarmUpSetup {
  readonly network: Network
  readonly pass: Pass
  readonly engine: Engine
  readonly batch: number
  readonly burnIn: number
  readonly algorithm: Algorithm
  readonly retune: boolean
  /** Undefined: all tiles are measured. */
  readonly tuningBudgetMs: number | undefined
  /** Null: unchecked. */
  readonly checker: Checker | null
  readonly data: Promise<Readonly<Record<string, Float32Array>>>
}

/** The session and what is known about it so far. The caller disposes the session, also after a failure. */
export interface Subject {
  session: Session | null
  check: CheckResult | null
}

/** Opens it a second time if some steps took far more or far less time than when their tiles were chosen. */
export async function* warmUp(
  subject: Subject,
  setup: WarmUpSetup,
  signal?: AbortSignal,
): AsyncGenerator<BenchEvent, void, void> {
  yield* openWarm(subject, setup, signal)
  if (!(await subject.session!.prepared.forgetDoubtfulTiles?.())) return
  // A doubtful tile was measured once, and is better than one that never was.
  if (setup.tuningBudgetMs === 0 || subject.session!.prepared.unmeasuredSteps) return
  await subject.session!.dispose()
  yield* openWarm(subject, { ...setup, retune: false }, signal)
}

async function* openWarm(
  subject: Subject,
  { network, pass, engine, batch, burnIn, algorithm, retune, tuningBudgetMs, checker, data }: WarmUpSetup,
  signal: AbortSignal | undefined,
): AsyncGenerator<BenchEvent, void, void> {
  const tuning = latest((onProgress: (p: { done: number; total: number }) => void) =>
    openSession(network, {
      batch,
      pass,
      engine,
      algorithm,
      retune,
      ...(tuningBudgetMs !== undefined && { tuningBudgetMs }),
      memoryBeside: benchmarkBeside(checker !== null),
      isRoomSure: true,
      onProgress,
      ...(signal && { signal }),
      ...(pass === 'train' && { training: benchmarkTraining(network) }),
    }),
  )
  for await (const { done, total } of tuning.progress)
    yield { kind: 'progress', pass, phase: 'tuning', done, total }
  const session = await tuning.result
  subject.session = session
  yield { kind: 'prepared', pass, engine: engine.info, steps: session.steps }

  if (checker) {
    const checking = latest((onProgress: (p: { done: number; total: number }) => void) =>
      checker.check(session, { onProgress, signal }),
    )
    for await (const { done, total } of checking.progress)
      yield { kind: 'progress', pass, phase: 'check', done, total }
    subject.check = await checking.result
  }
  session.write({ ...(await data), ...benchmarkRates(pass) })
  for (let step = 0; step < burnIn; step++) {
    await session.run({}, signal && { signal })
    yield { kind: 'progress', pass, phase: 'burn-in', done: step + 1, total: burnIn }
  }
  // A small plan tries numbers of threads in its first runs, which are not what is to be timed.
  for (let run = 0; burnIn > 0 && run < MOST_TRIAL_RUNS && session.prepared.isChoosingThreads; run++)
    await session.run({}, signal && { signal })
}
