import type { Engine } from '../engines/engine.ts'
import { ShapeError, UsageError } from '../errors.ts'
import type { Network } from '../networks/network.ts'
import type { Training } from '../plan/training.ts'
import { openSession, type Session } from '../session.ts'
import { firstNotFinite } from '../tensor.ts'

type Tensors = Readonly<Record<string, Float32Array>>

/**
 * Says where numbers stopped being finite: in the inputs, in a parameter, or in the first layer with finite inputs
 * whose output is not finite. Runs the same batch once more and keeps every activation.
 */
export async function findNotFinite(
  network: Network,
  engine: Engine,
  batch: number,
  given: {
    readonly parameters: Tensors
    readonly inputs: Tensors
    readonly settings: Tensors
    /** Layers that are frozen in it are frozen here too. */
    readonly training: Training
  },
): Promise<string> {
  for (const [kind, tensors] of [
    ['the input', given.inputs],
    ['the parameter', given.parameters],
  ] as const) {
    const found = Object.entries(tensors).find(([, values]) => firstNotFinite(values) >= 0)
    if (found) return `${kind} '${found[0]}' is not finite`
  }
  let session: Session
  try {
    const { training } = given
    session = await openSession(network, { batch, pass: 'forward-backward', training, engine, keep: 'all' })
  } catch (error) {
    if (!(error instanceof UsageError) || error instanceof ShapeError) throw error
    return 'there is no memory to run it once more and see in which layer' // the news is that the training diverged
  }
  try {
    session.write({ ...given.parameters, ...given.settings })
    await session.run(given.inputs)
    for (const { layer } of network.layers) {
      if (firstNotFinite(await session.fetch(layer.name)) >= 0)
        return `layer '${layer.name}' is the first that is not finite`
    }
    return 'run once more, every layer is finite'
  } finally {
    await session.dispose()
  }
}
