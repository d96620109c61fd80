// What convmark makes of the benchmark's images: what the other libraries are compared with before they are timed.
import { initialize, initializeImages, openSession } from 'convmark'
import { networkOf, parametersOf } from '../model/choice.ts'
import type { Work } from '../work/serve.ts'
import { SEED, type Truth, type TruthRequest } from './messages.ts'
import { scaledImages } from './peers/peer.ts'

/** Factors for the images: at 1, the benchmark's own, LRN changes next to nothing; at 150 every layer acts. */
const CHECKED_SCALES = [1, 150]

export const truthWork: Work<TruthRequest, Truth> = async ({ network: choice, batch }, tell) => {
  const network = networkOf(choice)
  const parameters = await parametersOf(choice)
  const session = await openSession(network, { batch, engine: 'wasm@1', algorithm: 'direct' })
  try {
    session.write(parameters ?? initialize(network, { seed: SEED }))
    const inputs = initializeImages(network, batch, { seed: SEED })
    const { outputs } = session.plan
    for (const scale of CHECKED_SCALES) {
      await session.run(scaledImages(network, inputs, scale))
      const made = outputs.map(async (tensor) => [tensor, await session.fetch(tensor)] as const)
      tell({ scale, outputs: Object.fromEntries(await Promise.all(made)) })
    }
  } finally {
    await session.dispose()
  }
}
