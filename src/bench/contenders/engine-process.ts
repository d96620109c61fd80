// One of convmark's own engines in its own process, which runs when the parent asks it to.
import './ignore-signals.ts'
import { openEngine } from '../../engines/index.ts'
import { CheckError, messageOf, UnavailableError, UsageError } from '../../errors.ts'
import { networkOf } from '../../networks/network-data.ts'
import { Checker } from '../check.ts'
import { makeData } from '../data.ts'
import { requireRoomForAll } from '../room.ts'
import { seenPlan } from '../run.ts'
import { fewerThreadsWarnings } from '../thread-warnings.ts'
import { unmeasuredWarnings } from '../tuning-warnings.ts'
import { madeDenormalsWarning } from '../value-warnings.ts'
import { type Subject, warmUp } from '../warm-up.ts'
import type { ContenderReply, ContenderRequest, ContenderSetup } from './protocol.ts'
import { readWeights } from './weights-file.ts'

const reply = (message: ContenderReply): void => {
  process.send!(message)
}

async function open(setup: ContenderSetup): Promise<void> {
  const { pass, batch, burnIn, seed, threads, algorithm, retune, isChecked, weightsFile } = setup
  const tuningBudgetMs = setup.tuningBudgetMs ?? undefined
  const network = networkOf(setup.network)
  const engine = await openEngine(setup.engine, {
    experimentalV8Flags: true,
    threads,
    retune,
  })
  await requireRoomForAll(network, engine, { batch, passes: [pass], algorithm, isChecked })
  const given = weightsFile === null ? null : await readWeights(weightsFile, network)
  const checker = isChecked ? new Checker(network, batch, Math.min(2, threads), given) : null
  const data = makeData({ network, batch, seed }, given)
  data.catch(() => {}) // reported where it is awaited
  const subject: Subject = { session: null, check: null }
  const warming = warmUp(subject, {
    network,
    pass,
    engine,
    batch,
    burnIn,
    algorithm,
    retune,
    tuningBudgetMs,
    checker,
    data,
  })
  for await (const _ of warming) {
    // Its progress is not reported to the parent
  }
  const session = subject.session!
  await checker?.dispose()

  const turn = async (samples: number): Promise<void> => {
    await session.run()
    const samplesMs: number[] = []
    const startedAtMs: number[] = []
    const stepsMs: (readonly number[])[] = []
    const [before, startMs] = [process.cpuUsage(), performance.now()]
    for (let i = 0; i < samples; i++) {
      const start = performance.now()
      startedAtMs.push(performance.timeOrigin + start)
      await session.run()
      samplesMs.push(performance.now() - start)
      const times = session.stepTimesMs()
      if (times) stepsMs.push(times)
    }
    const { user, system } = process.cpuUsage(before)
    reply({
      kind: 'samples',
      samplesMs,
      startedAtMs,
      stepsMs: stepsMs.length > 0 ? stepsMs : null,
      processorMs: (user + system) / 1000,
      elapsedMs: performance.now() - startMs,
      peakMemoryBytes: process.resourceUsage().maxRSS * 1024,
      warnings: fewerThreadsWarnings(session),
    })
  }
  const peaks = async (): Promise<void> => {
    reply({ kind: 'peaks', peaks: (await engine.measurePeaks?.({ withBandwidth: true })) ?? null })
  }
  process.on('message', (request: ContenderRequest) => {
    if (request.kind === 'turn') turn(request.samples).catch(fail)
    else if (request.kind === 'peaks') peaks().catch(fail)
  })
  const valueWarning = burnIn > 0 ? madeDenormalsWarning(session) : null
  reply({
    kind: 'ready',
    engine: engine.info,
    check: subject.check,
    warnings: [...(valueWarning === null ? [] : [valueWarning]), ...unmeasuredWarnings(session)],
    plan: seenPlan(session.steps, session.plan),
    tuning: session.tuning,
  })
}

function fail(error: unknown): void {
  const kind =
    error instanceof UnavailableError ? 'unsupported' : error instanceof UsageError ? 'misused' : 'failed'
  const reason = error instanceof CheckError ? `refused: ${messageOf(error)}` : messageOf(error)
  process.send!({ kind, reason } satisfies ContenderReply, () => process.exit(0))
}

process.on('disconnect', () => process.exit())
process.once('message', (request: ContenderRequest) => {
  if (request.kind === 'setup') open(request.setup).catch(fail)
})
