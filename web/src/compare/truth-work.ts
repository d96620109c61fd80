// What convmark makes of the benchmark's images: what the other libraries are compared with before they are timed.
import { initialize, initializeImages, networkNamed, openSession } from 'convmark'
import type { Work } from '../work/serve.ts'
import { SEED, type Truth, type TruthRequest } from './messages.ts'

/** Factors for the images: at 1, the benchmark's own, LRN changes next to nothing; at 150 every layer acts. */
const CHECKED_SCALES = [1, 150]

export const truthWork: Work<TruthRequest, Truth> = async ({ network: name, batch }, tell) => {
  const network = networkNamed(name)
  const session = await openSession(network, { batch, engine: 'wasm@1', algorithm: 'direct' })
  try {
    session.write(initialize(network, { seed: SEED }))
    const { images } = initializeImages(network, batch, { seed: SEED })
    const { outputs } = session.plan
    for (const scale of CHECKED_SCALES) {
      await session.run({ images: images!.map((value) => value * scale) })
      tell({ scale, outputs: Object.fromEntries(outputs.map((tensor) => [tensor, session.read(tensor)])) })
    }
  } finally {
    await session.dispose()
  }
}
