// One of convmark's own engines in a process of its own, run when the parent says so.
import { openEngine } from '../../engines/index.ts'
import { CheckError, messageOf, UnavailableError } from '../../errors.ts'
import { networkNamed } from '../../networks/index.ts'
import { benchmarkTraining } from '../../plan/training.ts'
import { openSession } from '../../session.ts'
import { Checker } from '../check.ts'
import { benchmarkRates, makeData } from '../data.ts'
import { benchmarkBeside, requireRoomForAll } from '../room.ts'
import { seenPlan } from '../run.ts'
import type { ContenderReply, ContenderRequest, ContenderSetup } from './protocol.ts'

const reply = (message: ContenderReply): void => {
  process.send!(message)
}

async function open(setup: ContenderSetup): Promise<void> {
  const { network: name, imageSize, pass, batch, burnIn, seed, threads, algorithm, isChecked } = setup
  const network = networkNamed(name, { imageSize })
  const engine = await openEngine(setup.engine, {
    experimentalV8Flags: true,
    threads,
    retune: setup.retune,
  })
  await requireRoomForAll(network, engine, { batch, passes: [pass], algorithm, isChecked })
  const checker = isChecked ? new Checker(network, batch, Math.min(2, threads)) : null
  const data = makeData({ network, batch, seed })
  data.catch(() => {}) // awaited below
  const warmUp = async (retune: boolean) => {
    const session = await openSession(network, {
      batch,
      pass,
      engine,
      algorithm,
      retune,
      memoryBeside: benchmarkBeside(isChecked),
      isRoomSure: true,
      ...(pass === 'train' && { training: benchmarkTraining(network) }),
    })
    const check = checker ? await checker.check(session) : null
    session.write({ ...(await data), ...benchmarkRates(pass) })
    for (let i = 0; i < burnIn; i++) await session.run()
    return { session, check }
  }
  let { session, check } = await warmUp(setup.retune)
  if (await session.prepared.forgetDoubtfulTiles?.()) {
    await session.dispose()
    ;({ session, check } = await warmUp(false))
  }
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
    })
  }
  const peaks = async (): Promise<void> => {
    reply({ kind: 'peaks', peaks: (await engine.measurePeaks?.({ withBandwidth: true })) ?? null })
  }
  process.on('message', (request: ContenderRequest) => {
    const work = request.kind === 'turn' ? turn(request.samples) : peaks()
    work.catch(fail)
  })
  reply({
    kind: 'ready',
    engine: engine.info,
    check,
    plan: seenPlan(session.steps),
    tuning: session.tuning,
  })
}

function fail(error: unknown): void {
  const isUnsupported = error instanceof UnavailableError
  const reason = error instanceof CheckError ? `refused: ${messageOf(error)}` : messageOf(error)
  process.send!({ kind: isUnsupported ? 'unsupported' : 'failed', reason } satisfies ContenderReply, () =>
    process.exit(0),
  )
}

process.on('disconnect', () => process.exit())
open(JSON.parse(process.argv[2]!) as ContenderSetup).catch(fail)
