// convmark's own wasm engine, in its turns.
import { initialize, initializeImages, openSession } from 'convmark'
import { Checker, seenPlan } from 'convmark/bench'
import { networkOf, parametersOf } from '../model/choice.ts'
import { contenderWork } from './contender.ts'
import { SEED } from './messages.ts'

export const ownWork = contenderWork(async ({ engine, network: choice, pass, batch, threads }) => {
  const network = networkOf(choice)
  const parameters = await parametersOf(choice)
  const session = await openSession(network, {
    batch,
    pass,
    engine: engine === 'wasm@1' ? 'wasm@1' : `wasm@${threads}`,
  })
  const checker = new Checker(network, batch, Math.min(2, threads), parameters)
  const check = await checker.check(session)
  await checker.dispose()
  session.write({
    ...(parameters ?? initialize(network, { seed: SEED })),
    ...initializeImages(network, batch, { seed: SEED }),
  })
  return {
    engine: { ...session.engine, v8Flags: [...session.engine.v8Flags] },
    check,
    plan: seenPlan(session.steps, session.plan),
    tuning: session.tuning,
    run: () => session.run(),
  }
})
